import { copyFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stack } from 'aws-cdk-lib';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import { buildSync } from 'esbuild';
import { bundleOptions } from './bundle.ts';

/** The Dockerfile, in the sources as in the built package, which brings it along. */
const DOCKERFILE = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts')
      ? './consumer-service/Dockerfile'
      : '../../infra/consumer-service/Dockerfile',
    import.meta.url,
  ),
);

/**
 * Bundles a program by esbuild and puts it beside the Dockerfile. Docker is needed when the image is built, which
 * `cdk deploy` does, and not before.
 */
export function containerImage(scope: Construct, entry: string): ecs.ContainerImage {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-image-'));
  copyFileSync(DOCKERFILE, join(directory, 'Dockerfile'));
  if (Stack.of(scope).bundlingRequired)
    buildSync({ ...bundleOptions, entryPoints: [entry], outfile: join(directory, 'index.mjs') });
  return ecs.ContainerImage.fromAsset(directory, { platform: Platform.LINUX_ARM64 });
}
