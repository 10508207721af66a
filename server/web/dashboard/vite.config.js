import { defineConfig } from "vite";
import { page } from "../page.mjs";

/** The address of the server's admin listener, for `npm run dev`. */
const SERVER = process.env.VESTIBULE_ADMIN_URL ?? "http://127.0.0.1:4001";

const proxy = Object.fromEntries(["/admin", "/socket"].map((path) => [path, { target: SERVER, ws: true }]));

export default defineConfig(page("dashboard", { server: { proxy } }));
