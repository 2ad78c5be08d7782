import { createHash, randomInt } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { v7 as uuidv7 } from 'uuid';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { createWorker, memoryIdempotencyStore } from '../../consumers/index.ts';
import { offsetClock, startLocal } from '../../local/index.ts';
import { createLedger, eventsFromLedger, replay, type ReplayReport } from '../../producers/index.ts';
import { formatDigest } from '../../shared/digest.ts';
import { parseEvent, type AttachmentInput } from '../../shared/events/index.ts';
import { createGetPresigner } from '../../shared/presign.ts';
import { createRecords } from '../../shared/records/index.ts';
import { resolveStores } from '../../shared/stores.ts';
import { consumerRulePattern } from '../../shared/topology.ts';
import { seeded } from '../helpers/local-kill/random.ts';

const EVENTS = 10_000;
/** Payloads; ten events name each, so that making them does not take longer than replaying them. */
const PAYLOADS = 1_000;
const WEEK_MS = 7 * 86_400_000;
const INTERRUPTIONS = 6;
const RATE = 2_000;
const SEED = Number(process.env['WAYBILL_SEED'] ?? randomInt(2 ** 32));

it(`${EVENTS} events of a week ago to one consumer, interrupted and resumed: each handled once, verified, by nobody else`, async () => {
  const clock = offsetClock();
  await using stack = await startLocal({
    clock,
    buckets: ['payloads', 'waybill-control'],
    buses: ['waybill'],
    queues: [{ name: 'billing', deadLetterQueue: 'billing-dlq' }, { name: 'shipping' }],
    rules: ['billing', 'shipping'].map((name) => ({
      bus: 'waybill',
      name,
      pattern: consumerRulePattern({ name }),
      queue: name,
    })),
  });
  const at = { region: stack.region, endpoint: stack.endpoint };
  const stores = { payloads: { bucket: 'payloads', ...at } };
  const s3 = new S3Client(stack.clientOptions());
  const records = createRecords({
    control: { bucket: 'waybill-control', ...at },
    credentials: stack.credentials,
  });
  const ledger = createLedger(records, { producer: 'shop', clock });
  const startMs = clock.nowMs();
  const random = seeded(SEED);
  process.stderr.write(`seed ${SEED}\n`);

  const attachments = await inParallel(PAYLOADS, async (index): Promise<AttachmentInput> => {
    const bytes = Buffer.from(`payload ${index} `.repeat(50 + (index % 50)));
    const key = `payloads/shop/${uuidv7()}`;
    const { VersionId: versionId = '' } = await s3.send(
      new PutObjectCommand({ Bucket: 'payloads', Key: key, Body: bytes }),
    );
    const digest = formatDigest(createHash('sha256').update(bytes).digest());
    const retainUntil = new Date(startMs + 30 * 86_400_000).toISOString();
    return {
      id: 'a1',
      name: 'p.bin',
      size: bytes.length,
      digest,
      store: 'payloads',
      key,
      versionId,
      retainUntil,
    };
  });
  // What the events carried when they were new.
  const { key, versionId } = attachments[0]!;
  const presigner = createGetPresigner({ store: resolveStores(stores).get('payloads'), client: s3, clock });
  const firstUrl = (await presigner.presign({ key, versionId, ttlSeconds: 900 })).url.reveal();
  const ids = await inParallel(EVENTS, async (index) => {
    const event = parseEvent({
      specversion: '1.0',
      waybillversion: 1,
      id: uuidv7(),
      type: 'invoice.created',
      source: 'shop',
      time: new Date(clock.nowMs()).toISOString(),
      data: { n: index, attachments: [attachments[index % PAYLOADS]!] },
    });
    await ledger.add({ event, eventBridgeId: uuidv7(), bus: 'waybill' });
    return event.id;
  });
  clock.offsetMs += WEEK_MS;
  expect((await fetch(firstUrl)).status).toBe(403);

  // Handlers run at least once; the effect is a row under the idempotency key.
  const effects = new Map<string, number>();
  const verified = new Map<string, string>();
  let [settled, duplicates] = [0, 0];
  let progressed = (): void => {};
  await using worker = createWorker({
    queueUrl: stack.queueUrl('billing'),
    consumer: 'billing',
    stores,
    events: { '*': z.looseObject({}) },
    sqs: stack.clientOptions(),
    clock,
    concurrency: 32,
    idempotency: { store: memoryIdempotencyStore() },
    handler: async (event) => {
      const [attachment] = event.data.attachments;
      const bytes = await attachment!.bytes({ maxBytes: 10_000 });
      verified.set(
        event.id,
        formatDigest(createHash('sha256').update(bytes).digest()) === attachment!.digest ? 'yes' : 'no',
      );
      effects.set(event.id, (effects.get(event.id) ?? 0) + 1);
    },
    onEvent: ({ kind }) => {
      if (['succeeded', 'duplicate', 'rejected', 'ignored'].includes(kind)) settled += 1;
      if (kind === 'duplicate') duplicates += 1;
      progressed();
    },
  });

  const source = eventsFromLedger(records, { from: new Date(startMs - 1), to: new Date(startMs + WEEK_MS) });
  let [taken, paced] = [0, 0];
  const run = async (resume: boolean, stopAfter: number): Promise<ReplayReport | undefined> => {
    const stop = new AbortController();
    let left = stopAfter;
    try {
      return await replay({
        source: {
          ...source,
          taken: async () => ((taken += 1), (left -= 1) === 0 ? stop.abort(new Error('killed')) : undefined),
        },
        bus: 'waybill',
        records,
        stores,
        credentials: stack.credentials,
        ...at,
        consumer: 'billing',
        replayId: 'week',
        resume,
        ratePerSecond: RATE,
        signal: stop.signal,
        // The rate is kept by the clock, which here does not wait: it counts the milliseconds that it was asked for until
        // the next event's turn. Longer waits are between attempts: signed by this machine's clock, each run's first call
        // comes a week late.
        random: () => 0.5,
        clock: {
          nowMs: () => clock.nowMs(),
          monotonicMs: () => paced,
          sleep: async (ms, signal) => {
            signal?.throwIfAborted();
            if (ms <= 1_000 / RATE + 1e-6) paced += ms;
            await Promise.resolve();
          },
        },
      });
    } catch (error) {
      if (stop.signal.aborted && error === stop.signal.reason) return undefined;
      throw error;
    }
  };
  let report: ReplayReport | undefined;
  for (let attempt = 0; attempt < INTERRUPTIONS; attempt += 1) {
    report = await run(attempt > 0, 1 + Math.floor(random() * 1_400));
    expect(report).toBeUndefined();
  }
  report = await run(true, Number.POSITIVE_INFINITY);
  expect(report).toMatchObject({ read: EVENTS, published: EVENTS, failed: 0, withoutUrl: 0 });
  // Each interruption repeated something, and at most a page.
  expect(taken).toBeGreaterThanOrEqual(EVENTS + INTERRUPTIONS);
  expect(taken).toBeLessThanOrEqual(EVENTS + INTERRUPTIONS * 100);
  const burst = RATE / 10; // of each run
  expect(paced).toBeGreaterThanOrEqual(((taken - burst * (INTERRUPTIONS + 1)) / RATE) * 1_000);
  expect(paced).toBeLessThanOrEqual((taken / RATE) * 1_000);

  const all = (): boolean => verified.size === EVENTS && settled >= taken;
  await new Promise<void>((resolve) => {
    progressed = () => all() && resolve();
    progressed();
  });
  await worker.stop();
  expect(worker.stats).toMatchObject({ succeeded: EVENTS, rejected: 0, unavailable: 0 });
  // What was under way when it was interrupted, the bus may have taken though nobody was told.
  expect(duplicates).toBeGreaterThanOrEqual(taken - EVENTS);
  expect(duplicates).toBeLessThanOrEqual(INTERRUPTIONS * 100);
  expect(new Set(effects.keys())).toEqual(new Set(ids));
  expect([...effects.values()].every((times) => times === 1)).toBe(true);
  expect([...verified.values()].every((value) => value === 'yes')).toBe(true);
  expect(stack.spy.records('message').filter(({ queue }) => queue === 'shipping')).toEqual([]);
  records.close();
  s3.destroy();
});

async function inParallel<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      made[index] = await make(index);
    }
  };
  await Promise.all(Array.from({ length: 40 }, lane));
  return made;
}
