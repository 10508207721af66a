/**
 * A user who speaks the protocol with phoenix.js alone: without reconnecting, repeating or storage.
 */
import { Socket } from "phoenix";
import {
  BOX_ALG, SigningKey, boxOf, randomId, ridOf, seal, signFields, toBase64url, uidOf,
} from "vestibule-client/protocol";
import { within } from "./support.js";
import { Wire } from "./wire.js";

const HOUR_MS = 3_600_000;

/**
 * @param {import("phoenix").Push} push
 * @returns {Promise<any>} the `ok` reply; rejects with the error reply
 */
export function reply(push) {
  const answered = new Promise((resolve, reject) => {
    push.receive("ok", resolve).receive("error", (error) => reject(Object.assign(new Error(error.reason), error)));
  });
  return within(push.event, answered);
}

/**
 * @param {import("phoenix").Channel} channel
 * @param {string} event
 * @returns {Promise<any>} the payload of the next push
 */
export function next(channel, event) {
  const pushed = new Promise((resolve) => {
    const ref = channel.on(event, (payload) => {
      channel.off(event, ref);
      resolve(payload);
    });
  });
  return within(`push ${event}`, pushed);
}

/** A user with a key, a token and a socket. */
export class PhoenixUser {
  /** @type {Wire} */
  wire = new Wire();
  /** @type {string} */
  device = randomId();

  /** Use {@link PhoenixUser.connect}. */
  constructor(server, key, uid) {
    /** @type {string} the server's name */
    this.server = server;
    /** @type {SigningKey} */
    this.key = key;
    /** @type {string} */
    this.sign_pub = toBase64url(key.pub);
    /** @type {string} */
    this.uid = uid;
    /** @type {string} */
    this.token = "";
    /** @type {Socket} */
    this.socket = null;
  }

  /**
   * @param {import("./support.js").Server} server
   * @param {"authToken" | "params"} tokenIn where phoenix.js sends the token
   * @param {object} [known] known values; others are generated
   * @param {SigningKey} [known.key] the user's
   * @param {string} [known.device]
   * @param {string} [known.name] the server's name, if it differs from the URL's host and port
   * @returns {Promise<PhoenixUser>} connected
   */
  static async connect(server, tokenIn = "authToken", { key, device, name = new URL(server.url).host } = {}) {
    // ECDSA, whose signatures are never the same.
    key ??= await SigningKey.generate("p256");
    const user = new PhoenixUser(name, key, await uidOf(key.alg, key.pub));
    user.device = device ?? user.device;

    const post = async (path, body) => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(server.url + path, { method: "POST", headers, body: JSON.stringify(body) });
      return response.json();
    };
    const { nonce } = await post("/v1/challenge", { uid: user.uid });
    const sig = await signFields("session", { server: user.server, uid: user.uid, nonce }, user.key);
    const { token } = await post("/v1/session", { sign_pub: user.sign_pub, alg: user.key.alg, nonce, sig });

    const where = tokenIn === "params" ? { params: { token } } : { authToken: token };
    const options = { transport: user.wire.transport, ...where };
    user.token = token;
    user.socket = new Socket(`${server.url.replace("http", "ws")}/socket`, options);
    user.socket.connect();
    return user;
  }

  /** @returns {Promise<{channel: import("phoenix").Channel, joined: any}>} */
  async join(topic) {
    const channel = this.socket.channel(topic, { v: 1, device: this.device });
    return { channel, joined: await reply(channel.join()) };
  }

  /** @returns {Promise<any>} */
  async prove(channel, nonce, roomKey) {
    const rid = await ridOf(roomKey.alg, roomKey.pub);
    const sig = await signFields("prove", { server: this.server, rid, uid: this.uid, nonce }, roomKey);
    return reply(channel.push("prove", { room_pub: toBase64url(roomKey.pub), alg: roomKey.alg, nonce, sig }));
  }

  /** @returns {Promise<object>} the payload of a `request` */
  async request(rid, box, changes = {}) {
    const box_pub = toBase64url(box.pub);
    const fields = { request_id: randomId(), box_alg: BOX_ALG, box_pub, exp: Date.now() + HOUR_MS, ...changes };
    const sig = await signFields("request", { ...fields, rid, uid: this.uid }, this.key);
    return { ...fields, sign_pub: this.sign_pub, sign_alg: this.key.alg, sig };
  }

  /**
   * @returns {Promise<object>} the payload of an `approve`; it seals `secret`, by default the room
   *   key
   */
  async approve(request, boxPub, roomKey, secret = roomKey.private) {
    const { rid, request_id, uid: to } = request;
    const ct = toBase64url(await seal(boxPub, { rid, request_id, to }, secret));
    const box = await boxOf(request.box_alg, boxPub);
    const fields = { approve_id: randomId(), request_id, to, box, alg: BOX_ALG, ct, exp: request.exp };
    const signed = { ...fields, rid, by: this.uid };
    const room_sig = await signFields("approve", signed, roomKey);
    const user_sig = await signFields("approve", signed, this.key);
    return { ...fields, sign_pub: this.sign_pub, sign_alg: this.key.alg, room_sig, user_sig };
  }

  /** @returns {Promise<void>} */
  disconnect() {
    return new Promise((resolve) => this.socket.disconnect(resolve));
  }
}
