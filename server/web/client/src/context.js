/**
 * What the parts of one client share.
 *
 * @typedef {object} Context
 * @property {import("phoenix").Socket} socket
 * @property {string} server the server's name, which proofs are signed for
 * @property {import("./keys.js").SigningKey} user
 * @property {string} uid
 * @property {string} device
 * @property {import("./records.js").Records} records
 * @property {import("./clock.js").Clock} clock every time that is signed or compared comes from it
 * @property {import("./notices.js").Notices} notices
 * @property {(error: unknown, doing?: string) => void} warn reports an error that no caller can
 *   receive, and what the client was doing
 * @property {import("./token-renewal.js").TokenRenewal} tokenRenewal
 */
export {};
