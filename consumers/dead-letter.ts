import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { REJECT_ATTRIBUTE, type Rejection } from '../shared/dead-letter.ts';
import { MAX_SQS_MESSAGE_BYTES } from '../shared/limits.ts';
import { redactText } from '../shared/redact.ts';
import { MAX_MESSAGE_ATTRIBUTES } from './worker/sqs-limits.ts';

export { readRejection, REJECT_ATTRIBUTE, rejectId, type Rejection } from '../shared/dead-letter.ts';

/** Longest reason, in bytes of its JSON text. */
export const MAX_REASON_BYTES = 1024;

/** A message for the dead-letter queue. */
export interface DeadLetter {
  /** The original body, untouched. */
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
}

/**
 * Makes the message for the dead-letter queue: original body, original attributes as far as SQS's limits of 10
 * attributes and 1 MiB leave room, and `waybill.reject`. Where the body leaves too little room, the reason is
 * shortened first, then the original attributes go, then all of the rejection but its id and code; a body that
 * fills the message to the last bytes travels alone.
 */
export function deadLetter(
  original: { readonly body: string; readonly attributes: Readonly<Record<string, MessageAttributeValue>> },
  rejection: Rejection,
): DeadLetter {
  const { body } = original;
  const room = MAX_SQS_MESSAGE_BYTES - Buffer.byteLength(body);
  const kept = Object.fromEntries(
    Object.entries(original.attributes)
      .filter(([name]) => name !== REJECT_ATTRIBUTE)
      .slice(0, MAX_MESSAGE_ATTRIBUTES - 1)
      .map(([name, value]) => [name, asSent(value)]),
  );
  const full = { ...rejection, reason: cutReason(redactText(rejection.reason), MAX_REASON_BYTES) };
  const { rejectId: id, code } = full;
  const candidates = [
    () => ({ ...kept, [REJECT_ATTRIBUTE]: jsonAttribute(full) }),
    () => ({ ...kept, [REJECT_ATTRIBUTE]: jsonAttribute({ ...full, reason: cutReason(full.reason, 128) }) }),
    () => ({ [REJECT_ATTRIBUTE]: jsonAttribute(full) }),
    () => ({ [REJECT_ATTRIBUTE]: jsonAttribute({ ...full, reason: cutReason(full.reason, 128) }) }),
    () => ({ [REJECT_ATTRIBUTE]: jsonAttribute({ rejectId: id, code }) }),
  ];
  for (const candidate of candidates) {
    const attributes = candidate();
    if (attributeBytes(attributes) <= room) return { body, attributes };
  }
  return { body, attributes: {} };
}

/** ASCII only: SQS refuses some characters (U+FFFE) that JSON lets through, and bytes are then characters. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function jsonAttribute(value: object): MessageAttributeValue {
  return { DataType: 'String', StringValue: asciiJson(value) };
}

/** Cuts so that the JSON text has at most `maxBytes`, the mark of the cut included. */
function cutReason(reason: string, maxBytes: number): string {
  if (jsonBytes(reason) <= maxBytes) return reason;
  let [left, end] = [maxBytes - jsonBytes('…'), 0];
  for (const character of reason) {
    left -= jsonBytes(character);
    if (left < 0) break;
    end += character.length;
  }
  return `${reason.slice(0, end)}…`;
}

/** Length of a text inside JSON, without its quotes. */
function jsonBytes(text: string): number {
  return asciiJson(text).length - 2;
}

/** A received attribute holds list fields that SendMessage refuses even when they are empty. */
function asSent({ DataType, StringValue, BinaryValue }: MessageAttributeValue): MessageAttributeValue {
  return {
    DataType,
    ...(StringValue === undefined ? {} : { StringValue }),
    ...(BinaryValue === undefined ? {} : { BinaryValue }),
  };
}

/** Names, types and values count. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
function attributeBytes(attributes: Readonly<Record<string, MessageAttributeValue>>): number {
  let bytes = 0;
  for (const [name, { DataType = '', StringValue = '', BinaryValue }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType) + Buffer.byteLength(StringValue);
    bytes += BinaryValue?.byteLength ?? 0;
  }
  return bytes;
}
