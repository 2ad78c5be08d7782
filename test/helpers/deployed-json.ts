import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deployed } from './cloudformation.ts';

/** The JSON that a deployment writes, with what is known only once it is deployed in its place. */
export async function deployedJson(
  deployed: Deployed,
  assembly: string,
  key: string,
): Promise<string | undefined> {
  for (const [, { SourceObjectKeys, SourceMarkers = [] }] of deployed.ofType('Custom::CDKBucketDeployment'))
    for (const [index, zip] of (SourceObjectKeys as string[]).entries()) {
      const path = join(assembly, `asset.${zip.replace(/\.zip$/, '')}`, key);
      const text = await readFile(path, 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      return Object.entries(SourceMarkers[index] ?? {}).reduce(
        (all, [marker, value]) => all.replaceAll(marker, String(value)),
        text,
      );
    }
  return undefined;
}
