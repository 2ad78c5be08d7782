import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { bundleOptions, entryOf } from '../../infra/bundle.ts';

/** A function's bundle, made as the stack makes it. */
export interface Bundle {
  readonly sizeBytes: number;
  /** Directories of the packages in it: one that stands there twice is there in two versions. */
  readonly packages: readonly string[];
  /** Loads it, with these variables in the environment. */
  load(env: Readonly<Record<string, string>>): Promise<{ handler: (event: unknown) => Promise<any> }>;
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
    load: async (env) => {
      Object.assign(process.env, env);
      return (await import(pathToFileURL(outfile).href)) as Awaited<ReturnType<Bundle['load']>>;
    },
  };
}
