import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { offsetClock, startLocal, type Fault, type LocalStack } from '../../../local/index.ts';
import {
  createRecords,
  mintEventId,
  PublishConflictError,
  PublishError,
  readLedger,
  sweep,
  sweepDefaults,
  UploadError,
  type LedgerEntry,
  type OutboxItem,
  type OutboxStore,
  type PublisherOptions,
  type PublishInput,
  type Records,
  type SweepOptions,
  type SweepReport,
} from '../../../producers/index.ts';
import { createS3Outbox } from '../../../producers/outbox/s3-outbox.ts';
import { systemClock } from '../../../shared/clock.ts';
import { RecordsError } from '../../../shared/errors.ts';
import { parseEvent } from '../../../shared/events/index.ts';
import { Secret } from '../../../shared/secret.ts';
import { download, MIB, pattern, publisherFor, s3For } from './harness.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const REFUSED: Fault = { kind: 'status', status: 400, code: 'AccessDeniedException' };
const DOWN: Fault = { kind: 'status', status: 503, code: 'SlowDown' };

describe('publishing with an outbox', () => {
  let stack: LocalStack;
  const stackClock = offsetClock();
  let s3: S3Client;
  let records: Records;
  beforeAll(async () => {
    stack = await startLocal({
      clock: stackClock,
      buckets: ['payloads', { name: 'control', versioning: false }],
      buses: ['waybill'],
      queues: [{ name: 'orders' }],
      rules: [{ bus: 'waybill', name: 'all', pattern: { source: [{ prefix: '' }] }, queue: 'orders' }],
    });
    s3 = s3For(stack);
    records = createRecords({ control: control(), credentials: stack.credentials });
  });
  afterEach(async () => {
    stack.faults.clear();
    stack.spy.clear();
    stackClock.offsetMs = 0;
    for await (const { key } of records.list('')) await records.remove(key);
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: 'payloads' }));
    for (const { Key, UploadId } of Uploads)
      await s3.send(new AbortMultipartUploadCommand({ Bucket: 'payloads', Key, UploadId }));
  });
  afterAll(async () => {
    s3.destroy();
    records.close();
    await stack.close();
  });

  const control = () => ({ bucket: 'control', region: stack.region, endpoint: stack.endpoint });
  const id = (): string => mintEventId(systemClock);
  const attachments = (text = 'hello') => [{ buffer: Buffer.from(text), name: 'a.txt' }];
  const publish = async (input: Partial<PublishInput> = {}, options: Partial<PublisherOptions> = {}) => {
    await using publisher = publisherFor(stack, { control: control(), ...options });
    return await publisher.publish({ type: 'note.added', attachments: attachments(), ...input });
  };
  const sweepNow = async (options: Partial<SweepOptions> = {}): Promise<SweepReport> =>
    await sweep({
      producer: 'billing',
      control: control(),
      stores: { main: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint } },
      endpoint: stack.endpoint,
      credentials: stack.credentials,
      retry: { maxAttempts: 2, backoffBaseMs: 1 },
      outboxAgeMs: 0,
      ...options,
    });
  const later = (ms: number) => {
    const clock = offsetClock();
    clock.offsetMs = ms;
    return clock;
  };
  /** S3 tells the default bus of every object; ours is another. */
  const sent = () => stack.spy.records('event').filter(({ bus }) => bus === 'waybill');
  const events = (): string[] => sent().map((record) => (record.detail() as { id: string }).id);
  const keys = async (prefix: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of records.list(prefix)) found.push(key);
    return found;
  };
  const ledger = async (): Promise<LedgerEntry[]> => {
    const entries: LedgerEntry[] = [];
    const [from, to] = [new Date(Date.now() - DAY_MS), new Date(Date.now() + DAY_MS)];
    for await (const entry of readLedger(records, { from, to })) entries.push(entry);
    return entries;
  };
  /** Everything that S3 was asked to change, and what the bus took, in order. */
  const steps = (): string[] =>
    stack.spy.records().flatMap((record) => {
      if (record.kind === 'event') return record.bus === 'waybill' ? ['PutEvents'] : [];
      if (record.kind !== 's3' || !/^(Put|Delete|Create|Complete)/.test(record.operation)) return [];
      return [
        `${record.operation} ${record.bucket}/${record.key?.replace(/[^/]*$/, '').replace(/[\d-]{10}\/\d\d/, '…')}`,
      ];
    });
  const breakPut = (key: RegExp, faults: Fault, times = Infinity): void =>
    void stack.faults.add({ match: { operation: 'PutObject', key }, times, faults });

  it('writes intent, payload, outbox, event and ledger in this order, and leaves only ledger and note', async () => {
    const eventId = id();
    const { event, eventBridgeId } = await publish({ id: eventId });
    expect(steps()).toEqual([
      'PutObject control/intents/billing/open/',
      `PutObject payloads/payloads/billing/note.added/${eventId}/`,
      'PutObject control/outbox/billing/',
      'PutEvents',
      'PutObject control/ledger/…/billing/',
      'PutObject control/intents/billing/published/',
      'DeleteObject control/intents/billing/open/',
      'DeleteObject control/outbox/billing/',
    ]);
    expect(await keys('')).toHaveLength(2);
    const [entry] = await ledger();
    expect(entry).toMatchObject({ eventBridgeId, bus: 'waybill', producer: 'billing' });
    expect(entry?.event.data.attachments[0]).toMatchObject({
      versionId: event.data.attachments[0]?.versionId,
    });
  });

  it('keeps no note of an id that it minted itself', async () => {
    await publish();
    expect(await keys('intents/')).toEqual([]);
    expect(steps().filter((step) => step.startsWith('PutObject control'))).toHaveLength(3);
  });

  it('shares segments of outbox and ledger among events that come together', async () => {
    await using publisher = publisherFor(stack, { control: control() });
    const inputs = Array.from({ length: 10 }, (_, n) => ({ type: 'a', data: { n } }));
    const results = await publisher.publishAll(inputs);
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    const puts = (prefix: string): number =>
      steps().filter((step) => step.startsWith(`PutObject control/${prefix}`)).length;
    expect(puts('intents/')).toBe(10);
    // One each, if all ten come within the few milliseconds for which a segment gathers.
    expect(puts('outbox/')).toBeLessThan(10);
    expect(puts('ledger/')).toBeLessThan(10);
    expect(await keys('outbox/')).toEqual([]);
  });

  it('costs one write for ten items of the outbox', async () => {
    const outbox = createS3Outbox(records, { producer: 'billing', clock: systemClock });
    const item = (eventId: string): OutboxItem => ({
      eventId,
      text: new Secret(`{"event":{"id":"${eventId}"}}`),
    });
    const ids = Array.from({ length: 10 }, () => id());
    await Promise.all(ids.map(async (each) => await outbox.add(item(each))));
    expect(await keys('outbox/')).toHaveLength(1);
    for (const each of ids.slice(1)) await outbox.remove(each);
    const other = createS3Outbox(records, { producer: 'billing', clock: systemClock });
    const pending: string[] = [];
    for await (const { eventId } of other.pending({ ageMs: 0 })) pending.push(eventId);
    expect(pending).toEqual(ids); // all ten: whoever sweeps asks the intents which are out
    await outbox.remove(ids[0] ?? '');
    expect(await keys('outbox/')).toEqual([]);
  });

  it('leaves no record with control but durability none', async () => {
    await publish({}, { durability: 'none' });
    expect(await keys('')).toEqual([]);
  });

  describe('the same id again', () => {
    it('does nothing once the event is out, and says so', async () => {
      const eventId = id();
      const first = await publish({ id: eventId });
      const before = steps().length;
      const second = await publish({ id: eventId });
      expect(second).toMatchObject({
        alreadyPublished: true,
        eventBridgeId: first.eventBridgeId,
        uploads: [],
      });
      expect(second.event.data.attachments[0]?.versionId).toBe(first.event.data.attachments[0]?.versionId);
      expect(second.event.time).toBe(first.event.time);
      expect(steps().length).toBe(before);
      expect(events()).toEqual([eventId]);
    });

    it('goes on where the upload broke, as the same event', async () => {
      const eventId = id();
      const input = {
        id: eventId,
        attachments: [
          { buffer: pattern(11 * MIB), name: 'big.bin' },
          { buffer: Buffer.from('x'), name: 'small.txt' },
        ],
      };
      const broken = { match: { operation: 'UploadPart' }, skip: 2, times: Infinity, faults: DOWN };
      const heal = stack.faults.add(broken);
      const upload = { retry: { maxAttempts: 2, backoffBaseMs: 1 }, resume: true, concurrency: 1 };
      await expect(publish(input, { upload })).rejects.toThrow(UploadError);
      expect(events()).toEqual([]);
      heal();
      const clock = later(5000);
      const { event, uploads, alreadyPublished } = await publish(input, { clock });
      expect(alreadyPublished).toBe(false);
      expect(uploads.find(({ bytes }) => bytes === 11 * MIB)).toMatchObject({ parts: 3, resumedParts: 2 });
      expect(Date.now() - Date.parse(event.time)).toBeGreaterThanOrEqual(0); // the first publish's time, not 5 s ahead
      expect(events()).toEqual([eventId]);
      expect(await keys('outbox/')).toEqual([]);
    });

    it.each<[string, Partial<PublishInput>]>([
      ['another type', { type: 'other' }],
      ['other data', { data: { n: 2 } }],
      ['another subject', { subject: 'x' }],
    ])('is refused with %s, before and after it is out', async (_what, other) => {
      const eventId = id();
      breakPut(/^outbox\//, REFUSED);
      await expect(publish({ id: eventId, data: { n: 1 } })).rejects.toThrow(RecordsError);
      await expect(publish({ id: eventId, data: { n: 1 }, ...other })).rejects.toThrow(PublishConflictError);
      stack.faults.clear();
      await publish({ id: eventId, data: { n: 1 } });
      await expect(publish({ id: eventId, data: { n: 1 }, ...other })).rejects.toThrow(PublishConflictError);
      expect(events()).toEqual([eventId]);
    });

    it('by ten processes at once puts the event at least once, under one id', async () => {
      const eventId = id();
      const all = await Promise.allSettled(
        Array.from({ length: 5 }, async () => await publish({ id: eventId })),
      );
      expect(all.some(({ status }) => status === 'fulfilled')).toBe(true);
      expect(new Set(events())).toEqual(new Set([eventId]));
      const { Versions = [] } = await s3.send(
        new ListObjectVersionsCommand({
          Bucket: 'payloads',
          Prefix: `payloads/billing/note.added/${eventId}/`,
        }),
      );
      expect(Versions).toHaveLength(1);
    });
  });

  describe('a sweep', () => {
    it('publishes what the bus refused, with the same id and a URL that works', async () => {
      const eventId = id();
      const heal = stack.faults.add({ match: { operation: 'PutEvents' }, times: Infinity, faults: REFUSED });
      await expect(publish({ id: eventId })).rejects.toThrow(PublishError);
      for (const key of await keys(''))
        expect((await records.get(key))?.body, key).not.toMatch(/access|X-Amz-Signature/);
      const down = await sweepNow();
      expect(down.failed).toMatchObject([
        { eventId, reason: expect.stringContaining('AccessDenied') as string },
      ]);
      expect(down.unfinished).toEqual([]);
      heal();

      const report = await sweepNow();
      expect(report.published).toMatchObject([{ eventId }]);
      expect(events()).toEqual([eventId]);
      const [entry] = await ledger();
      expect(entry?.eventBridgeId).toBe(report.published[0]?.eventBridgeId);
      const [record] = sent();
      const text = await download(parseEvent(record?.detail()), 0);
      expect(text.toString()).toBe('hello');
      expect(await keys('outbox/')).toEqual([]);
      expect(await publish({ id: eventId })).toMatchObject({ alreadyPublished: true });
      expect(await sweepNow()).toMatchObject({ published: [], publishedBefore: [], failed: [] });
    });

    it('publishes what the bus throttled until the publisher gave up, and only that', async () => {
      const Entries = [{ ErrorCode: 'ThrottlingException', ErrorMessage: 'slow down' }];
      const throttled: Fault = {
        kind: 'reply',
        status: 200,
        headers: { 'content-type': 'application/x-amz-json-1.1' },
        body: JSON.stringify({ FailedEntryCount: 1, Entries }),
      };
      const heal = stack.faults.add({
        match: { operation: 'PutEvents' },
        skip: 1,
        times: Infinity,
        faults: throttled,
      });
      const [taken, late] = [id(), id()];
      await publish({ id: taken });
      const retry = { maxAttempts: 3, backoffBaseMs: 1 };
      await expect(publish({ id: late }, { retry })).rejects.toThrow(
        /failed 3 times, last with ThrottlingException/,
      );
      heal();
      expect((await sweepNow()).published).toMatchObject([{ eventId: late }]);
      expect(events()).toEqual([taken, late]);
    });

    it('keeps what is for a bus that has gone meanwhile, although PutEvents would say that it took it', async () => {
      stack.faults.add({ match: { operation: 'PutEvents' }, faults: REFUSED });
      const eventId = id();
      await expect(publish({ id: eventId })).rejects.toThrow(PublishError);
      const gone: Fault = { kind: 'status', status: 400, code: 'ResourceNotFoundException' };
      stack.faults.add({ match: { operation: 'DescribeEventBus' }, faults: gone });
      const report = await sweepNow();
      expect(report.failed).toEqual([{ eventId, reason: 'event bus "waybill" does not exist' }]);
      expect(events()).toEqual([]);
      expect((await sweepNow()).published).toMatchObject([{ eventId }]);
    });

    it('leaves alone what has not waited for two minutes', async () => {
      stack.faults.add({ match: { operation: 'PutEvents' }, faults: REFUSED });
      await expect(publish()).rejects.toThrow(PublishError);
      const patient = { outboxAgeMs: sweepDefaults.outboxAgeMs };
      expect((await sweepNow({ ...patient, clock: later(1.9 * MINUTE_MS) })).published).toEqual([]);
      expect((await sweepNow({ ...patient, clock: later(2.1 * MINUTE_MS) })).published).toHaveLength(1);
    });

    it('and another at once publish each event once', async () => {
      const heal = stack.faults.add({ match: { operation: 'PutEvents' }, times: Infinity, faults: REFUSED });
      stackClock.offsetMs = -3 * MINUTE_MS; // S3 dates the segments so
      const ids = Array.from({ length: 23 }, () => id());
      const all = await Promise.allSettled(
        ids.map(async (each) => await publish({ id: each, attachments: [] })),
      );
      expect(all.every(({ status }) => status === 'rejected')).toBe(true);
      heal();
      stackClock.offsetMs = 0;
      const reports = await Promise.all(
        [1, 2, 3].map(async () => await sweepNow({ outboxAgeMs: sweepDefaults.outboxAgeMs })),
      );
      expect(reports.flatMap(({ published }) => published.map(({ eventId }) => eventId)).sort()).toEqual(
        ids.sort(),
      );
      expect(events().sort()).toEqual(ids);
      expect(await keys('outbox/')).toEqual([]);
    });

    it.each([
      ['of a given id', true],
      ['of a minted id', false],
    ])(
      'does not publish again what is out, when only the outbox could not be tidied: %s',
      async (_what, given) => {
        stack.faults.add({ match: { operation: 'DeleteObject', key: /^outbox\// }, times: 8, faults: DOWN });
        const { event } = await publish(given ? { id: id() } : {});
        expect(await keys('outbox/')).toHaveLength(1);
        stack.faults.clear();
        expect(await sweepNow()).toMatchObject({ published: [], publishedBefore: [event.id], failed: [] });
        expect(events()).toEqual([event.id]);
        expect(await keys('outbox/')).toEqual([]);
      },
    );

    it('puts an event again that the ledger could not take: the bus twice, the ledger once', async () => {
      breakPut(/^ledger\//, DOWN, 8);
      const eventId = id();
      await expect(publish({ id: eventId })).rejects.toThrow(RecordsError);
      expect((await sweepNow()).published).toMatchObject([{ eventId }]);
      expect(events()).toEqual([eventId, eventId]);
      expect(await ledger()).toHaveLength(1);
    });

    it('reports what cannot be read, and publishes the rest', async () => {
      stack.faults.add({ match: { operation: 'PutEvents' }, faults: REFUSED });
      const eventId = id();
      await expect(publish({ id: eventId })).rejects.toThrow(PublishError);
      await records.create(
        'outbox/billing/00000000T000000000Z-000000000000.ndjson',
        '{}\n{"format":"waybill-outb\n',
      );
      const { published, failed } = await sweepNow();
      expect(published).toMatchObject([{ eventId }]);
      expect(failed).toMatchObject([{ eventId: expect.stringMatching(/line 2$/) as string }]);
      expect(await keys('outbox/')).toHaveLength(1);
    });

    it('reports what an upload left that never ended, and removes it only when told, past the grace time', async () => {
      const eventId = id();
      stack.faults.add({ match: { operation: 'UploadPart' }, skip: 1, times: Infinity, faults: DOWN });
      const input = {
        id: eventId,
        attachments: [
          { buffer: Buffer.from('x'), name: 'small.txt' },
          { buffer: pattern(6 * MIB), name: 'big.bin' },
        ],
      };
      const upload = { retry: { maxAttempts: 2, backoffBaseMs: 1 }, resume: true, concurrency: 1 };
      await expect(publish(input, { upload })).rejects.toThrow(UploadError);
      stack.faults.clear();

      expect((await sweepNow()).unfinished).toEqual([]);
      const young = await sweepNow({ clock: later(2 * DAY_MS), delete: true });
      expect(young.unfinished).toMatchObject([
        {
          eventId,
          type: 'note.added',
          store: 'main',
          deleted: false,
          payloads: [{ size: 1 }],
          uploads: [{}],
        },
      ]);
      expect(young.strayUploads).toEqual([]);
      expect((await sweepNow({ clock: later(8 * DAY_MS) })).unfinished).toMatchObject([{ deleted: false }]);

      const prefix = `payloads/billing/note.added/${eventId}/`;
      const left = async (): Promise<number> => {
        const { Versions = [] } = await s3.send(
          new ListObjectVersionsCommand({ Bucket: 'payloads', Prefix: prefix }),
        );
        const { Uploads = [] } = await s3.send(
          new ListMultipartUploadsCommand({ Bucket: 'payloads', Prefix: prefix }),
        );
        return Versions.length + Uploads.length;
      };
      expect(await left()).toBe(2);
      const over = await sweepNow({ clock: later(8 * DAY_MS), delete: true });
      expect(over.unfinished).toMatchObject([{ eventId, deleted: true }]);
      expect(await left()).toBe(0);
      expect((await sweepNow({ clock: later(9 * DAY_MS) })).unfinished).toEqual([]);
      expect(events()).toEqual([]);
      // The id can be used again, from the start.
      const { event } = await publish(input);
      expect((await download(event, 1)).equals(pattern(6 * MIB))).toBe(true);
    });

    it('does not remove what a publisher has taken up again meanwhile', async () => {
      const eventId = id();
      breakPut(/^outbox\//, DOWN, 8);
      await expect(publish({ id: eventId })).rejects.toThrow(RecordsError);
      stack.faults.clear();
      breakPut(/^outbox\//, DOWN, 8);
      await expect(publish({ id: eventId })).rejects.toThrow(RecordsError); // touches the intent
      stack.faults.clear();
      const report = await sweepNow({ clock: later(DAY_MS - MINUTE_MS), delete: true, graceMs: 0 });
      expect(report.unfinished).toEqual([]);
      expect((await publish({ id: eventId })).alreadyPublished).toBe(false);
      expect(events()).toEqual([eventId]);
    });

    it('reports open uploads that no publisher with an outbox began', async () => {
      stack.faults.add({ match: { operation: 'UploadPart' }, times: Infinity, faults: DOWN });
      const upload = { retry: { maxAttempts: 1 }, resume: true };
      const input = { attachments: [{ buffer: pattern(6 * MIB), name: 'big.bin' }] };
      await expect(publish(input, { durability: 'none', upload })).rejects.toThrow(UploadError);
      stack.faults.clear();
      expect((await sweepNow({ clock: later(2 * DAY_MS), delete: true })).strayUploads).toMatchObject([
        { store: 'main', deleted: false },
      ]);
      expect((await sweepNow({ clock: later(8 * DAY_MS), delete: true })).strayUploads).toMatchObject([
        { deleted: true },
      ]);
      expect((await sweepNow({ clock: later(8 * DAY_MS) })).strayUploads).toEqual([]);
    });
  });

  it('fails for a bus that does not exist before a byte is uploaded', async () => {
    await expect(publish({}, { bus: 'nowhere' })).rejects.toThrow('event bus "nowhere" does not exist');
    expect(steps()).toEqual([]);
  });

  it("takes an outbox of the caller's own", async () => {
    const items = new Map<string, OutboxItem>();
    const log: string[] = [];
    const outbox: OutboxStore = {
      add: async (item) => {
        log.push('add');
        await Promise.resolve(items.set(item.eventId, item));
      },
      remove: async (eventId) => {
        log.push('remove');
        await Promise.resolve(items.delete(eventId));
      },
      pending: async function* () {
        yield* await Promise.resolve(items.values());
      },
    };
    await publish({}, { outbox });
    expect([log, items.size]).toEqual([['add', 'remove'], 0]);
    stack.faults.add({ match: { operation: 'PutEvents' }, faults: REFUSED });
    const eventId = id();
    await expect(publish({ id: eventId }, { outbox })).rejects.toThrow(PublishError);
    expect(String(items.get(eventId)?.text)).toBe('[secret]');
    expect((await sweepNow({ outbox })).published).toMatchObject([{ eventId }]);
    expect(items.size).toBe(0);
    expect(await keys('outbox/')).toEqual([]);
  });
});
