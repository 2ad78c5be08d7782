import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { buildSync, type BuildOptions } from 'esbuild';

/** Node of the functions; the newest that Lambda has. */
export const RUNTIME = lambda.Runtime.NODEJS_24_X;

/**
 * How a function is bundled: one minified ES module with everything in it, so that what is tested is what runs,
 * whatever SDK the runtime brings.
 */
export const bundleOptions = {
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'error',
  mainFields: ['module', 'main'],
  // `@aws-sdk/s3-presigned-post` brings another version of it along.
  alias: { '@aws-sdk/client-s3': directoryOf('@aws-sdk/client-s3') },
  // What is CommonJS inside asks for `require`.
  banner: {
    js: "import { createRequire as waybillRequire } from 'node:module'; const require = waybillRequire(import.meta.url);",
  },
} as const satisfies BuildOptions;

function directoryOf(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}

/**
 * The path of a function's entry, in the sources as in the built package.
 * @param name from the package's root, without suffix: `producers/url-service/function`
 */
export function entryOf(name: string): string {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../${name}.${suffix}`, import.meta.url));
}

/** Bundles an entry by esbuild, on this machine, without Docker and without the network. */
export function bundle(entry: string): lambda.Code {
  return lambda.Code.fromAsset(fileURLToPath(new URL('.', import.meta.url)), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('none'),
      local: {
        tryBundle(outputDir: string): boolean {
          buildSync({ ...bundleOptions, entryPoints: [entry], outfile: `${outputDir}/index.mjs` });
          return true;
        },
      },
    },
  });
}
