import { createHash } from 'node:crypto';
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { MAX_SQS_MESSAGE_BYTES } from '../shared/limits.ts';
import { redactText } from '../shared/redact.ts';
import { MAX_MESSAGE_ATTRIBUTES } from './worker/sqs-limits.ts';

/** Name of the one attribute that a rejected message carries. */
export const REJECT_ATTRIBUTE = 'waybill.reject';
/** Longest reason, in bytes of its JSON text. */
export const MAX_REASON_BYTES = 1024;

/** Why a message lies in the dead-letter queue: the JSON value of `waybill.reject`. */
export interface Rejection {
  /** The same for every rejection of one message of one queue: `rejectId(queue, messageId)`. */
  readonly rejectId: string;
  /** `code` of the error. */
  readonly code: string;
  /** The error's message, redacted, at most 1 KiB. */
  readonly reason: string;
  /** The consumer's name, where it has one. */
  readonly consumer?: string;
  /** When, RFC 3339. */
  readonly at: string;
  readonly receiveCount: number;
  readonly eventId?: string;
  readonly source?: string;
  readonly type?: string;
}

/** A message for the dead-letter queue. */
export interface DeadLetter {
  /** The original body, untouched. */
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
}

/**
 * Deterministic id of a rejection: SHA-256, in hex, of the queue and the message id. A rejection that is sent twice
 * (the first answer was lost) can be told by it.
 * @param queue the queue's ARN, or its URL where the ARN cannot be read
 */
export function rejectId(queue: string, messageId: string): string {
  return createHash('sha256').update(`${queue}\n${messageId}`).digest('hex');
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

/**
 * Reads the rejection that a dead-lettered message carries.
 * @returns undefined when it carries none that can be read
 */
export function readRejection(
  attributes: Readonly<Record<string, MessageAttributeValue>> | undefined,
): Partial<Rejection> | undefined {
  const text = attributes?.[REJECT_ATTRIBUTE]?.StringValue;
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
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
