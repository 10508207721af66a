/** The package's types, for projects with TypeScript's strictest options. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Project } from "./project.js";

const TSC = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));

let project;
before(async () => {
  project = await Project.begin();
  await project.write("consumer.ts", await readFile(new URL("consumer.ts", import.meta.url), "utf8"));
});
after(() => project?.end());

for (const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
  test(`a strict project compiles: ${moduleResolution}`, { timeout: 60_000 }, async () => {
    const compilerOptions = {
      strict: true, noImplicitAny: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true,
      // Also checks the declarations of the package and its dependencies.
      skipLibCheck: false,
      target: "es2022", lib: ["es2022", "dom"], types: [], module, moduleResolution,
    };
    await project.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
    const { stdout } = await project.node(TSC).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
    assert.equal(stdout, "");
  });
}
