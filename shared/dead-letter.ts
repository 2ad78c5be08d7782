import { createHash } from 'node:crypto';

/** Name of the one attribute that a rejected message carries. */
export const REJECT_ATTRIBUTE = 'waybill.reject';

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

/**
 * Deterministic id of a rejection: SHA-256, in hex, of the queue and the message id. A rejection that is sent twice
 * (the first answer was lost) can be told by it.
 * @param queue the queue's ARN, or its URL where the ARN cannot be read
 */
export function rejectId(queue: string, messageId: string): string {
  return createHash('sha256').update(`${queue}\n${messageId}`).digest('hex');
}

/**
 * Reads the rejection that a dead-lettered message carries.
 * @returns undefined when it carries none that can be read
 */
export function readRejection(
  attributes: Readonly<Record<string, { readonly StringValue?: string | undefined }>> | undefined,
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
