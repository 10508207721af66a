/** A process that claims a file for a test. It prints the outcome and then waits to be killed. */
import { FileStorage } from "../src/file-storage.js";

const [path, wait] = process.argv.slice(2);
const storage = new FileStorage(path);
const print = (what) => process.stdout.write(`${what}\n`);

try {
  const release = await storage.claim({ wait: wait === "wait" });
  print("claimed");
  process.stdin.on("data", async (asked) => {
    try {
      if (String(asked).includes("release")) await release();
      else await storage.set("by", String(process.pid));
      print("done");
    } catch ({ reason }) {
      print(reason);
    }
  });
} catch ({ reason }) {
  print(reason);
}
