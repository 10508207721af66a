import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.js"],
    // Nothing takes this long unless it is broken; a busy machine is slow.
    testTimeout: 30_000,
  },
});
