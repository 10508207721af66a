/** The build configuration of the pages in this folder. */
import { gzipSync } from "node:zlib";

const TEXTS = /\.(js|css|svg|html)$/;

/** Emits `x.js.gz` for `x.js`, which the server sends to clients that accept gzip. */
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

/**
 * The configuration of one page. Nothing is inlined, because the page's Content-Security-Policy
 * allows only its own files.
 */
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
