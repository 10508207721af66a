/** Long poll splits batches of pushes into chunks that the server accepts. */
import assert from "node:assert/strict";
import { LongPoll } from "phoenix";
import { test } from "vitest";
import { ChunkedSocket, chunksOf } from "../src/long-poll.js";

test("a batch is split into as few chunks as possible", () => {
  const cases = [
    [["aa", "bb", "cc"], 8, ["aa\nbb\ncc"]],
    [["aa", "bb", "cc"], 7, ["aa\nbb", "cc"]],
    [["aa", "bb", "cc"], 4, ["aa", "bb", "cc"]],
    [["\u00e4", "b"], 3, ["\u00e4", "b"]],
    [["far too large", "b"], 3, ["far too large", "b"]],
    [["b"], 3, ["b"]],
  ];
  for (const [lines, most, chunks] of cases) assert.deepEqual(chunksOf(lines.join("\n"), most), chunks);
});

/** A socket whose fake long poll answers each POST with the next of these statuses. */
function connect(statuses) {
  const [posted, answered] = [[], []];
  class Poll extends LongPoll {
    poll() {}
    ajax(method, headers, body, onTimeout, onAnswer) {
      posted.push(body);
      onAnswer({ status: statuses.shift() });
    }
  }
  const socket = new ChunkedSocket("ws://127.0.0.1/socket", { transport: Poll }, () => 7);
  let made;
  class Seen extends Poll {
    constructor(...options) {
      super(...options);
      made = this;
    }
  }
  socket.transport = Seen;
  socket.transportConnect();
  assert.equal(socket.transport, Seen, "the socket's transport is unchanged");
  made.ajax("POST", {}, "aa\nbb\ncc\ndd", () => {}, ({ status }) => answered.push(status));
  return { posted, answered };
}

test("chunks are posted in order and the last status counts", () => {
  assert.deepEqual(connect([200, 200]), { posted: ["aa\nbb", "cc\ndd"], answered: [200] });
});

test("no chunk follows a refused one", () => {
  assert.deepEqual(connect([410, 200]), { posted: ["aa\nbb"], answered: [410] });
});
