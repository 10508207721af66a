/**
 * The start time of a process. Together with its number it distinguishes the process from all
 * others that had or will have that number.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * @param {number} pid
 * @returns {Promise<string | null>} null if the process does not exist or is a zombie; an empty
 *   string if it exists but the system does not tell its start time
 */
export async function startOf(pid) {
  if (!exists(pid)) return null;
  const answer = process.platform === "linux" ? await askProc(pid) : await askPs(pid);
  if (!answer) return "";
  const [state, start] = answer;
  return /^[ZX]/.test(state) ? null : start;
}

function exists(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** The kernel counts from its own boot, so the boot id is part of the result. */
async function askProc(pid) {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    // The program's name, in parentheses, may contain spaces. The 3rd and 22nd fields come after
    // it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [fields[0], `${boot.trim()} ${fields[19]}`];
  } catch {
    return null;
  }
}

async function askPs(pid) {
  try {
    const options = { env: { ...process.env, LC_ALL: "C", TZ: "UTC" } };
    const { stdout } = await run("ps", ["-o", "stat=,lstart=", "-p", String(pid)], options);
    const [state, ...start] = stdout.trim().split(/\s+/);
    return [state, start.join(" ")];
  } catch {
    return null;
  }
}
