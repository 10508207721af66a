import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

/** Where `npm run dev` finds a server; the built page is served by the server itself. */
const SERVER = process.env.VESTIBULE_URL ?? "http://127.0.0.1:4000";

const proxy = Object.fromEntries(["/v1", "/socket"].map((path) => [path, { target: SERVER, ws: true }]));

/** What is worth compressing. */
const TEXTS = /\.(js|css|svg|html)$/;

/** Compressed once here, so that the server need not: it sends `x.js.gz` for `x.js` to who takes gzip. */
const compressed = {
  name: "compressed",
  generateBundle(_, bundle) {
    for (const [name, file] of Object.entries(bundle)) {
      if (!TEXTS.test(name)) continue;
      const source = gzipSync(file.code ?? file.source, { level: 9 });
      this.emitFile({ type: "asset", fileName: `${name}.gz`, source });
    }
  },
};

export default defineConfig({
  plugins: [compressed],
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
