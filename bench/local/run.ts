/*
 * Measures the embedded stack, and beside it, in the same run, another S3:
 *
 *   npx tsx bench/local/run.ts [--endpoint URL] [--peer-endpoint URL]
 *     [--durability process|power] [--size-mib 1024] [--objects 3000] [--events 30000] [--rounds 3]
 *
 * Without --endpoint it starts the stack in a process of its own. Credentials of a given endpoint come from
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, those of the peer from variables that begin with
 * PEER_ instead. The bucket `bench` is made where it is missing. Client and server share the machine.
 */
import { parseArgs } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { measureEvents } from './events.ts';
import { measureObjects } from './objects.ts';
import { BUCKET, startStackProcess } from './target.ts';
import type { Target } from './target.ts';
import { measureTransfer } from './transfer.ts';

const SMALL_BYTES = 64 * 1024;
const WARM_UP = 500;

const { values } = parseArgs({
  options: {
    endpoint: { type: 'string' },
    'peer-endpoint': { type: 'string' },
    durability: { type: 'string', default: 'process' },
    'size-mib': { type: 'string', default: '1024' },
    objects: { type: 'string', default: '3000' },
    events: { type: 'string', default: '30000' },
    rounds: { type: 'string', default: '3' },
  },
});

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Rates by what they are of. */
type Rates = Record<string, number>;

async function makeBucket(target: Target): Promise<void> {
  const client = new S3Client({ ...target, forcePathStyle: true });
  try {
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } catch (error) {
    if (!/BucketAlready/.test((error as Error).name)) throw error;
  } finally {
    client.destroy();
  }
}

async function transfers(target: Target): Promise<Rates> {
  const { up, down } = await measureTransfer(target, Number(values['size-mib']) * 1024 ** 2);
  return { 'multipart up, MB/s': up, 'down to curl, MB/s': down };
}

async function objects(target: Target): Promise<Rates> {
  const options = { sizeBytes: SMALL_BYTES, count: Number(values.objects) };
  const { puts, gets, pairs } = await measureObjects(target, options);
  return { '64 KiB PUT, 1/s': puts, '64 KiB GET, 1/s': gets, '64 KiB PUT then GET, pairs/s': pairs };
}

async function events(target: Target): Promise<Rates> {
  const { queueUrl } = target;
  if (queueUrl === undefined) return {};
  return {
    'events through a rule to SQS, 1/s': await measureEvents({ ...target, queueUrl }, Number(values.events)),
  };
}

/** The two take turns at everything, so that what else the machine does falls on both. */
async function measureAll(targets: readonly Target[]): Promise<Map<string, number[]>[]> {
  const results = targets.map(() => new Map<string, number[]>());
  for (const target of targets) {
    await makeBucket(target);
    await measureObjects(target, { sizeBytes: SMALL_BYTES, count: WARM_UP }); // both ends
  }
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const measure of [transfers, objects, events]) {
      for (const [index, target] of targets.entries()) {
        for (const [what, rate] of Object.entries(await measure(target))) {
          const known = results[index]?.get(what) ?? [];
          results[index]?.set(what, [...known, rate]);
        }
      }
    }
  }
  return results;
}

function given(name: string, endpoint: string, prefix: string): Target {
  const { [`${prefix}_ACCESS_KEY_ID`]: accessKeyId, [`${prefix}_SECRET_ACCESS_KEY`]: secretAccessKey } =
    process.env;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new TypeError(`${name} needs ${prefix}_ACCESS_KEY_ID and ${prefix}_SECRET_ACCESS_KEY`);
  const region = process.env[`${prefix}_REGION`] ?? 'us-east-1';
  return { name, endpoint, region, credentials: { accessKeyId, secretAccessKey } };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

await using started = values.endpoint === undefined ? await startStackProcess(values) : undefined;
const ours = started ?? given('endpoint', values.endpoint ?? '', 'AWS');
const peerEndpoint = values['peer-endpoint'];
const peers = peerEndpoint === undefined ? [] : [given('peer', peerEndpoint, 'PEER')];
const [mine = new Map<string, number[]>(), theirs] = await measureAll([ours, ...peers]);

print(
  `Node ${process.version}, durability ${values.durability}, median of ${values.rounds}, ${new Date().toISOString()}`,
);
for (const [what, rates] of mine) {
  const rate = median(rates);
  const other = median(theirs?.get(what) ?? []);
  const beside = Number.isNaN(other)
    ? ''
    : `   peer ${other.toFixed(0).padStart(6)}   ratio ${(rate / other).toFixed(2)}`;
  print(`${what.padEnd(36)} ${rate.toFixed(0).padStart(6)}${beside}`);
}
