/** A user's project that contains only what npm installs from the client's tarball. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const CLIENT = new URL("../../server/web/client/", import.meta.url);

/** Silences everything but npm's errors. */
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];

export class Project {
  /** Use {@link Project.begin}. */
  constructor(folder) {
    /** @type {string} */
    this.folder = folder;
  }

  /**
   * @returns {Promise<Project>} a project with the client and, as its README says, phoenix and ws
   */
  static async begin() {
    const project = new Project(await mkdtemp(join(tmpdir(), "vestibule-package-")));
    try {
      await project.write("package.json", JSON.stringify({ name: "empty", private: true, type: "module" }));
      await run("npm", ["pack", ...QUIET, "--pack-destination", project.folder], { cwd: fileURLToPath(CLIENT) });
      const [tarball] = (await readdir(project.folder)).filter((name) => name.endsWith(".tgz"));
      // The versions with which the client is tested.
      const { devDependencies } = JSON.parse(await readFile(new URL("package.json", CLIENT), "utf8"));
      const others = ["phoenix", "ws"].map((name) => `${name}@${devDependencies[name]}`);
      await run("npm", ["install", ...QUIET, `./${tarball}`, ...others], { cwd: project.folder });
    } catch (error) {
      await project.end();
      throw error;
    }
    return project;
  }

  /**
   * @param {string} name
   * @param {string} content
   */
  async write(name, content) {
    await writeFile(join(this.folder, name), content);
  }

  /**
   * @param {string} script a script of the project, or a path
   * @param {...string} args
   * @returns {Promise<{stdout: string, stderr: string}>} rejects with both if it fails
   */
  node(script, ...args) {
    return run(process.execPath, [script, ...args], { cwd: this.folder, timeout: 60_000 });
  }

  /**
   * @returns {Promise<string[]>} the files of the installed client, except modules and their
   *   declarations
   */
  async installed() {
    const names = await readdir(join(this.folder, "node_modules/vestibule-client"), { recursive: true });
    return names.filter((name) => !/^(src|types)\//.test(name)).sort();
  }

  /** @returns {Promise<void>} */
  async end() {
    await rm(this.folder, { recursive: true, force: true });
  }
}
