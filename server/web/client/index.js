/**
 * The reference client of Vestibule. Start at {@link Vestibule.connect}; the flow itself is in `docs/protocol.md`.
 *
 * `FileStorage`, which needs Node, is imported from `vestibule-client/file-storage`.
 */
export { Vestibule } from "./src/client.js";
export { DeniedError, VestibuleError } from "./src/errors.js";
export { roomFingerprintOf } from "./src/fingerprints.js";
export { LocalStorage, MemoryStorage } from "./src/storage.js";
