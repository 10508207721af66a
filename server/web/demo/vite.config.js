import { defineConfig } from "vite";
import { page } from "../page.mjs";

/**
 * The server for `npm run dev`. Start it with `--name localhost:5173`, which is the name that the
 * page addresses. The server itself serves the built page.
 */
const SERVER = process.env.VESTIBULE_URL ?? "http://127.0.0.1:4000";

const proxy = Object.fromEntries(["/v1", "/socket"].map((path) => [path, { target: SERVER, ws: true }]));

export default defineConfig(page("demo", { resolve: { dedupe: ["phoenix"] }, server: { proxy } }));
