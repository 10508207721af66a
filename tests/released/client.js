/** The client as it was released, from its tarball: what people have in their applications. */
import { Vestibule } from "vestibule-client";
import { FileStorage } from "vestibule-client/file-storage";

/** @type {import("../flows/person.js").Client} */
export const RELEASED = { Vestibule, FileStorage };
