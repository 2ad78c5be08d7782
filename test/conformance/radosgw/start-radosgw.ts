import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterConfig, monitorAddress, planCluster } from './cluster-config.ts';
import type { ClusterPlan } from './cluster-config.ts';
import { run, startDaemon, waitUntil } from './daemon.ts';
import type { Daemon } from './daemon.ts';

/** Debian packages that this needs. */
export const RADOSGW_PACKAGES = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'] as const;

/** A running Ceph object gateway and the little cluster behind it. */
export interface Radosgw {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Gateway, object store and monitor, in this order; then its directory. */
  stop(): Promise<void>;
}

/** True if the daemons are installed. */
export function isRadosgwInstalled(): boolean {
  return ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph', 'ceph-authtool'].every((name) =>
    existsSync(join('/usr/bin', name)),
  );
}

/**
 * Starts Ceph's object gateway on loopback, in a temporary directory, as the current user.
 * @throws {Error} telling which step failed, with the last lines of every log
 */
export async function startRadosgw(): Promise<Radosgw> {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-radosgw-'));
  const daemons: Daemon[] = [];
  const stop = async (): Promise<void> => {
    for (const daemon of daemons.toReversed()) await daemon.stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const plan = await planCluster(dir);
    await writeFile(join(dir, 'ceph.conf'), clusterConfig(plan));
    await startMonitor(plan, daemons);
    await startObjectStore(plan, daemons);
    const credentials = await startGateway(plan, daemons);
    return { endpoint: `http://127.0.0.1:${plan.gatewayPort}`, region: 'default', credentials, stop };
  } catch (error) {
    const logs = await lastLines(dir);
    await stop();
    throw new Error(`radosgw did not start: ${String(error)}\n${logs}`, { cause: error });
  }
}

async function startMonitor(plan: ClusterPlan, daemons: Daemon[]): Promise<void> {
  const { dir, fsid } = plan;
  const keyring = join(dir, 'keyring');
  const monmap = join(dir, 'monmap');
  await run('ceph-authtool', [
    '--create-keyring',
    keyring,
    '--gen-key',
    '-n',
    'mon.',
    '--cap',
    'mon',
    'allow *',
  ]);
  const all = ['mon', 'osd', 'mgr', 'mds'].flatMap((part) => ['--cap', part, 'allow *']);
  await run('ceph-authtool', [keyring, '--gen-key', '-n', 'client.admin', ...all]);
  await run('monmaptool', ['--create', '--addv', 'a', monitorAddress(plan), '--fsid', fsid, monmap]);
  const args = ['-i', 'a', '-c', join(dir, 'ceph.conf')];
  await run('ceph-mon', ['--mkfs', ...args, '--monmap', monmap, '--keyring', keyring]);
  daemons.push(await startDaemon('ceph-mon', 'ceph-mon', ['-f', ...args], join(dir, 'mon.out')));
  await waitUntil('the monitor', 20_000, daemons, async () => {
    await ceph(plan, ['--connect-timeout', '3', 'health']);
    return true;
  });
}

async function startObjectStore(plan: ClusterPlan, daemons: Daemon[]): Promise<void> {
  const { dir } = plan;
  const id = (await ceph(plan, ['osd', 'create'])).trim();
  if (id !== '0') throw new Error(`the first OSD got the id ${id}`);
  await mkdir(join(dir, 'osd'));
  const key = join(dir, 'osd', 'keyring');
  const caps = ['mon', 'allow profile osd', 'mgr', 'allow profile osd', 'osd', 'allow *'];
  await ceph(plan, ['auth', 'get-or-create', 'osd.0', ...caps, '-o', key]);
  const args = ['-i', '0', '-c', join(dir, 'ceph.conf'), '--keyring', key];
  await run('ceph-osd', ['--mkfs', ...args]);
  daemons.push(await startDaemon('ceph-osd', 'ceph-osd', ['-f', ...args], join(dir, 'osd.out')));
  await waitUntil('the object store', 30_000, daemons, async () =>
    (await ceph(plan, ['osd', 'stat'])).includes('1 up'),
  );
}

async function startGateway(plan: ClusterPlan, daemons: Daemon[]): Promise<Radosgw['credentials']> {
  const { dir, gatewayPort } = plan;
  const key = join(dir, 'rgw.keyring');
  await ceph(plan, ['auth', 'get-or-create', 'client.rgw', 'mon', 'allow rw', 'osd', 'allow rwx', '-o', key]);
  await mkdir(join(dir, 'rgw'));
  const args = ['-c', join(dir, 'ceph.conf'), '-n', 'client.rgw', '--keyring', key];
  const credentials = {
    accessKeyId: randomBytes(10).toString('hex').toUpperCase(),
    secretAccessKey: randomBytes(20).toString('hex'),
  };
  const user = ['user', 'create', '--uid=conformance', '--display-name=conformance', '--max-buckets=0'];
  const keys = [`--access-key=${credentials.accessKeyId}`, `--secret-key=${credentials.secretAccessKey}`];
  daemons.push(await startDaemon('radosgw', 'radosgw', ['-f', ...args], join(dir, 'rgw.out')));
  await waitUntil('the gateway', 60_000, daemons, async () => {
    const { status } = await fetch(`http://127.0.0.1:${gatewayPort}/`);
    return status > 0;
  });
  await run('radosgw-admin', [...args, ...user, ...keys], 60_000);
  return credentials;
}

async function ceph({ dir }: ClusterPlan, args: readonly string[]): Promise<string> {
  return await run('ceph', ['-c', join(dir, 'ceph.conf'), '-k', join(dir, 'keyring'), ...args]);
}

async function lastLines(dir: string): Promise<string> {
  const names = ['mon.out', 'osd.out', 'rgw.out', 'mon.a.log', 'osd.0.log', 'client.rgw.log'];
  const parts = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(dir, name), 'utf8').catch(() => '');
      return `--- ${name}\n${text.trim().split('\n').slice(-15).join('\n')}`;
    }),
  );
  return parts.join('\n');
}
