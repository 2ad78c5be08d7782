import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';

/** The page: its sources in a clone, itself in the built package. */
const WEB = fileURLToPath(new URL('../web/', import.meta.url));

/**
 * The files of the page: as the package holds them, or, in a clone, built from their sources by Vite, on this machine
 * and without the network, whenever the stack is synthesized.
 * @throws {Error} if they are not there, or cannot be built
 */
export function pageFiles(scope: Construct, id: string): Asset {
  const configFile = join(WEB, 'vite.config.ts');
  if (existsSync(configFile))
    return new Asset(scope, id, {
      path: WEB,
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        image: DockerImage.fromRegistry('none'),
        local: {
          tryBundle(outputDir: string): boolean {
            build(configFile, outputDir);
            return true;
          },
        },
      },
    });
  if (!existsSync(join(WEB, 'index.html')))
    throw new Error(`the upload page: ${WEB} holds no index.html; run npm run build`);
  return new Asset(scope, id, { path: WEB });
}

function build(configFile: string, outputDir: string): void {
  try {
    const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin', 'vite.js');
    const flags = ['--config', configFile, '--outDir', outputDir, '--emptyOutDir', '--logLevel', 'error'];
    execFileSync(process.execPath, [vite, 'build', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    throw new Error(`the upload page cannot be built by Vite: ${String(error)}`, { cause: error });
  }
}
