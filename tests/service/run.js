/**
 * Runs programs to their end.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** The root of the repository. */
export const ROOT = new URL("../../", import.meta.url).pathname;

/**
 * @param {string} program
 * @param {string[]} args
 * @param {import("node:child_process").ExecFileOptions} [options] as for `execFile`
 * @returns {Promise<string>} its standard output; rejects with all its output if it fails
 */
export async function run(program, args, options = {}) {
  const ran = await execute(program, args, { cwd: ROOT, maxBuffer: 1 << 26, ...options }).catch((error) => error);
  const failed = ran instanceof Error;
  assert.ok(!failed, `${program} ${args.join(" ")}: ${ran.message}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}
