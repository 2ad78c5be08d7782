import type { TestProject } from 'vitest/node';
import { TARGET_KEY, virtualHostOf } from '../target.ts';
import { RADOSGW_PACKAGES, isRadosgwInstalled, startRadosgw } from './start-radosgw.ts';

/**
 * Starts Ceph's gateway for the tests of this project.
 * @returns what stops it
 * @throws {Error} if it is not installed, naming the packages
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!isRadosgwInstalled())
    throw new Error(`Ceph's gateway is not installed: apt-get install ${RADOSGW_PACKAGES.join(' ')}`);
  const gateway = await startRadosgw();
  const { endpoint, region, credentials } = gateway;
  project.provide(TARGET_KEY, {
    kind: 'radosgw',
    endpoint,
    region,
    credentials,
    virtualHost: virtualHostOf(endpoint),
  });
  return async () => await gateway.stop();
}
