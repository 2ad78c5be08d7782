import { EventTooLargeError } from '../errors.ts';
import { EVENT_BUDGET_BYTES } from '../limits.ts';
import { numberInRange } from '../options.ts';
import { Secret } from '../secret.ts';
import type { Attachment, Manifest, WaybillEvent } from './schema.ts';

/** An event as it goes to the bus. */
export interface SerialisedEvent {
  /** JSON for EventBridge's Detail. Holds URLs and claim checks: do not log it. */
  readonly detail: string;
  /** Size as EventBridge counts it, in bytes. */
  readonly bytes: number;
  /** True if `access` had to go to fit the budget; the claim check suffices for the consumer. */
  readonly droppedAccess: boolean;
}

export interface SerialiseOptions {
  /** Most bytes the entry may take, as EventBridge counts them. @default 245_760 (240 KiB) */
  readonly budgetBytes?: number;
  /** ARNs for the entry's Resources; they count. @default [] */
  readonly resources?: readonly string[];
}

/**
 * Serialises an event for the bus within a byte budget: whole, or else without `access`.
 *
 * This, with `serialiseManifest`, `serialiseForKeeping` and `serialiseForRecord` beside it, is the only place that
 * writes URLs and claim checks out.
 *
 * @throws {EventTooLargeError} if it does not fit without `access` either: move the attachments to a manifest object
 */
export function serialiseEvent(event: WaybillEvent<object>, options: SerialiseOptions = {}): SerialisedEvent {
  const budget = numberInRange('budgetBytes', options.budgetBytes ?? EVENT_BUDGET_BYTES, {
    min: 1024,
    max: 1_000_000,
    unit: 'bytes',
  });
  const resources = options.resources ?? [];
  const attempt = (shape: object, droppedAccess: boolean): SerialisedEvent => {
    const detail = revealJson(shape);
    const bytes = entryBytes({ source: event.source, detailType: event.type, detail, resources });
    return { detail, bytes, droppedAccess };
  };
  const whole = attempt(event, false);
  if (whole.bytes <= budget) return whole;
  const lean = attempt(withoutAccess(event), true);
  if (lean.bytes <= budget) return lean;
  throw new EventTooLargeError(
    `event ${event.id} takes ${lean.bytes} bytes without access, the budget is ${budget} bytes`,
    { details: { eventId: event.id, bytes: lean.bytes, budget } },
  );
}

/**
 * Serialises the content of a manifest object, without `access`: a manifest outlives any URL.
 */
export function serialiseManifest(manifest: Manifest): string {
  return revealJson({ ...manifest, attachments: manifest.attachments.map(dropAccess) });
}

/**
 * An event as a consumer may keep it beside the files: claim checks yes (write it with mode 0600), URLs no.
 */
export function serialiseForKeeping(event: WaybillEvent<object>): string {
  return `${revealJson(withoutAccess(event), 2)}\n`;
}

/**
 * An event as a record of the control bucket holds it, on one line: claim checks yes, URLs no, so that it can be
 * published again long after every URL in it has died.
 */
export function serialiseForRecord(event: WaybillEvent<object>): string {
  return revealJson(withoutAccess(event));
}

/**
 * Bytes of a PutEvents entry: 14 for Time, and the UTF-8 lengths of Source, DetailType, Detail and Resources.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
 */
export function entryBytes(entry: {
  source: string;
  detailType: string;
  detail: string;
  resources: readonly string[];
}): number {
  const texts = [entry.source, entry.detailType, entry.detail, ...entry.resources];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 14);
}

function withoutAccess(event: WaybillEvent<object>): object {
  const { attachments, manifest } = event.data;
  const data = { ...event.data, attachments: attachments.map(dropAccess) };
  return { ...event, data: manifest === undefined ? data : { ...data, manifest: dropAccess(manifest) } };
}

function dropAccess(attachment: Attachment): Omit<Attachment, 'access'> {
  const { access: _access, ...rest } = attachment;
  return rest;
}

/** JSON.stringify calls toJSON before the replacer sees a value, so the holder is asked for the value itself. */
function revealJson(value: object, indent?: number): string {
  return JSON.stringify(
    value,
    function (this: Record<string, unknown>, key: string, shown: unknown): unknown {
      const raw = this[key];
      return raw instanceof Secret ? raw.reveal() : shown;
    },
    indent,
  );
}
