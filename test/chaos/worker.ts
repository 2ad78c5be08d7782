import './skewed-date.ts';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createWorker,
  Reject,
  s3IdempotencyStore,
  urlServiceClient,
  type WorkerEvent,
} from 'waybill/consumers';
import { append, CONSUMER, EVENTS, paths, readConfig } from './config.ts';
import { effectsIn } from './effects.ts';

const config = readConfig();
const at = paths(config.dir);
const effects = effectsIn(at.effects);
const { pid } = process;
/** What is counted of downloads. */
const COUNTED = new Set(['refetched', 'resumed', 'retrying', 'restarted', 'journal-resumed']);
const quick = { backoffBaseMs: 100, backoffCapMs: 1_000 };

const worker = createWorker({
  queueUrl: config.queueUrl,
  stores: config.stores,
  events: EVENTS,
  consumer: CONSUMER,
  idempotency: { store: s3IdempotencyStore({ ...config, retry: quick }) },
  urlSource: urlServiceClient({ ...config, endpoint: config.urlService, retry: quick }),
  sqs: config,
  pollWaitSeconds: 2,
  visibilityTimeoutSeconds: 10,
  maxBytesInFlight: 128 * 1024 ** 2,
  backoff: { backoffBaseMs: 200, backoffCapMs: 5_000 },
  download: { stallTimeoutMs: 2_000, retry: quick },
  onEvent: tell,
  handler: async (event, { saveAll, signal }) => {
    const run = { eventId: event.id, key: event.idempotencyKey, attempt: event.deliveryAttempt, pid };
    append(at.runs, { ...run, state: 'began' });
    if (event.data.isPoisoned) throw new Reject('poisoned on purpose');
    for (const { path } of await saveAll(config.spool)) await keep(event.id, path, signal);
    const isNew = await effects.commit({ key: event.idempotencyKey, eventId: event.id, pid });
    append(at.runs, { ...run, state: isNew ? 'effect' : 'effect-stood-there' });
    await sleep(Math.random() * 300); // a wide gap between effect and record, for kills to fall into
    await rm(join(config.spool, event.id), { recursive: true, force: true });
  },
});
process.once('SIGTERM', () => void worker.stop());
process.on('disconnect', () => process.exit()); // a driver that died leaves nobody behind
process.send?.('started');
await worker.done;
process.disconnect();

/** What the handler does with a file: a copy where the disk is large, in place at once. A draft whose writer was killed is no file. */
async function keep(eventId: string, path: string, signal: AbortSignal): Promise<void> {
  const home = join(at.received, eventId);
  await mkdir(home, { recursive: true });
  await mkdir(at.drafts, { recursive: true });
  const [draft, target] = [
    join(at.drafts, `${pid}-${eventId}-${basename(path)}`),
    join(home, basename(path)),
  ];
  try {
    await pipeline(createReadStream(path), createWriteStream(draft), { signal });
    await rename(draft, target);
  } finally {
    await rm(draft, { force: true });
  }
}

function tell(event: WorkerEvent): void {
  if (event.kind === 'download') {
    const { kind } = event.event;
    if (COUNTED.has(kind)) append(at.told, { kind: event.kind, code: kind, eventId: event.eventId });
    return;
  }
  if (event.kind === 'duplicate' || event.kind === 'lease-lost') {
    append(at.told, { kind: event.kind, code: event.kind, eventId: event.eventId });
  } else if ('code' in event && 'reason' in event) {
    append(at.told, { eventId: undefined, ...event });
  }
}
