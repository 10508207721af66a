/**
 * The protocol's own parts, for who speaks it with phoenix.js alone: `vestibule-client/protocol`.
 */
export { fromBase64url, randomId, toBase64url } from "./bytes.js";
export { checkCard, checkDenial, checkRequest, openApprove } from "./checks.js";
export { boxOf, fingerprintOf, ridOf, uidOf } from "./ids.js";
export { SigningKey } from "./keys.js";
export { BOX_ALG, BoxKey, seal } from "./sealing.js";
export { signFields, signedBytes, verifyFields } from "./signed.js";
