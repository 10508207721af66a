import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path) => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");

test("the guide shows the lobby's lines as `make run` uses them", () => {
  const file = read("server/web/demo/lobby.toml");
  const table = file.slice(file.indexOf("\n[") + 1);
  expect(table).toMatch(/^\[channels\."lobby:\*"\]\n(.+ = .+\n){6}$/);
  expect(read("docs/front-ends.md")).toContain(`\`\`\`toml\n${table}\`\`\``);
  expect(read("Makefile")).toContain("VESTIBULE_CONFIG ?= server/web/demo/lobby.toml");
});
