import { build } from 'esbuild';
import { chmod, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

/*
 * Bundles what package.json names (`exports` and `bin`) into dist/, beside the declarations of `tsc`. Node takes about
 * half a millisecond for every module it loads, and there are several hundred small ones; so an entry is one file, and
 * what several share is a chunk that they share, so that a class is the same class in all of them. Whatever is imported
 * only when it is needed stays a file of its own. Dependencies stay where they are, but for OpenTelemetry's facade:
 * every entry loads it, it is fifty files, and it finds what an application registered by a symbol of the process,
 * whichever copy of it asks (docs/decisions/0010).
 */
const manifest = JSON.parse(await readFile('package.json', 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
};
const commands = Object.values(manifest.bin);
/** What `waybill/infra` bundles for Lambda. */
const functions = [
  './dist/producers/url-service/function-entry.js',
  './dist/producers/sweeper/function-entry.js',
  './dist/producers/signing-key/function-entry.js',
  './dist/producers/upload-service/http-entry.js',
  './dist/producers/upload-service/intake-entry.js',
  './dist/producers/upload-service/sweep-entry.js',
];
const modules = Object.values(manifest.exports).flatMap((to) => (typeof to === 'string' ? [] : [to.default]));
const common = {
  outdir: 'dist',
  outbase: '.',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
} as const;
await build({
  ...common,
  entryPoints: [...modules, ...commands, ...functions].map((path) =>
    path.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts'),
  ),
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
  // An alias is a path, and no package any more
  alias: { '@opentelemetry/api': resolve('node_modules/@opentelemetry/api/build/esm/index.js') },
});
// What a thread runs, started by its path. It shares nothing, and CommonJS is there 40 ms sooner: no loader is started.
await build({
  ...common,
  entryPoints: ['consumers/download/threads/receiver.ts'],
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.url': 'receiverUrl' },
  banner: { js: "const receiverUrl = require('node:url').pathToFileURL(__filename).href;" },
});
await Promise.all(commands.map(async (path) => await chmod(path, 0o755)));
