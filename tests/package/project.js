/** A project of somebody who uses the client: empty, but for what npm installs from its tarball. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const CLIENT = new URL("../../server/web/client/", import.meta.url);

/** What npm says beside its errors is of no interest here. */
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];

export class Project {
  /** Use {@link Project.begin}. */
  constructor(folder) {
    /** @type {string} */
    this.folder = folder;
  }

  /** @returns {Promise<Project>} with the client and, as its README says, phoenix and ws */
  static async begin() {
    const project = new Project(await mkdtemp(join(tmpdir(), "vestibule-package-")));
    try {
      await project.write("package.json", JSON.stringify({ name: "empty", private: true, type: "module" }));
      await run("npm", ["pack", ...QUIET, "--pack-destination", project.folder], { cwd: fileURLToPath(CLIENT) });
      const [tarball] = (await readdir(project.folder)).filter((name) => name.endsWith(".tgz"));
      // The versions that the client is tested with.
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
   * @param {string} script of the project, or a path
   * @param {...string} args
   * @returns {Promise<{stdout: string, stderr: string}>} rejects with both where it fails
   */
  node(script, ...args) {
    return run(process.execPath, [script, ...args], { cwd: this.folder, timeout: 60_000 });
  }

  /** @returns {Promise<string[]>} the files of the installed client, but for the modules and their declarations */
  async installed() {
    const names = await readdir(join(this.folder, "node_modules/vestibule-client"), { recursive: true });
    return names.filter((name) => !/^(src|types)\//.test(name)).sort();
  }

  /** @returns {Promise<void>} */
  async end() {
    await rm(this.folder, { recursive: true, force: true });
  }
}
