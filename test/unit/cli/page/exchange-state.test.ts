import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createExchangeState } from '../../../../cli/page/exchange-state.ts';
import type { SpyEntry } from '../../../../local/spy.ts';
import type { SpyRecord } from '../../../../local/index.ts';

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/events/${name}.json`, import.meta.url), 'utf8'));
const detail = fixture('full') as {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly data: { readonly attachments: readonly { readonly key: string }[] };
};
const [attachment = { key: '' }] = detail.data.attachments;
const body = JSON.stringify({
  ...(fixture('envelope') as object),
  source: detail.source,
  'detail-type': detail.type,
  detail,
});
const nobody = new Set<string>();

function makeState() {
  const state = createExchangeState(new Set(['consumer']));
  let sequence = 0;
  const record = (entry: SpyEntry): SpyRecord => ({ ...entry, sequence: (sequence += 1), atMs: 1000 });
  const see = (...entries: readonly SpyEntry[]) => state.update(entries.map(record), [], nobody).at(-1);
  return { state, see };
}

const published = {
  kind: 'event',
  bus: 'waybill',
  id: 'put-1',
  source: detail.source,
  detailType: detail.type,
  bytes: 1,
  detail: () => detail,
} as const satisfies SpyEntry;
const queued = { kind: 'message', queue: 'consumer', messageId: 'm', bytes: 1, body: () => body } as const;
const got = (bytes: number, range?: string, status = 206, complete = true) =>
  ({
    kind: 's3',
    operation: 'GetObject',
    method: 'GET',
    bucket: 'b',
    key: attachment.key,
    status,
    bytes,
    requestBytes: 0,
    ms: 1,
    presigned: true,
    complete,
    ...(range === undefined ? {} : { range }),
  }) as const satisfies SpyEntry;

describe('how far an event has come', () => {
  it('from the bus to the queue, to a consumer, to its end', () => {
    const { see } = makeState();
    expect(see(published)).toMatchObject({ id: detail.id, state: 'published', deliveries: [] });
    expect(see(queued)?.state).toBe('queued');
    expect(see({ kind: 'receive', queue: 'consumer', messageId: 'm' })?.state).toBe('working');
    expect(see({ kind: 'delete', queue: 'consumer', messageId: 'm' })).toMatchObject({
      state: 'handled',
      deliveries: [{ queue: 'consumer', receives: 1, deleted: true }],
    });
  });

  it('tells what changed, and nothing twice', () => {
    const { state, see } = makeState();
    see(published);
    expect(state.update([], [], nobody)).toEqual([]);
    expect(state.update([], [], new Set([detail.id])).map((view) => view.state)).toEqual(['dead']);
    expect(state.all()).toHaveLength(1);
  });

  it('counts each byte once, and what was cut, refused or is under way', () => {
    const { state, see } = makeState();
    see(published);
    const view = see(
      got(10, 'bytes=0-9'),
      got(4, 'bytes=10-19', 206, false),
      got(0, 'bytes=10-19', 403),
      got(6, 'bytes=8-13'),
    );
    expect(view?.attachments[0]).toMatchObject({
      coveredBytes: 14,
      sentBytes: 20,
      requests: 4,
      broken: 2,
      flowing: 0,
    });
    const flow = { operation: 'GetObject', key: attachment.key, range: 'bytes=14-', bytes: () => 3 };
    const [flowing] = state.update([], [flow], nobody);
    expect(flowing).toMatchObject({
      state: 'transferring',
      attachments: [{ coveredBytes: 17, flowing: 1, requests: 5 }],
    });
    const [ended] = state.update([], [], nobody);
    expect(ended?.attachments[0]).toMatchObject({ coveredBytes: 14, flowing: 0, requests: 4 });
  });

  it('knows the URL that lives longest, also of one that was given before the event was seen', () => {
    const { state, see } = makeState();
    state.granted({ key: attachment.key, expiresAt: '2099-01-01T00:00:00Z' });
    see(published);
    state.granted({ key: attachment.key, expiresAt: '2098-01-01T00:00:00Z' });
    state.granted({ key: 'of nobody', expiresAt: '2100-01-01T00:00:00Z' });
    const [view] = state.update([], [], nobody);
    expect(view?.attachments[0]).toMatchObject({ refetches: 2, urlExpiresAtMs: Date.UTC(2099, 0, 1) });
  });

  it('tells no URL and no claim check', () => {
    const { see } = makeState();
    const told = JSON.stringify(see(published, queued));
    expect(body).toMatch(/X-Amz-Signature|claimCheck/);
    expect(told).not.toMatch(/https?:|X-Amz|claimCheck|eyJ/);
  });

  it('remembers the newest 200, and leaves alone what is no event of ours', () => {
    const { state, see } = makeState();
    see({ ...published, detail: () => ({ version: '0', bucket: { name: 'b' } }) });
    see({ ...queued, body: () => 'not JSON' });
    expect(state.all()).toEqual([]);
    const id = (index: number) => `${detail.id.slice(0, -3)}${String(index).padStart(3, '0')}`;
    const many = Array.from({ length: 205 }, (_, index) => ({ ...detail, id: id(index) }));
    see(...many.map((each) => ({ ...published, detail: () => each })));
    expect(state.all().map((view) => view.id)).toEqual(
      Array.from({ length: 200 }, (_, index) => id(index + 5)),
    );
    expect(state.attachment(id(4), '1')).toBeUndefined();
  });
});
