import { EVENT_VERSION, parseEvent, type EventData, type WaybillEvent } from '../shared/events/index.ts';
import { MAX_ATTACHMENTS } from '../shared/limits.ts';
import { show } from '../shared/options.ts';
import { planAttachment, type AttachmentSource, type PlannedAttachment } from './attachment-source.ts';
import { mintEventId } from './event-id.ts';
import { payloadKey } from './payload-key.ts';
import type { ResolvedPublisherOptions } from './publisher-options.ts';

/** How far the bytes of one attachment are. */
export interface UploadProgress {
  readonly attachmentId: string;
  readonly name: string;
  /** Bytes that S3 has taken so far. */
  readonly uploadedBytes: number;
  /** Absent for a stream of unknown length. */
  readonly totalBytes?: number;
}

/** An event to publish. */
export interface PublishInput {
  /** UUIDv7. The same id again is the same event: nothing is uploaded twice. @default - minted */
  readonly id?: string;
  /** EventBridge's DetailType: 1 to 128 of `A-Z a-z 0-9 . _ -`. */
  readonly type: string;
  /** EventBridge's Source. @default - the producer */
  readonly source?: string;
  readonly subject?: string;
  /** Your own fields, JSON; `attachments` and `manifest` are taken. @default {} */
  readonly data?: object;
  /** At most 10,000. @default [] */
  readonly attachments?: readonly AttachmentSource[];
  /** When it happened. @default - now */
  readonly time?: Date;
  readonly correlationid?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** URI of the schema of `data`. */
  readonly dataschema?: string;
  /** Ends the publish: bytes under way are taken back, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told after every part; an exception in it is logged and ignored. */
  readonly onProgress?: (progress: UploadProgress) => void;
}

/** A publish whose input was checked; nothing has been uploaded. */
export interface PlannedPublish {
  /** The event without its attachments. */
  readonly skeleton: WaybillEvent;
  readonly attachments: readonly PlannedAttachment[];
}

/** Attributes that go into the event as they are. */
const PASSED_ON = ['subject', 'dataschema', 'correlationid', 'traceparent', 'tracestate'] as const;

/**
 * Checks everything that can be checked before a byte is uploaded.
 * @throws {TypeError|RangeError} naming the field, the value and what was expected
 * @throws {EventParseError} if an attribute cannot stand in an event
 */
export async function planPublish(
  input: PublishInput,
  options: Pick<ResolvedPublisherOptions, 'producer' | 'clock' | 'idRandom'>,
): Promise<PlannedPublish> {
  if (typeof input !== 'object' || input === null)
    throw new TypeError(`publish: got ${show(input)}, expected an object`);
  const { clock, idRandom, producer } = options;
  const attributes = PASSED_ON.flatMap((name) =>
    input[name] === undefined ? [] : [[name, input[name]] as const],
  );
  const skeleton = parseEvent({
    specversion: '1.0',
    waybillversion: EVENT_VERSION,
    id: input.id ?? mintEventId(clock, idRandom),
    type: input.type,
    source: input.source ?? producer,
    time: isoTime(input.time ?? new Date(clock.nowMs())),
    ...Object.fromEntries(attributes),
    data: { ...checkData(input.data), attachments: [] },
  });
  payloadKey({ producer, type: skeleton.type, eventId: skeleton.id, attachmentId: 'x' }); // dot segments
  return { skeleton, attachments: await planAttachments(input.attachments ?? []) };
}

function isoTime(time: unknown): string {
  if (time instanceof Date && !Number.isNaN(time.getTime())) return time.toISOString();
  throw new TypeError(`time: got ${show(time)}, expected a valid Date`);
}

/** A copy of the caller's fields as JSON has them, so that later changes do not reach the event. */
function checkData(data: unknown): EventData {
  if (data === undefined) return {};
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new TypeError(`data: got ${show(data)}, expected an object`);
  for (const taken of ['attachments', 'manifest']) {
    if (Object.hasOwn(data, taken))
      throw new TypeError(`data.${taken}: got a value, expected none: it is Waybill's`);
  }
  try {
    return JSON.parse(JSON.stringify(data)) as EventData;
  } catch (error) {
    throw new TypeError(`data: got an object that is not JSON (${(error as Error).message})`, {
      cause: error,
    });
  }
}

async function planAttachments(inputs: unknown): Promise<PlannedAttachment[]> {
  if (!Array.isArray(inputs)) throw new TypeError(`attachments: got ${show(inputs)}, expected an array`);
  if (inputs.length > MAX_ATTACHMENTS)
    throw new RangeError(`attachments: got ${inputs.length}, expected at most ${MAX_ATTACHMENTS}`);
  const planned: PlannedAttachment[] = [];
  const seen = new Set<string>();
  for (const [index, input] of (inputs as AttachmentSource[]).entries()) {
    const attachment = await planAttachment(input, index);
    if (seen.has(attachment.id))
      throw new TypeError(
        `attachments[${index}].id: got ${show(attachment.id)} again, expected ids that differ`,
      );
    seen.add(attachment.id);
    planned.push(attachment);
  }
  return planned;
}
