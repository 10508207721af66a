/** The released client from its tarball, as people have it in their applications. */
import { Vestibule } from "vestibule-client";
import { FileStorage } from "vestibule-client/file-storage";

/** @type {import("../flows/person.js").Client} */
export const RELEASED = { Vestibule, FileStorage };
