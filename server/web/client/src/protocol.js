/**
 * Parts of the protocol for applications that use phoenix.js alone: `vestibule-client/protocol`.
 */
export { fromBase64url, randomId, toBase64url } from "./bytes.js";
export { checkCard, checkDenial, checkRequest, openApprove } from "./checks.js";
export { fingerprintOf, roomFingerprintOf } from "./fingerprints.js";
export { boxOf, ridOf, uidOf } from "./ids.js";
export { SigningKey } from "./keys.js";
export { MessageKey } from "./messages.js";
export { BOX_ALG, BoxKey, seal } from "./sealing.js";
export { signFields, signedBytes, verifyFields } from "./signed.js";

/** @typedef {import("./checks.js").Card} Card */
/** @typedef {import("./checks.js").CheckedRequest} CheckedRequest */
/** @typedef {import("./keys.js").SignAlg} SignAlg */
/** @typedef {import("./sealing.js").SealContext} SealContext */
/** @typedef {import("./signed.js").SignedKind} SignedKind */
