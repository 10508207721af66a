import { defineConfig } from "vite";

/** Where `npm run dev` finds a server; the built page is served by the server itself. */
const SERVER = process.env.VESTIBULE_URL ?? "http://127.0.0.1:4000";

const proxy = Object.fromEntries(["/v1", "/socket"].map((path) => [path, { target: SERVER, ws: true }]));

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: { dedupe: ["phoenix"] },
  build: {
    outDir: "../dist/demo",
    emptyOutDir: true,
    target: "es2022",
    // Nothing is inlined: the page's Content-Security-Policy takes no data: scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy },
});
