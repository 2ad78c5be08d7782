import { EventParseError } from '../../shared/errors.ts';
import { checkAgainst, parseEnvelope, type Envelope, type WaybillEvent } from '../../shared/events/index.ts';
import type { Logger } from '../../shared/logger.ts';
import { show } from '../../shared/options.ts';
import { withFields } from './fields-logger.ts';
import { resolveAttachments } from './manifest.ts';
import type { Outcome } from './outcome.ts';
import type { QueueMessage } from './queue.ts';
import { receivedAttachment, type DownloadContext } from './received-attachment.ts';
import type { WorkerRuntime } from './runtime.ts';
import { saveAll } from './save-all.ts';
import type { EventSchemas, HandlerContext, ReceivedEvent } from './types.ts';

/** One delivery in work. */
export interface Delivery {
  readonly message: QueueMessage;
  readonly signal: AbortSignal;
  /** Set as soon as the body is parsed; rejections and log lines name it. */
  event: WaybillEvent | undefined;
}

/**
 * Takes a message from its body to the end of the handler: parse → for us? → schema → admission → manifest → handler.
 * Nothing is fetched before everything that the event says has been checked.
 *
 * @throws whatever makes the message be rejected, retried or released; `outcomeOf` tells which
 */
export async function attempt(delivery: Delivery, runtime: WorkerRuntime): Promise<Outcome> {
  const { message, signal } = delivery;
  const { options } = runtime;
  const { envelope, event } = parseEnvelope(message.body);
  delivery.event = event;
  signal.throwIfAborted();
  const { replayfor } = event;
  if (options.consumer !== undefined && replayfor !== undefined && replayfor !== options.consumer) {
    return { kind: 'ignored', reason: `a replay for ${show(replayfor)}` };
  }
  const schema = options.events.get(event.type) ?? options.events.get('*');
  if (schema === undefined) {
    if (options.onUnknownType === 'ignore') return { kind: 'ignored', reason: `type ${show(event.type)}` };
    throw unknownType(event.type, [...options.events.keys()]);
  }
  const own = ownData(event, schema);
  const logger = withFields(runtime.logger, {
    messageId: message.messageId,
    eventId: event.id,
    source: event.source,
    type: event.type,
  });
  const downloads = downloadContext(delivery, runtime, logger);
  const { attachments, manifest } = await resolveAttachments(event, options, downloads);
  signal.throwIfAborted();
  const received = attachments.map((attachment) => receivedAttachment(attachment, downloads));
  const handed = { ...event, data: { ...own, attachments: received } } as ReceivedEvent<EventSchemas>;
  await options.handler(handed, {
    ...contextOf(delivery, envelope, logger),
    saveAll: async (directory) => await saveAll(directory, { event, manifest, attachments: received }),
  });
  return { kind: 'succeeded' };
}

function contextOf(
  { message, signal }: Delivery,
  envelope: Envelope,
  logger: Logger,
): Omit<HandlerContext, 'saveAll'> {
  return { signal, messageId: message.messageId, receiveCount: message.receiveCount, envelope, logger };
}

function downloadContext(
  { message, signal, event }: Delivery,
  { options, download, emit }: WorkerRuntime,
  logger: Logger,
): DownloadContext {
  const { messageId, receiveCount } = message;
  return {
    options: { ...download, stores: options.stores, logger },
    signal,
    onEvent: (attachment, downloadEvent) =>
      emit({
        kind: 'download',
        messageId,
        receiveCount,
        eventId: event?.id,
        attachment,
        event: downloadEvent,
      }),
  };
}

/** The publisher's fields as its schema sees them: without what Waybill adds. */
function ownData(event: WaybillEvent, schema: EventSchemas[string]): object {
  const { attachments: _attachments, manifest: _manifest, ...own } = event.data;
  return checkAgainst(schema, own, 'data');
}

function unknownType(type: string, known: readonly string[]): EventParseError {
  return new EventParseError([
    { path: 'type', value: show(type), expected: known.map((name) => show(name)).join(' or ') },
  ]);
}
