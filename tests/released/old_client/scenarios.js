/** The four flows by their names. */
import { bobLeaves, bobWaits, offline, online } from "../../flows/four.js";

export const FOUR = { online, offline, "mixed, Bob waits": bobWaits, "mixed, Bob leaves": bobLeaves };
