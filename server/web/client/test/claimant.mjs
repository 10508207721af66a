/** A process that claims a file for a test: it says how that went, and then waits to be ended. */
import { FileStorage } from "../src/file-storage.js";

const [path, wait] = process.argv.slice(2);
const storage = new FileStorage(path);
const said = (what) => process.stdout.write(`${what}\n`);

try {
  const release = await storage.claim({ wait: wait === "wait" });
  said("claimed");
  process.stdin.on("data", async (asked) => {
    try {
      if (String(asked).includes("release")) await release();
      else await storage.set("by", String(process.pid));
      said("done");
    } catch ({ reason }) {
      said(reason);
    }
  });
} catch ({ reason }) {
  said(reason);
}
