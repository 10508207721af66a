/** The four flows by name. */
import { bobLeaves, bobWaits, offline, online } from "../../flows/scenarios.js";

export const SCENARIOS = { online, offline, "mixed, Bob waits": bobWaits, "mixed, Bob leaves": bobLeaves };
