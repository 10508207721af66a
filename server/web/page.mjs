/** How the pages of this folder are built. */
import { gzipSync } from "node:zlib";

const TEXTS = /\.(js|css|svg|html)$/;

/** The server sends `x.js.gz` for `x.js` to who takes gzip. */
export const compressed = {
  name: "compressed",
  generateBundle(_, bundle) {
    for (const [name, file] of Object.entries(bundle)) {
      if (!TEXTS.test(name)) continue;
      const source = gzipSync(file.code ?? file.source, { level: 9 });
      this.emitFile({ type: "asset", fileName: `${name}.gz`, source });
    }
  },
};

/** How a page of this folder is built: nothing inlined, since its Content-Security-Policy takes its own files only. */
export function page(name, more = {}) {
  return {
    plugins: [compressed],
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir: `../dist/${name}`,
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    ...more,
  };
}
