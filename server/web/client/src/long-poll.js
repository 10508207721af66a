/**
 * Long poll in POSTs that the server takes. phoenix.js puts what is pushed in one moment into one POST, and the server
 * takes none that is larger than the largest message: some large messages at once would end the connection, as one that
 * is too large would, and where all of them are repeated at the next join, that one as well.
 */
import { Socket } from "phoenix";
import { utf8 } from "./bytes.js";
import { isLongPoll } from "./frame-size.js";

/** A socket of phoenix.js, whose long poll posts no more at once than the server takes. */
export class ChunkedSocket extends Socket {
  /** @type {() => number} */
  #maxBytes;

  /**
   * @param {string} endpoint
   * @param {Partial<import("phoenix").SocketConnectOption>} options
   * @param {() => number} maxBytes the largest message that the server takes, as far as it has said
   */
  constructor(endpoint, options, maxBytes) {
    super(endpoint, options);
    this.#maxBytes = maxBytes;
  }

  /** What phoenix.js connects by, which after a fallback is another transport than was given. */
  transportConnect() {
    const socket = /** @type {any} */ (this);
    const { transport } = socket;
    socket.transport = isLongPoll(transport) ? chunked(transport, this.#maxBytes) : transport;
    try {
      // @ts-expect-error It is there, and its types do not say so.
      super.transportConnect();
    } finally {
      socket.transport = transport;
    }
  }
}

function chunked(LongPoll, maxBytes) {
  return class ChunkedLongPoll extends LongPoll {
    ajax(method, headers, body, onTimeout, onAnswer) {
      const parts = method === "POST" ? chunksOf(body, maxBytes()) : [body];
      const post = (at) => {
        super.ajax(method, headers, parts[at], onTimeout, (answer) => {
          const goesOn = answer?.status === 200 && at + 1 < parts.length;
          if (goesOn) post(at + 1);
          else onAnswer(answer);
        });
      };
      post(0);
    }
  };
}

/**
 * @param {string} batch messages, a line each
 * @param {number} maxBytes
 * @returns {string[]} the same in as few parts as that makes; a single message is not cut
 */
export function chunksOf(batch, maxBytes) {
  const parts = [];
  let room = 0;
  for (const line of batch.split("\n")) {
    const bytes = utf8(line).length;
    // With the line's end, which stands between two.
    if (parts.length > 0 && bytes + 1 <= room) {
      parts[parts.length - 1].push(line);
      room -= bytes + 1;
    } else {
      parts.push([line]);
      room = maxBytes - bytes;
    }
  }
  return parts.map((lines) => lines.join("\n"));
}
