/**
 * The reference client of Vestibule. Start at {@link Vestibule.connect}; `docs/protocol.md`
 * describes the protocol.
 *
 * Import `FileStorage`, which needs Node, from `vestibule-client/file-storage`.
 */
export { Vestibule } from "./src/client.js";
export { DeniedError, VestibuleError } from "./src/errors.js";
export { roomFingerprintOf } from "./src/fingerprints.js";
export { LocalStorage, MemoryStorage } from "./src/storage.js";

/** @typedef {import("./src/client.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./src/storage.js").Storage} Storage */
/** @typedef {import("./src/storage.js").ClaimOptions} ClaimOptions */
/** @typedef {import("./src/storage.js").Release} Release */
/** @typedef {import("./src/records.js").KnownRoom} KnownRoom */
/** @typedef {import("./src/room.js").Room} Room */
/** @typedef {import("./src/room-info.js").CardChange} CardChange */
/** @typedef {import("./src/retry-queue.js").Role} Role */
/** @typedef {import("./src/checks.js").Card} Card */
/** @typedef {import("./src/checks.js").Policy} Policy */
/** @typedef {import("./src/room.js").AskOptions} AskOptions */
/** @typedef {import("./src/newcomer.js").Asked} Asked */
/** @typedef {import("./src/join-request.js").JoinRequest} JoinRequest */
/** @typedef {import("./src/checks.js").ServerSays} ServerSays */
/** @typedef {import("./src/session.js").Login} Login */
/** @typedef {import("./src/pending-requests.js").GoneRequest} GoneRequest */
/** @typedef {import("./src/pending-requests.js").Denial} Denial */
/** @typedef {import("./src/notices.js").Receipt} Receipt */
/** @typedef {import("./src/notices.js").Ending} Ending */
/** @typedef {import("./src/notices.js").Erasure} Erasure */
/** @typedef {import("./src/notices.js").Notice} Notice */
/** @typedef {import("./src/keys.js").SigningKey} SigningKey */
/** @typedef {import("./src/keys.js").SignAlg} SignAlg */
/** @typedef {import("./src/sealing.js").BoxKey} BoxKey */
