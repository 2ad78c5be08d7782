import { describe, expect, it } from 'vitest';

import { createSpy, type EventRecord, type SpyRecord } from '../../../local/spy.ts';

const event = (id: string) =>
  ({
    kind: 'event',
    bus: 'default',
    id,
    source: 's',
    detailType: 't',
    bytes: 2,
    detail: () => ({ url: id }),
  }) as const;
const isEvent =
  (id: string) =>
  (record: SpyRecord): record is EventRecord =>
    record.kind === 'event' && record.id === id;

describe('createSpy', () => {
  it('finds a record that is there, and waits for one that comes', async () => {
    const spy = createSpy();
    spy.record(event('a'));
    expect((await spy.waitFor(isEvent('a'))).sequence).toBe(1);
    const waiting = spy.waitFor(isEvent('b'));
    spy.record(event('b'));
    expect((await waiting).detail()).toEqual({ url: 'b' });
  });

  it('fails when nothing fits in time, naming what it saw', async () => {
    const spy = createSpy();
    spy.record(event('a'));
    await expect(spy.waitFor(isEvent('b'), { timeoutMs: 1 })).rejects.toThrow('"id":"a"');
  });

  it('ends a wait with the reason of its signal', async () => {
    const spy = createSpy();
    const controller = new AbortController();
    const waiting = spy.waitFor(isEvent('b'), { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(spy.waitFor(isEvent('b'), { signal: controller.signal })).rejects.toThrow('enough');
  });

  it('fails an expectation of none at once, by a record there or to come', async () => {
    const spy = createSpy();
    await spy.expectNone(isEvent('a'));
    const watching = spy.expectNone(isEvent('a'), { withinMs: 60_000 });
    spy.record(event('a'));
    await expect(watching).rejects.toThrow('expected no record to fit');
    await expect(spy.expectNone(isEvent('a'))).rejects.toThrow('expected no record to fit');
    spy.clear();
    await spy.expectNone(isEvent('a'), { withinMs: 1 });
  });

  it('keeps the newest records within its bounds of count and bytes', () => {
    const byCount = createSpy(undefined, { maxRecords: 3 });
    for (let n = 0; n < 5_000; n += 1) byCount.record(event(String(n)));
    expect(byCount.records('event').map(({ id }) => id)).toEqual(['4997', '4998', '4999']);
    const byBytes = createSpy(undefined, { maxBytes: 25 });
    for (const id of ['a', 'b', 'c']) byBytes.record(event(id), 10);
    expect(byBytes.records().map(({ sequence }) => sequence)).toEqual([2, 3]);
    expect(byBytes.records('s3')).toEqual([]);
  });

  it('fails those who wait when it is closed', async () => {
    const spy = createSpy();
    const waiting = spy.waitFor(isEvent('a'));
    spy.close();
    await expect(waiting).rejects.toThrow('closed');
  });
});
