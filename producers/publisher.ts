import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { AttachmentInput, WaybillEvent } from '../shared/events/index.ts';
import { MAX_PUT_EVENTS_ENTRIES } from '../shared/limits.ts';
import { createGetPresigner } from '../shared/presign.ts';
import { createRecords } from '../shared/records/index.ts';
import { s3ClientFor } from '../shared/s3-client.ts';
import { eventAttributes } from '../shared/telemetry.ts';
import { createBusCheck } from './check-bus.ts';
import { composeEvent } from './compose-event.ts';
import { mintedAtMs } from './event-id.ts';
import { checkSkeletonFits } from './fit-event.ts';
import { createLedger } from './ledger/index.ts';
import { createIntents, type Intent, type PublishedNote } from './outbox/intents.ts';
import { createPublishLog, noLog, type PublishLog } from './outbox/publish-log.ts';
import { createS3Outbox } from './outbox/s3-outbox.ts';
import { outgoingEvent } from './outgoing-event.ts';
import { MANIFEST_ID, payloadKey } from './payload-key.ts';
import { planPublish, type PlannedPublish, type PublishInput } from './publish-input.ts';
import {
  resolvePublisherOptions,
  type PublisherOptions,
  type ResolvedPublisherOptions,
} from './publisher-options.ts';
import { createEventPutter } from './put-events.ts';
import { inPublishSpan } from './telemetry.ts';
import { createUploadGate } from './upload-gate.ts';
import {
  uploadAttachment,
  uploadAttachments,
  type AttachmentUploadContext,
  type UploadReport,
} from './upload-attachments.ts';
import { bufferSource, createUploadTransport } from './upload/index.ts';

/** What became of a publish. */
export interface PublishResult {
  /** As it went to the bus; URLs and claim checks are wrapped. */
  readonly event: WaybillEvent;
  /** EventBridge's own id for it. */
  readonly eventBridgeId: string;
  /** One per attachment, in their order; the manifest, if any, comes last. */
  readonly uploads: readonly UploadReport[];
  /** True if the attachments stand in a manifest object. */
  readonly viaManifest: boolean;
  /** True if the URLs had to go to fit the byte budget. */
  readonly droppedAccess: boolean;
  /**
   * True if the event was published before, under the id given: nothing was done. `event` is then without URLs, and
   * `uploads` is empty.
   */
  readonly alreadyPublished: boolean;
}

/** Uploads payloads and publishes the events that name them. */
export interface Publisher extends AsyncDisposable {
  /**
   * Uploads the attachments, then puts the event on the bus. Nothing is published before its bytes are safe.
   *
   * The bus may get the event more than once (an answer may get lost), always under the same id. The same input
   * with the same `id` again uploads nothing new; with durability `outbox` it goes on where the publish before it died,
   * and does nothing if that came to its end; with `none` it puts the event once more.
   *
   * With durability `outbox`, an abort or an error after the upload leaves the event in the outbox, for a sweeper.
   *
   * @throws {TypeError|RangeError|EventParseError|EventTooLargeError} before a byte is uploaded, if the input is wrong
   * @throws {UploadError} if a payload cannot be stored within the retries
   * @throws {UploadConflictError} if the id was used for other bytes
   * @throws {PublishConflictError} if the id was used for another event
   * @throws {PublishError} if EventBridge does not take the event, or there is no such bus
   * @throws {RecordsError} if the control bucket cannot be read or written
   * @throws the signal's reason once `input.signal` has aborted
   */
  publish(input: PublishInput): Promise<PublishResult>;
  /**
   * Publishes many events, ten at a time; their PutEvents calls are shared. Settles when all have.
   * @returns one result per input, in their order, like `Promise.allSettled`
   */
  publishAll(inputs: readonly PublishInput[]): Promise<PromiseSettledResult<PublishResult>[]>;
  /** Takes no more events, waits for those under way, and closes the clients that it made. */
  close(): Promise<void>;
}

/**
 * Makes a publisher.
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @example
 * await using publisher = createPublisher({
 *   producer: 'billing',
 *   bus: 'exchange',
 *   stores: { main: { bucket: 'billing-payloads', region: 'eu-central-1' } },
 *   signer,
 * });
 * await publisher.publish({ type: 'invoice.created', attachments: [{ path: 'invoice.pdf' }] });
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const resolved = resolvePublisherOptions(options);
  const { store, credentials, clock, random, logger, retry, producer } = resolved;
  // One attempt: our own retries know what a lost answer means, and obey the injected clock and the signal.
  const own = { maxAttempts: 1, ...(credentials === undefined ? {} : { credentials }) };
  const s3 = resolved.s3 ?? s3ClientFor(store, own);
  const bridge = resolved.eventBridge ?? eventBridgeFor(resolved, own);
  const transport = createUploadTransport({
    store,
    credentials,
    client: resolved.s3,
    clock,
    ...resolved.upload,
  });
  const presigner = createGetPresigner({ store, client: s3, clock, caller: producer });
  const putter = createEventPutter({ client: bridge, retry, clock, random, logger });
  const checkBus = createBusCheck(bridge, resolved.bus, logger);
  const { log, closeLog } = openLog(resolved);
  const underWay = new Set<Promise<unknown>>();
  let closed = false;

  const publishPlanned = async (
    { skeleton: wanted, attachments }: PlannedPublish,
    { id: givenId, signal, onProgress }: PublishInput,
  ): Promise<PublishResult> => {
    signal?.throwIfAborted();
    checkSkeletonFits(wanted, resolved.eventBudgetBytes, attachments.length);
    await checkBus();
    const noted = givenId !== undefined;
    const begun = await log.begin(intentOf(wanted, attachments, resolved), { noted });
    if (begun.state === 'published') {
      for (const attachment of attachments) attachment.discard();
      return publishedBefore(begun.note);
    }
    const { event: skeleton, retainUntil } = begun.intent;
    const context: AttachmentUploadContext = {
      options: begun.again ? { ...resolved, upload: { ...resolved.upload, resume: true } } : resolved,
      transport,
      signal,
      onProgress,
      retainUntil,
      keyOf: (attachmentId) =>
        payloadKey({ producer, type: skeleton.type, eventId: skeleton.id, attachmentId }),
    };
    const uploaded = await uploadAttachments(attachments, context);
    const uploads = uploaded.map(({ report }) => report);
    const uploadManifest = async (content: Buffer): Promise<AttachmentInput> => {
      const { attachment, report } = await uploadAttachment(manifestItem(content), context);
      uploads.push(report);
      return attachment;
    };
    const bare = uploaded.map(({ attachment }) => attachment);
    const composed = await composeEvent(skeleton, bare, { options: resolved, presigner, uploadManifest });
    const { event, viaManifest, droppedAccess } = composed;
    signal?.throwIfAborted();
    const eventBridgeId = await log.putting(
      { bus: resolved.bus, noted, readyAt: new Date(clock.nowMs()).toISOString(), event },
      async () => await putter.put(outgoingEvent(composed, resolved.bus), signal),
    );
    logger.info({ eventId: event.id, type: event.type, eventBridgeId, viaManifest }, 'event published');
    return { event, eventBridgeId, uploads, viaManifest, droppedAccess, alreadyPublished: false };
  };

  const publish = async (input: PublishInput): Promise<PublishResult> =>
    await inPublishSpan(resolved, input, async (traced, span) => {
      const planned = await planPublish(traced, resolved);
      span.set(eventAttributes(planned.skeleton));
      try {
        return await publishPlanned(planned, traced);
      } catch (error) {
        for (const attachment of planned.attachments) attachment.discard();
        throw error;
      }
    });

  const tracked = async (input: PublishInput): Promise<PublishResult> => {
    if (closed) throw new TypeError('publish: this publisher is closed');
    const work = publish(input);
    underWay.add(work);
    try {
      return await work;
    } finally {
      underWay.delete(work);
    }
  };

  const close = async (): Promise<void> => {
    closed = true;
    await Promise.allSettled(underWay);
    transport.close?.();
    if (resolved.s3 === undefined) s3.destroy();
    if (resolved.eventBridge === undefined) bridge.destroy();
    closeLog();
  };

  return {
    publish: tracked,
    publishAll: async (inputs) => {
      const gate = createUploadGate(MAX_PUT_EVENTS_ENTRIES);
      return await Promise.allSettled(
        inputs.map(async (input) => await gate.run(1, async () => await tracked(input))),
      );
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function eventBridgeFor(
  { region, endpoint }: ResolvedPublisherOptions,
  own: { maxAttempts: number; credentials?: NonNullable<PublisherOptions['credentials']> },
): EventBridgeClient {
  return new EventBridgeClient({ region, ...own, ...(endpoint === undefined ? {} : { endpoint }) });
}

function manifestItem(content: Buffer) {
  const source = bufferSource(content);
  return { id: MANIFEST_ID, name: 'manifest.json', mediaType: 'application/json', source };
}

function openLog(options: ResolvedPublisherOptions): { log: PublishLog; closeLog: () => void } {
  const { control, credentials, producer, clock, random, logger, retry } = options;
  if (control === undefined) return { log: noLog, closeLog: () => undefined };
  const records = createRecords({ control, credentials, retry, clock, random, logger });
  const log = createPublishLog({
    intents: createIntents(records, producer, clock),
    outbox: options.outbox ?? createS3Outbox(records, { producer, clock }),
    ledger: createLedger(records, { producer, clock }),
    clock,
    logger,
  });
  return { log, closeLog: () => records.close() };
}

function intentOf(
  event: WaybillEvent,
  attachments: PlannedPublish['attachments'],
  options: ResolvedPublisherOptions,
): Intent {
  return {
    event,
    attachments: attachments.map(({ id, name, mediaType }) => ({ id, name, mediaType })),
    store: options.store.name,
    retainUntil: retainUntil(event.id, options),
  };
}

function publishedBefore({ event, eventBridgeId }: PublishedNote): PublishResult {
  const viaManifest = event.data.manifest !== undefined;
  return { event, eventBridgeId, uploads: [], viaManifest, droppedAccess: false, alreadyPublished: true };
}

const DAY_MS = 86_400_000;

/**
 * Counted from the event's id, so that publishing again gives the same claim checks and the same manifest; from now
 * where the id is more than a day off.
 */
function retainUntil(id: string, { clock, retainDays }: ResolvedPublisherOptions): string {
  const nowMs = clock.nowMs();
  const mintedMs = mintedAtMs(id);
  const fromMs = Math.abs(nowMs - mintedMs) > DAY_MS ? nowMs : mintedMs;
  return new Date(fromMs + retainDays * DAY_MS).toISOString();
}
