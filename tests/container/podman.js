/**
 * Containers of the image under test. rootless.sh provides Podman; build.sh has built the image.
 */
import { execFile } from "node:child_process";
import { freePort } from "../js/process.mjs";
import { until } from "../js/waiting.mjs";

export const IMAGE = "localhost/vestibule";

/** No command of Podman in these tests takes this long unless it hangs. */
const TIMEOUT_MS = 60_000;

/** Longer than the server gives its clients to leave; the documents recommend it. */
export const STOP_TIMEOUT = ["--stop-timeout", "20"];
/** The documents recommend these as well. */
export const CONFINED = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"];

/**
 * @param {...string} args
 * @returns {Promise<{code: number, stdout: string, stderr: string}>} even if Podman fails
 */
export function attempt(...args) {
  return new Promise((resolve, reject) => {
    execFile(process.env.PODMAN, args, { timeout: TIMEOUT_MS, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      // Without a code, Podman was not found or has been killed.
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ code: error?.code ?? 0, stdout: stdout.trim(), stderr: stderr.trim() });
    });
  });
}

/**
 * @param {...string} args
 * @returns {Promise<string>} the standard output; rejects if Podman fails
 */
export async function podman(...args) {
  const { code, stdout, stderr } = await attempt(...args);
  if (code !== 0) throw new Error(`podman ${args.join(" ")} exited with ${code}: ${stderr}`);
  return stdout;
}

/** A container with a published port, its data in a volume named like itself. */
export class Container {
  /** Use {@link Container.run}. */
  constructor(name, port) {
    /** @type {string} */
    this.name = name;
    /** @type {number} the published port */
    this.port = port;
    /** @type {string} what clients connect to */
    this.url = `http://127.0.0.1:${port}`;
  }

  /**
   * @param {string} name
   * @param {number} [port] to publish; a free one by default
   * @returns {Promise<Container>} once the server is ready
   */
  static async run(name, port) {
    const container = new this(name, port ?? (await freePort()));
    const published = ["--publish", `127.0.0.1:${container.port}:4000`];
    const stored = ["--volume", `${name}:/var/lib/vestibule`];
    const named = ["--name", name, "--env", `VESTIBULE_NAME=127.0.0.1:${container.port}`];
    await podman("run", "--detach", ...named, ...STOP_TIMEOUT, ...published, ...stored, ...CONFINED, IMAGE);
    try {
      await until("the server is ready", () => container.#ready());
    } catch (error) {
      throw new Error(await container.logs(), { cause: error });
    }
    return container;
  }

  async #ready() {
    return fetch(`${this.url}/health/ready`).then((response) => response.ok, () => false);
  }

  /** Runs the health check of the image once. */
  async healthCheck() {
    return attempt("healthcheck", "run", this.name);
  }

  /** Runs a program in the container. */
  async exec(...args) {
    return attempt("exec", this.name, ...args);
  }

  /** Runs a program in the container as root. */
  async execAsRoot(...args) {
    return attempt("exec", "--user", "0", this.name, ...args);
  }

  /** @returns {Promise<string>} what the server has written, to both of its outputs */
  async logs() {
    const { stdout, stderr } = await attempt("logs", this.name);
    return `${stdout}\n${stderr}`;
  }

  /** @returns {Promise<{seconds: number, code: number}>} how long it took, and the server's exit code */
  async stop() {
    const begun = performance.now();
    await podman("stop", this.name);
    const seconds = (performance.now() - begun) / 1000;
    return { seconds, code: Number(await podman("inspect", "--format", "{{.State.ExitCode}}", this.name)) };
  }

  /** Removes the container, and keeps its volume. */
  async remove() {
    await podman("rm", "--force", "--time", "0", this.name);
  }
}
