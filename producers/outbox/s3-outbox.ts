import { randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import { RecordsError } from '../../shared/errors.ts';
import { MAX_PUT_EVENTS_ENTRIES } from '../../shared/limits.ts';
import type { Records } from '../../shared/records/index.ts';
import { Secret } from '../../shared/secret.ts';
import { createBatcher } from '../batcher.ts';
import { segmentTime } from '../ledger/segment-key.ts';
import { keySegment } from '../payload-key.ts';
import type { OutboxItem, OutboxStore } from './types.ts';

/** Prefix of the outbox in the control bucket. */
export const OUTBOX_PREFIX = 'outbox/';

const SEGMENT_FORMAT = 'waybill-outbox-segment/1';

/**
 * The outbox in the control bucket: segments of up to ten items, `outbox/<producer>/<time>-<token>.ndjson`. A segment
 * is removed when all its items are.
 *
 * Whoever sweeps claims a segment by writing it again, under its etag and with another owner: that makes it young, so
 * that other sweepers leave it alone for as long as a segment may wait.
 */
export function createS3Outbox(
  records: Records,
  { producer, clock }: { readonly producer: string; readonly clock: Pick<Clock, 'nowMs'> },
): OutboxStore {
  const folder = `${OUTBOX_PREFIX}${keySegment('producer', producer)}/`;
  const segmentsOf = new Map<string, Set<Segment>>();

  const hold = (segment: Segment, ids: readonly string[]): void => {
    for (const id of ids) {
      const held = segmentsOf.get(id) ?? new Set();
      segmentsOf.set(id, held.add(segment));
    }
  };

  const bounds = { maxItems: MAX_PUT_EVENTS_ENTRIES, maxBytes: 4 * 1024 ** 2, maxUnderWay: 4 };
  const add = createBatcher(bounds, async (items: readonly OutboxItem[]) => {
    const token = randomBytes(6).toString('hex');
    const key = `${folder}${segmentTime(clock.nowMs())}-${token}.ndjson`;
    const { outcome } = await records.create(key, segmentText(items.map(({ text }) => text.reveal())));
    if (outcome === 'exists') throw new RecordsError(`${key} is taken: two random tokens were the same`);
    const ids = items.map(({ eventId }) => eventId);
    hold({ key, left: new Set(ids) }, ids);
  });

  const claim = async (
    key: string,
    beforeMs: number,
    signal: AbortSignal | undefined,
  ): Promise<OutboxItem[]> => {
    const record = await records.get(key, { signal });
    if (record === undefined || record.modifiedAtMs > beforeMs) return []; // done or claimed since it was listed
    const lines = record.body.split('\n').slice(1, -1);
    const claimed = await records.replace(key, segmentText(lines), record.etag, { signal });
    if (claimed.outcome !== 'replaced') return [];
    const items = lines.map((line, index) => ({
      eventId: eventIdOf(line, `${key} line ${index + 2}`),
      text: new Secret(line),
    }));
    const ids = items.map(({ eventId }) => eventId);
    hold({ key, left: new Set(ids) }, ids);
    return items;
  };

  return {
    add: async (item) => await add(item, Buffer.byteLength(item.text.reveal())),
    remove: async (eventId) => {
      const held = segmentsOf.get(eventId) ?? [];
      segmentsOf.delete(eventId);
      for (const { key, left } of held) {
        left.delete(eventId);
        if (left.size === 0) await records.remove(key);
      }
    },
    pending: async function* ({ ageMs, signal }) {
      const beforeMs = clock.nowMs() - ageMs;
      for await (const { key, modifiedAtMs } of records.list(folder, { signal })) {
        if (modifiedAtMs <= beforeMs && key.endsWith('.ndjson')) yield* await claim(key, beforeMs, signal);
      }
    },
  };
}

/** A segment that holds items of this process. */
interface Segment {
  readonly key: string;
  /** Event ids that have not been removed. */
  readonly left: Set<string>;
}

function segmentText(lines: readonly string[]): string {
  const owner = randomBytes(12).toString('hex');
  return [JSON.stringify({ format: SEGMENT_FORMAT, owner }), ...lines, ''].join('\n');
}

/** What cannot be read is passed on under its place: whoever sweeps reports it. */
function eventIdOf(line: string, place: string): string {
  try {
    return (JSON.parse(line) as { event: { id: string } }).event.id;
  } catch {
    return place;
  }
}
