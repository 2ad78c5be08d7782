import type { S3Flow, SpyRecord } from '../../local/index.ts';
import type { AttachmentView, EventState, EventView } from '../../shared/exchange-view.ts';
import type { Attachment, WaybillEvent } from '../../shared/events/index.ts';
import { parseEnvelope, parseEvent } from '../../shared/events/index.ts';
import { Coverage, rangeStart } from './coverage.ts';
import type { Grant } from './grants.ts';

/** Events remembered; older ones are forgotten. */
const MAX_EVENTS = 200;

interface KnownAttachment {
  readonly attachment: Attachment;
  readonly done: Coverage;
  readonly flows: Set<S3Flow>;
  sentBytes: number;
  requests: number;
  broken: number;
  refetches: number;
  urlExpiresAtMs: number | undefined;
}

interface Delivery {
  readonly queue: string;
  receives: number;
  deleted: boolean;
}

interface KnownEvent {
  readonly event: WaybillEvent;
  readonly atMs: number;
  replays: number;
  readonly attachments: readonly KnownAttachment[];
  readonly deliveries: Map<string, Delivery>;
}

/** Puts together, from what the stack saw and the URL service gave, how far each event has come. */
export interface ExchangeState {
  /** Takes what was recorded since the last call, and what is under way; returns the views that changed. */
  update(
    records: readonly SpyRecord[],
    flows: readonly S3Flow[],
    deadEventIds: ReadonlySet<string>,
  ): readonly EventView[];
  granted(grant: Grant): void;
  /** Every event, oldest first. */
  all(): readonly EventView[];
  /** An attachment of an event. */
  attachment(eventId: string, attachmentId: string): Attachment | undefined;
}

/** @param consumerQueues queues whose messages count as deliveries; the dead-letter queue is not one */
export function createExchangeState(consumerQueues: ReadonlySet<string>): ExchangeState {
  const events = new Map<string, KnownEvent>();
  const messages = new Map<string, { readonly eventId: string; readonly delivery: Delivery }>();
  const byKey = new Map<string, KnownAttachment>();
  const shown = new Map<string, string>();
  /** Not yet counted: the URL service may answer before its event's record is taken. */
  const grants: Grant[] = [];
  let views: readonly EventView[] = [];

  const published = (detail: unknown, atMs: number): void => {
    const event = attempt(() => parseEvent(detail));
    if (event === undefined) return; // one of S3's own, or of somebody else
    const known = events.get(event.id);
    if (known !== undefined) {
      if (event.replayid !== undefined) known.replays += 1;
      return;
    }
    const { attachments, manifest } = event.data;
    const list = manifest === undefined ? attachments : [manifest];
    const made = list.map((attachment) => ({
      attachment,
      done: new Coverage(),
      flows: new Set<S3Flow>(),
      sentBytes: 0,
      requests: 0,
      broken: 0,
      refetches: 0,
      urlExpiresAtMs: attachment.access === undefined ? undefined : Date.parse(attachment.access.expiresAt),
    }));
    for (const each of made) byKey.set(each.attachment.key, each);
    events.set(event.id, { event, atMs, replays: 0, attachments: made, deliveries: new Map() });
    while (events.size > MAX_EVENTS) forgetOldest();
  };

  const forgetOldest = (): void => {
    const [oldest] = events.values();
    if (oldest === undefined) return;
    events.delete(oldest.event.id);
    shown.delete(oldest.event.id);
    for (const { attachment } of oldest.attachments) byKey.delete(attachment.key);
    for (const messageId of oldest.deliveries.keys()) messages.delete(messageId);
  };

  const take = (record: SpyRecord): void => {
    if (record.kind === 'event') published(record.detail(), record.atMs);
    else if (record.kind === 'message') {
      if (!consumerQueues.has(record.queue)) return;
      const eventId = attempt(() => parseEnvelope(record.body()).event.id) ?? '';
      const known = events.get(eventId);
      if (known === undefined || messages.has(record.messageId)) return;
      const delivery = { queue: record.queue, receives: 0, deleted: false };
      known.deliveries.set(record.messageId, delivery);
      messages.set(record.messageId, { eventId, delivery });
    } else if (record.kind === 's3') {
      const known = record.operation === 'GetObject' ? byKey.get(record.key ?? '') : undefined;
      if (known === undefined) return;
      known.requests += 1;
      if (record.status >= 300 || !record.complete) known.broken += 1;
      if (record.status >= 300) return;
      known.sentBytes += record.bytes;
      const start = rangeStart(record.range, known.attachment.size);
      known.done.add(start, start + record.bytes);
    } else {
      const delivery = messages.get(record.messageId)?.delivery;
      if (delivery === undefined) return;
      if (record.kind === 'receive') delivery.receives += 1;
      else delivery.deleted = true;
    }
  };

  const count = ({ key, expiresAt }: Grant): void => {
    const known = byKey.get(key);
    if (known === undefined) return;
    known.refetches += 1;
    known.urlExpiresAtMs = Math.max(known.urlExpiresAtMs ?? 0, Date.parse(expiresAt));
  };

  return {
    update(records, flows, deadEventIds) {
      for (const record of records) take(record);
      for (const grant of grants.splice(0)) count(grant);
      for (const known of byKey.values()) known.flows.clear();
      for (const flow of flows)
        if (flow.operation === 'GetObject') byKey.get(flow.key ?? '')?.flows.add(flow);
      views = [...events.values()].map((known) => viewOf(known, deadEventIds.has(known.event.id)));
      return views.filter((view) => {
        const text = JSON.stringify(view);
        const changed = shown.get(view.id) !== text;
        shown.set(view.id, text);
        return changed;
      });
    },
    granted: (grant) => void grants.push(grant),
    all: () => views,
    attachment: (eventId, attachmentId) =>
      events.get(eventId)?.attachments.find(({ attachment }) => attachment.id === attachmentId)?.attachment,
  };
}

function viewOf(known: KnownEvent, dead: boolean): EventView {
  const { id, type, source, subject } = known.event;
  const deliveries = [...known.deliveries.values()].map((delivery) => ({ ...delivery }));
  const attachments = known.attachments.map((each) => attachmentView(each));
  return {
    id,
    type,
    source,
    subject,
    atMs: known.atMs,
    replays: known.replays,
    state: stateOf(dead, deliveries, attachments),
    attachments,
    deliveries,
  };
}

function stateOf(
  dead: boolean,
  deliveries: readonly Delivery[],
  attachments: readonly AttachmentView[],
): EventState {
  if (dead) return 'dead';
  if (attachments.some(({ flowing }) => flowing > 0)) return 'transferring';
  if (deliveries.length === 0) return 'published';
  if (deliveries.every(({ deleted }) => deleted)) return 'handled';
  return deliveries.some(({ receives, deleted }) => receives > 0 && !deleted) ? 'working' : 'queued';
}

function attachmentView(known: KnownAttachment): AttachmentView {
  const { attachment, flows } = known;
  const { id, name, mediaType, size, digest, key, versionId, retainUntil } = attachment;
  const covered = flows.size === 0 ? known.done : copyOf(known.done);
  let sentBytes = known.sentBytes;
  for (const flow of flows) {
    const [start, bytes] = [rangeStart(flow.range, size), flow.bytes()];
    sentBytes += bytes;
    covered.add(start, start + bytes);
  }
  return {
    id,
    name,
    mediaType,
    sizeBytes: size,
    digest,
    key,
    versionId,
    retainUntil,
    urlExpiresAtMs: known.urlExpiresAtMs,
    refetches: known.refetches,
    coveredBytes: Math.min(covered.bytes(), size),
    sentBytes,
    requests: known.requests + flows.size,
    broken: known.broken,
    flowing: flows.size,
  };
}

function copyOf(coverage: Coverage): Coverage {
  const copy = new Coverage();
  for (const [start, end] of coverage.spans()) copy.add(start, end);
  return copy;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
