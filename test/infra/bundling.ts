import { createRequire } from 'node:module';
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { bundleOptions, entryOf } from '../../infra/bundle.ts';

const require = createRequire(import.meta.url);

/** A function's bundle, made as the stack makes it. */
export interface Bundle {
  readonly sizeBytes: number;
  /** Directories of the packages in it: one that stands there twice is there in two versions. */
  readonly packages: readonly string[];
  /** Loads it, with these variables in the environment. */
  load(env: Readonly<Record<string, string>>): {
    handler: (event: unknown, context?: object) => Promise<any>;
  };
}

/** Bundles an entry into a temporary directory. */
export function bundleOf(name: string): Bundle {
  const outfile = join(mkdtempSync(join(tmpdir(), 'waybill-bundle-')), 'index.mjs');
  const { metafile } = buildSync({ ...bundleOptions, entryPoints: [entryOf(name)], outfile, metafile: true });
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  );
  const directories = used.map(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return {
    sizeBytes: statSync(outfile).size,
    packages: [...new Set(directories.filter((path) => path !== undefined))],
    load: (env) => {
      Object.assign(process.env, env);
      // By Node itself: Vite would take the megabytes apart and put them together again.
      return require(outfile) as ReturnType<Bundle['load']>;
    },
  };
}
