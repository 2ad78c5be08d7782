import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Files and ports of one throw-away cluster. */
export interface ClusterPlan {
  readonly dir: string;
  readonly fsid: string;
  readonly monPort: number;
  readonly gatewayPort: number;
}

/** Chooses free ports and an id. */
export async function planCluster(dir: string): Promise<ClusterPlan> {
  const [monPort, gatewayPort] = await freePorts();
  return { dir, fsid: randomUUID(), monPort, gatewayPort };
}

/** The monitor's address as `monmaptool` and clients write it. */
export function monitorAddress({ monPort }: ClusterPlan): string {
  return `[v2:127.0.0.1:${monPort}]`;
}

/**
 * A cluster of one monitor and one object store in memory, on loopback only, with one copy of everything.
 *
 * Placement groups are few and the warnings about single copies off, since nothing here is meant to last. cephx
 * stays on: the gateway of this release does not come up without it.
 */
export function clusterConfig(plan: ClusterPlan): string {
  const { dir, fsid } = plan;
  return `[global]
fsid = ${fsid}
mon host = ${monitorAddress(plan)}
mon initial members = a
ms bind ipv4 = true
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = ${dir}/keyring
run dir = ${dir}
admin socket = ${dir}/$name.asok
log file = ${dir}/$name.log
log to stderr = false
debug ms = 0
crash dir = ${dir}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon osd down out interval = 0
mon max pg per osd = 1000
paxos propose interval = 0.05
paxos min wait = 0.01
[mon.a]
mon data = ${dir}/mon
[osd.0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd data = ${dir}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd max object size = 1073741824
[client.rgw]
rgw dns name = localhost
rgw frontends = beast endpoint=127.0.0.1:${plan.gatewayPort}
rgw data = ${dir}/rgw
rgw thread pool size = 16
rgw enable usage log = false
rgw enable ops log = false
rgw run sync thread = false
rgw enable quota threads = false
`;
}

/** Two ports that were free a moment ago, held at the same time so that they differ. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports.push((server.address() as AddressInfo).port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return [ports[0]!, ports[1]!];
}
