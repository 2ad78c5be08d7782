import { EventParseError } from '../../shared/errors.ts';
import { checkAgainst, parseEnvelope, type Envelope, type WaybillEvent } from '../../shared/events/index.ts';
import type { LazySignal } from '../../shared/lazy-signal.ts';
import type { Logger } from '../../shared/logger.ts';
import { show } from '../../shared/options.ts';
import { idempotencyText } from '../../shared/idempotency.ts';
import type { Place } from './budget.ts';
import { claim, idempotencyId, type HeldLease } from './claim.ts';
import { withFields } from './fields-logger.ts';
import { admitInline, resolveManifest } from './manifest.ts';
import type { Outcome } from './outcome.ts';
import { within } from './patience.ts';
import { inProcessSpan } from './process-span.ts';
import type { QueueMessage } from './queue.ts';
import { receivedAttachment, type DownloadContext } from './received-attachment.ts';
import { callMs, type WorkerRuntime } from './runtime.ts';
import { saveAll } from './save-all.ts';
import type { EventSchemas, ReceivedEvent } from './types.ts';

/** Digests that the idempotency record of an event names, at most. */
const MAX_RECORDED_DIGESTS = 300;

/** One delivery in work. */
export interface Delivery {
  readonly message: QueueMessage;
  readonly signal: LazySignal;
  readonly place: Place;
  readonly abort: (reason: unknown) => void;
  /** The handler's timeout begins; once. */
  readonly startTimeout: () => void;
  /** Aborts and throws when a lease has run out unnoticed: the process or its machine stood still. */
  readonly assertHeld: () => void;
  /** Set as soon as the body is parsed; rejections and log lines name it. */
  event: WaybillEvent | undefined;
  /** Set from the moment that the event's idempotency record is ours. */
  held: HeldLease | undefined;
}

/** An event that is for us, and whose every word has been checked. */
interface Accepted {
  readonly envelope: Envelope;
  readonly event: WaybillEvent;
  /** The publisher's fields, as its schema made them. */
  readonly own: object;
}

/**
 * Takes a message from its body to the end of the handler: parse → for us? → schema and admission → a place for work →
 * idempotency record → manifest → handler → record. Nothing is fetched before everything that the event says has been
 * checked.
 *
 * @throws whatever makes the message be rejected, retried or released; `outcomeOf` tells which
 */
export async function attempt(delivery: Delivery, runtime: WorkerRuntime): Promise<Outcome> {
  const { options } = runtime;
  const accepted = accept(delivery, runtime);
  if ('kind' in accepted) return accepted;
  const { event } = accepted;
  return await inProcessSpan(
    options,
    delivery.message,
    event,
    async () => await work(accepted, delivery, runtime),
  );
}

async function work(accepted: Accepted, delivery: Delivery, runtime: WorkerRuntime): Promise<Outcome> {
  const { options, circuit, stopSignal } = runtime;
  const { signal, place } = delivery;
  const { event } = accepted;
  await admitInline(event, options);
  const enter = async (bytes: number): Promise<void> => {
    stopSignal.throwIfAborted();
    circuit.throwIfOpen();
    await place.enter(bytes, signal);
  };
  const inlineBytes = sizeOf(event.data.attachments) + (event.data.manifest?.size ?? 0);
  await enter(inlineBytes);
  delivery.startTimeout();
  if (options.idempotency !== undefined) {
    const claimed = await claim(delivery, event, options.idempotency, runtime, () => enter(inlineBytes));
    if (claimed === 'done') return { kind: 'duplicate' };
    delivery.held = claimed;
  }
  const verified = await handle(accepted, delivery, runtime, enter);
  return await complete(delivery, verified, runtime);
}

function accept(delivery: Delivery, { options }: WorkerRuntime): Accepted | Outcome {
  const { envelope, event } = parseEnvelope(delivery.message.body);
  delivery.event = event;
  const { replayfor } = event;
  if (options.consumer !== undefined && replayfor !== undefined && replayfor !== options.consumer) {
    return { kind: 'ignored', reason: `a replay for ${show(replayfor)}` };
  }
  const schema = options.events.get(event.type) ?? options.events.get('*');
  if (schema !== undefined) return { envelope, event, own: ownData(event, schema) };
  if (options.onUnknownType === 'ignore') return { kind: 'ignored', reason: `type ${show(event.type)}` };
  throw unknownType(event.type, [...options.events.keys()]);
}

/** @returns the digests that were verified, by attachment id */
async function handle(
  { envelope, event, own }: Accepted,
  delivery: Delivery,
  runtime: WorkerRuntime,
  enter: (bytes: number) => Promise<void>,
): Promise<Record<string, string>> {
  const { options } = runtime;
  const { message, signal, assertHeld, held } = delivery;
  const { messageId, receiveCount } = message;
  const { source, type } = event;
  let fields: Logger | undefined;
  const logger = (): Logger =>
    (fields ??= withFields(runtime.logger, { messageId, eventId: event.id, source, type }));
  const verified: Record<string, string> = {};
  const downloads = downloadContext(delivery, runtime, logger, verified);
  const { attachments, manifest } = await resolveManifest(event, options, downloads);
  if (manifest !== undefined) await enter(sizeOf(attachments));
  const received = attachments.map((attachment) => receivedAttachment(attachment, downloads));
  const consumer = options.consumer ?? '';
  const handed = {
    ...event,
    deliveryAttempt: Math.max(receiveCount, held?.lease.attempt ?? 1),
    idempotencyKey:
      held?.lease.idempotencyKey ?? idempotencyText({ consumer, source, id: idempotencyId(event) }),
    data: { ...own, attachments: received },
  } as unknown as ReceivedEvent<EventSchemas>;
  assertHeld();
  await options.handler(handed, {
    get signal() {
      return signal.signal;
    },
    messageId,
    receiveCount,
    envelope,
    get logger() {
      return logger();
    },
    saveAll: async (directory) => {
      const files = await saveAll(directory, { event, manifest, attachments: received });
      assertHeld();
      return files;
    },
  });
  return verified;
}

/** Writes down that the event was handled. The message's own signal does not end it: the effect has happened. */
async function complete(
  { held }: Delivery,
  verified: Record<string, string>,
  runtime: WorkerRuntime,
): Promise<Outcome> {
  if (held === undefined) return { kind: 'succeeded' };
  await held.heartbeat.stop();
  const short = Object.fromEntries(Object.entries(verified).slice(0, MAX_RECORDED_DIGESTS));
  await within(runtime.options.clock, callMs(runtime), (signal) =>
    held.lease.complete({ outcome: 'handled', verified: short }, signal),
  );
  return { kind: 'succeeded' };
}

function downloadContext(
  delivery: Delivery,
  { download, emit }: WorkerRuntime,
  logger: () => Logger,
  verified: Record<string, string>,
): DownloadContext {
  const { message, signal, event, assertHeld } = delivery;
  const { messageId, receiveCount } = message;
  return {
    get options() {
      return { ...download, logger: logger() };
    },
    signal,
    assertHeld,
    onEvent: (attachment, downloadEvent) => {
      if (downloadEvent.kind === 'verified' && downloadEvent.sha256)
        verified[attachment.id] = attachment.digest;
      const ids = { messageId, receiveCount, eventId: event?.id };
      emit({ kind: 'download', ...ids, attachment, event: downloadEvent });
    },
  };
}

/** The publisher's fields as its schema sees them: without what Waybill adds. */
function ownData(event: WaybillEvent, schema: EventSchemas[string]): object {
  const { attachments: _attachments, manifest: _manifest, ...own } = event.data;
  return checkAgainst(schema, own, 'data');
}

function sizeOf(attachments: readonly { readonly size: number }[]): number {
  let bytes = 0;
  for (const { size } of attachments) bytes += size;
  return bytes;
}

function unknownType(type: string, known: readonly string[]): EventParseError {
  return new EventParseError([
    { path: 'type', value: show(type), expected: known.map((name) => show(name)).join(' or ') },
  ]);
}
