import { defineConfig } from "vite";
import { page } from "../page.mjs";

/**
 * Where `npm run dev` finds a server, which has to be started with `--name localhost:5173`: that is what the page addresses. The built page
 * is served by the server itself.
 */
const SERVER = process.env.VESTIBULE_URL ?? "http://127.0.0.1:4000";

const proxy = Object.fromEntries(["/v1", "/socket"].map((path) => [path, { target: SERVER, ws: true }]));

export default defineConfig(page("demo", { resolve: { dedupe: ["phoenix"] }, server: { proxy } }));
