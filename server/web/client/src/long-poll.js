/**
 * Long poll in POSTs that the server accepts. phoenix.js batches simultaneous pushes into one POST,
 * and the server accepts none that exceeds its message limit. Several large messages at once would
 * end the connection, and their repetition at the next join would end that one too.
 */
import { Socket } from "phoenix";
import { utf8 } from "./bytes.js";
import { isLongPoll } from "./frame-size.js";

/** A phoenix.js socket whose long poll splits large batches into several POSTs. */
export class ChunkedSocket extends Socket {
  /** @type {() => number} */
  #maxBytes;

  /**
   * @param {string} endpoint
   * @param {Partial<import("phoenix").SocketConnectOption>} options
   * @param {() => number} maxBytes the server's message limit, as far as it is known
   */
  constructor(endpoint, options, maxBytes) {
    super(endpoint, options);
    this.#maxBytes = maxBytes;
  }

  /**
   * phoenix.js calls this to connect; after a fallback `transport` is another one than was given.
   */
  transportConnect() {
    const socket = /** @type {any} */ (this);
    const { transport } = socket;
    socket.transport = isLongPoll(transport) ? chunked(transport, this.#maxBytes) : transport;
    try {
      // @ts-expect-error phoenix.js has this method, but its types do not.
      super.transportConnect();
    } finally {
      socket.transport = transport;
    }
  }
}

function chunked(LongPoll, maxBytes) {
  return class ChunkedLongPoll extends LongPoll {
    ajax(method, headers, body, onTimeout, onAnswer) {
      const chunks = method === "POST" ? chunksOf(body, maxBytes()) : [body];
      const post = (at) => {
        super.ajax(method, headers, chunks[at], onTimeout, (answer) => {
          const hasNext = answer?.status === 200 && at + 1 < chunks.length;
          if (hasNext) post(at + 1);
          else onAnswer(answer);
        });
      };
      post(0);
    }
  };
}

/**
 * @param {string} batch messages, one per line
 * @param {number} maxBytes
 * @returns {string[]} the same lines in as few chunks as possible; a single message is never split
 */
export function chunksOf(batch, maxBytes) {
  const chunks = [];
  let free = 0;
  for (const line of batch.split("\n")) {
    const bytes = utf8(line).length;
    // Plus one byte for the line feed between two messages.
    if (chunks.length > 0 && bytes + 1 <= free) {
      chunks[chunks.length - 1].push(line);
      free -= bytes + 1;
    } else {
      chunks.push([line]);
      free = maxBytes - bytes;
    }
  }
  return chunks.map((lines) => lines.join("\n"));
}
