import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { DeleteObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { consumersOfBus, readReplayPlan } from '../../../../producers/index.ts';
import { serialiseManifest } from '../../../../shared/events/index.ts';
import { attachmentSchema } from '../../../../shared/events/index.ts';
import { idempotencyText } from '../../../../shared/idempotency.ts';
import { REVOKED_TAG } from '../../../../shared/revoked-tag.ts';
import { DAY_MS, eventOf, startReplayWorld, type ReplayWorld } from './world.ts';

let world: ReplayWorld;
beforeEach(async () => {
  world = await startReplayWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

/** What a replay has written, anywhere. */
const writes = () =>
  world.stack.spy
    .records()
    .filter(
      (record) =>
        record.kind === 'event' ||
        record.kind === 'message' ||
        record.kind === 'receive' ||
        record.kind === 'delete' ||
        (record.kind === 's3' && !/^(Get|Head|List)/.test(record.operation)),
    );

describe('what goes out', () => {
  it('is for the one consumer, under its own id and time, with the marks of the replay and a URL that works', async () => {
    const bytes = Buffer.from('an invoice');
    const event = eventOf([await world.attach(bytes)], { subject: 'acme', correlationid: 'c-1' });
    await world.publish([event]);
    world.clock.offsetMs += 7 * DAY_MS;
    const report = await world.replay({ consumer: 'billing', replayId: 'r-1' });
    expect(report).toMatchObject({
      replayId: 'r-1',
      read: 1,
      published: 1,
      failed: 0,
      attachments: 1,
      bytes: 10,
    });
    const [got, ...more] = world.got('billing');
    expect(more).toEqual([]);
    const { id, time, subject, correlationid } = event;
    expect(got).toMatchObject({
      id,
      time,
      subject,
      correlationid,
      replayid: 'r-1',
      replaycount: 1,
      replayfor: 'billing',
    });
    expect(got).not.toHaveProperty('replayagain');
    expect(got?.data).toMatchObject({ number: 'i-1' });
    const [attachment] = got?.data.attachments ?? [];
    expect(attachment?.claimCheck).toBe('e30.e30.c2ln');
    const response = await fetch(attachment?.access?.url ?? '');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    expect(world.got('shipping')).toEqual([]);
  });

  it('is for everyone where no consumer is named, with the marks of an earlier replay replaced', async () => {
    await world.publish([
      eventOf([], { replayid: 'r-0', replaycount: 3, replayfor: 'shipping', replayagain: true }),
    ]);
    await world.replay({ replayId: 'r-1' });
    for (const consumer of ['billing', 'shipping']) {
      const [got] = world.got(consumer);
      expect(got).toMatchObject({ replayid: 'r-1', replaycount: 4 });
      expect(got).not.toHaveProperty('replayfor');
      expect(got).not.toHaveProperty('replayagain');
    }
  });

  it('asks for another run with again', async () => {
    await world.publish([eventOf()]);
    await world.replay({ again: true });
    expect(world.got('billing')).toEqual([expect.objectContaining({ replayagain: true })]);
  });

  it.each([
    ['no stores are configured', { stores: undefined }, 0],
    ['URLs are not wanted', { urlTtlSeconds: false as const }, 0],
    ['the event has no room for them', { eventBudgetBytes: 4096 }, 1],
  ])('has claim checks only where %s', async (_, options, withoutUrl) => {
    const attachments = await Promise.all(
      Array.from(
        { length: 7 },
        async (_each, index) => await world.attach(Buffer.from('x'), { id: `a${index}` }),
      ),
    );
    await world.publish([eventOf(attachments)]);
    const { stores, ...rest } = { stores: world.stores, ...options };
    const report = await world.replay({ ...rest, ...(stores === undefined ? { stores: {} } : { stores }) });
    expect(report.published).toBe(1);
    if (withoutUrl > 0) expect(report.withoutUrl).toBe(withoutUrl);
    const [got] = world.got('billing');
    expect(got?.data.attachments).toHaveLength(7);
    for (const attachment of got?.data.attachments ?? []) {
      expect(attachment).not.toHaveProperty('access');
      expect(attachment.claimCheck).toBe('e30.e30.c2ln');
    }
  });

  it('is what the filter lets through, each event once', async () => {
    const twice = eventOf([], { type: 'invoice.paid' });
    const wanted = eventOf([await world.attach(Buffer.alloc(500), { name: 'scan.tif' })]);
    await world.publish([twice, wanted, twice, eventOf([], { type: 'order.made' })]);
    const report = await world.replay({ filter: { types: ['invoice.*'] } });
    expect(report).toMatchObject({
      read: 4,
      published: 2,
      skipped: { filtered: 1, duplicate: 1 },
      byType: { 'invoice.paid': 1, 'invoice.created': 1 },
    });
    const named = await world.replay({ filter: { attachmentNames: ['*.tif'], minAttachmentBytes: 500 } });
    expect(named).toMatchObject({ published: 1, skipped: { filtered: 3 } });
    const pattern = { 'detail-type': [{ prefix: 'order' }], detail: { data: { number: ['i-1'] } } };
    expect(await world.replay({ filter: { pattern } })).toMatchObject({
      published: 1,
      byType: { 'order.made': 1 },
    });
  });

  it('leaves out its own events and those replayed too often', async () => {
    await world.publish([
      eventOf([], { replayid: 'r-1', replaycount: 1 }),
      eventOf([], { replayid: 'r-0', replaycount: 10 }),
      eventOf([], { replayid: 'r-0', replaycount: 9 }),
    ]);
    const report = await world.replay({ replayId: 'r-1' });
    expect(report).toMatchObject({ published: 1, skipped: { loop: 2 } });
    expect(world.got('billing')).toEqual([expect.objectContaining({ replaycount: 10 })]);
  });

  it('is only what the consumer has not handled, with unhandledOnly', async () => {
    const [done, leased, fresh] = [eventOf(), eventOf(), eventOf()];
    for (const [event, state] of [
      [done, 'done'],
      [leased, 'leased'],
    ] as const) {
      const key = { consumer: 'billing', source: event.source, id: event.id };
      const lease = {
        owner: 'o',
        attempts: 1,
        leaseMs: 60_000,
        renewals: 0,
        acquiredAt: new Date().toISOString(),
      };
      await world.records.create(
        `idempotency/${idempotencyText(key)}`,
        JSON.stringify({ waybillrecord: 1, ...key, state, ...lease }),
      );
    }
    await world.publish([done, leased, fresh]);
    const report = await world.replay({ consumer: 'billing', unhandledOnly: true });
    expect(report).toMatchObject({ published: 2, skipped: { handled: 1 } });
    expect(
      world
        .got('billing')
        .map(({ id }) => id)
        .sort(),
    ).toEqual([leased.id, fresh.id].sort());
  });
});

describe('a dry run', () => {
  it('changes nothing, counts, and names every payload that cannot be had', async () => {
    const [there, missing, revoked, old, listed] = await Promise.all(
      ['there.pdf', 'missing.pdf', 'revoked.pdf', 'old.pdf', 'listed.pdf'].map(
        async (name) => await world.attach(Buffer.from(name), { name }),
      ),
    );
    const behind = serialiseManifest({ waybillversion: 1, attachments: [attachmentSchema.parse(listed)] });
    const manifest = await world.attach(Buffer.from(behind), { name: 'manifest.json' });
    await world.publish([
      eventOf([there!, { ...missing!, id: 'a2' }]),
      eventOf([revoked!]),
      eventOf([{ ...old!, retainUntil: '2026-01-01T00:00:00Z' }]),
      eventOf([], { data: { attachments: [], manifest } }),
    ]);
    for (const { key, versionId } of [missing!, listed!])
      await world.s3.send(new DeleteObjectCommand({ Bucket: 'payloads', Key: key, VersionId: versionId }));
    await world.s3.send(
      new PutObjectTaggingCommand({
        Bucket: 'payloads',
        Key: revoked!.key,
        VersionId: revoked!.versionId,
        Tagging: { TagSet: [{ Key: REVOKED_TAG, Value: 'x' }] },
      }),
    );
    world.stack.spy.clear();
    const told: unknown[] = [];
    const report = await world.replay({
      consumer: 'billing',
      dryRun: true,
      onFinding: (finding) => told.push(finding),
    });
    expect(writes()).toEqual([]);
    expect(world.stack.spy.records('s3').length).toBeGreaterThan(5); // the spy would have seen
    expect(report).toMatchObject({
      dryRun: true,
      published: 4,
      payloadsChecked: 6,
      payloadsGone: 4,
      failed: 0,
    });
    expect(told).toEqual(report.findings);
    const found = report.findings!.map(({ name, problem }) => `${name} ${problem}`);
    expect(found.sort()).toEqual([
      'listed.pdf missing',
      'missing.pdf missing',
      'old.pdf past-retention',
      'revoked.pdf revoked',
    ]);
  });

  it('has its counterpart: skipGone publishes the rest only, and tells of the others', async () => {
    const [there, missing] = [await world.attach(Buffer.from('a')), await world.attach(Buffer.from('b'))];
    await world.s3.send(
      new DeleteObjectCommand({ Bucket: 'payloads', Key: missing.key, VersionId: missing.versionId }),
    );
    await world.publish([eventOf([there]), eventOf([missing])]);
    const report = await world.replay({ skipGone: true });
    expect(report).toMatchObject({ published: 1, skipped: { gone: 1 }, payloadsChecked: 2 });
    expect(report.findings).toEqual([expect.objectContaining({ key: missing.key, problem: 'missing' })]);
  });
});

describe('a replay that does not go smoothly', () => {
  it('counts an event that does not fit the bus as failed, and publishes the others', async () => {
    const large = eventOf([], { data: { text: 'x'.repeat(5000), attachments: [] } });
    const fine = eventOf();
    await world.publish([large, fine]);
    const report = await world.replay({ eventBudgetBytes: 4096 });
    expect(report).toMatchObject({ published: 1, failed: 1 });
    expect(report.failures).toEqual([
      expect.objectContaining({ eventId: large.id, code: 'event-too-large' }),
    ]);
  });

  it.each(['AccessDeniedException', 'InvalidSignatureException'])(
    'ends when the bus refuses everyone by %s, and publishes all once resumed',
    async (code) => {
      const events = Array.from({ length: 5 }, () => eventOf());
      await world.publish(events);
      world.stack.faults.add({
        match: { service: 'events', operation: 'PutEvents' },
        faults: { kind: 'status', status: 403, code },
        times: 6, // the call, and each entry alone
      });
      await expect(world.replay({ replayId: 'r-1' })).rejects.toMatchObject({ code: 'publish' });
      expect(world.got('billing')).toEqual([]);
      expect(await readReplayPlan(world.records, 'r-1')).toMatchObject({ replayid: 'r-1', again: false });
      const report = await world.replay({ replayId: 'r-1', resume: true });
      expect(report).toMatchObject({ read: 5, published: 5, failed: 0 });
      expect(
        world
          .got('billing')
          .map(({ id }) => id)
          .sort(),
      ).toEqual(events.map(({ id }) => id).sort());
    },
  );

  it('skips nothing and repeats at most a page, interrupted anywhere and resumed', async () => {
    const events = Array.from({ length: 250 }, () => eventOf());
    await world.publish(events);
    const { spy } = world.stack;
    for (const [run, stopAt] of [40, 150, 220].entries()) {
      const stop = new AbortController();
      const reached = spy
        .waitFor(() => world.taken() >= stopAt, { timeoutMs: 60_000 })
        .then(() => stop.abort(new Error('interrupted')));
      const running = world.replay({ replayId: 'r-1', resume: run > 0, signal: stop.signal });
      await expect(running).rejects.toThrow('interrupted');
      await reached;
    }
    const report = await world.replay({ replayId: 'r-1', resume: true });
    expect(report).toMatchObject({ read: 250, published: 250, failed: 0 });
    const ids = world.got('billing').map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(events.map(({ id }) => id)));
    expect(ids.length).toBeLessThanOrEqual(250 + 3 * 100);
    expect(new Set(world.got('billing').map(({ replayid }) => replayid))).toEqual(new Set(['r-1']));
    // Once more: it is done, and does nothing.
    const before = world.taken();
    expect(await world.replay({ replayId: 'r-1', resume: true })).toMatchObject({ published: 250 });
    expect(world.taken()).toBe(before);
  });

  it('notices another process that goes on with the same replay', async () => {
    await world.publish(Array.from({ length: 150 }, () => eventOf()));
    let openGate = (): void => {};
    const gate = new Promise<void>((resolve) => (openGate = resolve));
    let reachedGate = (): void => {};
    const atGate = new Promise<void>((resolve) => (reachedGate = resolve));
    const ledger = world.source();
    const slow = {
      ...ledger,
      async *entries(options: Parameters<typeof ledger.entries>[0]) {
        let index = 0;
        for await (const entry of ledger.entries(options)) {
          if (index++ === 120) {
            reachedGate();
            await gate;
          }
          yield entry;
        }
      },
    };
    const first = world.replay({ replayId: 'r-1', source: slow });
    await atGate;
    const second = await world.replay({ replayId: 'r-1', resume: true });
    expect(second).toMatchObject({ published: 150 });
    openGate();
    await expect(first).rejects.toThrow(/another process goes on with it/);
  });

  it('fails to begin under an id that is taken, to resume what is not there, and to resume it as another', async () => {
    await world.publish([eventOf()]);
    await world.replay({ replayId: 'r-1' });
    await expect(world.replay({ replayId: 'r-1' })).rejects.toThrow(/was begun before: resume it/);
    await expect(world.replay({ replayId: 'r-2', resume: true })).rejects.toThrow(/there is none to resume/);
    await expect(world.replay({ replayId: 'r-1', resume: true, consumer: 'billing' })).rejects.toThrow(
      /was begun with consumer none, not "billing"/,
    );
  });

  it('stops at the limit, also over an interruption', async () => {
    await world.publish(Array.from({ length: 20 }, () => eventOf()));
    expect(await world.replay({ limit: 7 })).toMatchObject({ published: 7 });
    expect(world.got('billing')).toHaveLength(7);
    // Killed after the last page was written down, and before the end was.
    const stop = new AbortController();
    const onProgress = ({ published }: { published: number }): void => {
      if (published === 7) stop.abort(new Error('killed'));
    };
    const limited = { limit: 7, replayId: 'r-7' };
    await expect(world.replay({ ...limited, signal: stop.signal, onProgress })).rejects.toThrow('killed');
    expect(await world.replay({ ...limited, resume: true })).toMatchObject({ published: 7, read: 7 });
    expect(world.got('billing')).toHaveLength(14);
  });

  it('waits as the rate asks, by the injected clock', async () => {
    await world.publish(Array.from({ length: 31 }, () => eventOf()));
    let nowMs = 0;
    const putAtMs: number[] = [];
    const clock = {
      nowMs: () => world.clock.nowMs(),
      monotonicMs: () => nowMs,
      sleep: async (ms: number) => {
        putAtMs.push((nowMs += ms));
        await Promise.resolve();
      },
    };
    await world.replay({ ratePerSecond: 10, clock });
    expect(world.got('billing')).toHaveLength(31);
    expect(putAtMs).toEqual(Array.from({ length: 30 }, (_, index) => expect.closeTo((index + 1) * 100)));
  });
});

describe('consumersOfBus', () => {
  it('tells the consumers that the rules speak of', async () => {
    const eventBridge = new EventBridgeClient(world.stack.clientOptions());
    expect(await consumersOfBus(eventBridge, 'waybill')).toEqual(
      new Map([
        ['billing', ['billing']],
        ['shipping', ['shipping']],
      ]),
    );
    eventBridge.destroy();
  });
});

it.each([
  [{ again: true, unhandledOnly: true, consumer: 'c' }, /again: got true beside unhandledOnly/],
  [{ unhandledOnly: true }, /unhandledOnly: got true, expected consumer/],
  [{ resume: true }, /resume: got true, expected replayId/],
  [{ ratePerSecond: 0 }, /ratePerSecond: got 0/],
  [{ consumer: 'a b' }, /consumer: got "a b"/],
  [{ limit: 0 }, /limit: got 0/],
  [{ eventBudgetBytes: 1 }, /eventBudgetBytes: got 1/],
])('fails on %j before anything is read', async (options, message) => {
  await expect(world.replay(options)).rejects.toThrow(message);
  expect(world.stack.spy.records()).toEqual([]);
});
