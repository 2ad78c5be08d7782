import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import { readRejection, REJECT_ATTRIBUTE, type Rejection } from '../../shared/dead-letter.ts';
import { parseEnvelope, parseEvent, type WaybillEvent } from '../../shared/events/index.ts';
import { isRecord, parseJson } from '../../shared/json.ts';
import type { FilterSubject } from '../event-filter.ts';

/**
 * How a message came into the dead-letter queue.
 *
 * - `rejected`: a worker put it there, with the reason in `waybill.reject`.
 * - `exhausted`: SQS moved it, received more often than the redrive policy allows; nobody said why.
 * - `undeliverable`: EventBridge could not put it into the consumer's queue.
 * - `unknown`: none of these.
 */
export type DeadLetterKind = 'rejected' | 'exhausted' | 'undeliverable' | 'unknown';

/** A message of a dead-letter queue, as it was found; it stays where it is. */
export interface FoundDeadLetter extends FilterSubject {
  readonly messageId: string;
  readonly kind: DeadLetterKind;
  /** The rejection's code, EventBridge's ERROR_CODE, or `max-receives`, `unknown`. */
  readonly code: string;
  readonly reason: string | undefined;
  readonly rejection: Partial<Rejection> | undefined;
  /** The event, if the body is one. */
  readonly event: WaybillEvent | undefined;
  /** When SQS got it, RFC 3339. */
  readonly sentAt: string | undefined;
  /** Bytes of the body. */
  readonly bodyBytes: number;
  /** ARN of the queue that it belongs to, where the message says so. */
  readonly originArn: string | undefined;
  /** Holds URLs and claim checks: do not log it. */
  readonly body: () => string;
  /** All attributes that it carries. */
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
  readonly receiptHandle: string;
  readonly groupId: string | undefined;
}

/** What EventBridge writes beside an event that it could not deliver. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html */
const EVENTBRIDGE_ATTRIBUTES = new Set([
  'RULE_ARN',
  'TARGET_ARN',
  'ERROR_CODE',
  'ERROR_MESSAGE',
  'RETRY_ATTEMPTS',
  'EXHAUSTED_RETRY_CONDITION',
]);

/** Reads what a message says of itself; never throws. */
export function readDeadLetter(message: Message): FoundDeadLetter {
  const body = message.Body ?? '';
  const attributes = message.MessageAttributes ?? {};
  const system: Readonly<Record<string, string | undefined>> = message.Attributes ?? {};
  const text = (name: string): string | undefined => attributes[name]?.StringValue;
  const rejection = readRejection(attributes);
  const envelope = attempt(() => parseJson(body));
  const why = whyIsItHere(rejection, text('ERROR_CODE'), text('ERROR_MESSAGE'), system);
  const sentMs = Number(system['SentTimestamp']);
  return {
    messageId: message.MessageId ?? '',
    ...why,
    rejection,
    failure: { code: why.code, reason: why.reason },
    event: attempt(() => parseEnvelope(body).event) ?? attempt(() => parseEvent(body)),
    envelope: isRecord(envelope) ? envelope : undefined,
    sentAt: Number.isFinite(sentMs) ? new Date(sentMs).toISOString() : undefined,
    bodyBytes: Buffer.byteLength(body),
    originArn: text('TARGET_ARN') ?? system['DeadLetterQueueSourceArn'],
    body: () => body,
    attributes,
    receiptHandle: message.ReceiptHandle ?? '',
    groupId: system['MessageGroupId'],
  };
}

function whyIsItHere(
  rejection: Partial<Rejection> | undefined,
  errorCode: string | undefined,
  errorMessage: string | undefined,
  system: Readonly<Record<string, string | undefined>>,
): { readonly kind: DeadLetterKind; readonly code: string; readonly reason: string | undefined } {
  if (rejection !== undefined)
    return { kind: 'rejected', code: rejection.code ?? 'unknown', reason: rejection.reason };
  if (errorCode !== undefined) return { kind: 'undeliverable', code: errorCode, reason: errorMessage };
  if (system['DeadLetterQueueSourceArn'] !== undefined)
    return { kind: 'exhausted', code: 'max-receives', reason: 'received more often than the queue allows' };
  return { kind: 'unknown', code: 'unknown', reason: undefined };
}

/** The attributes that the message had before it was dead-lettered, as SendMessage takes them. */
export function originalAttributes(
  attributes: Readonly<Record<string, MessageAttributeValue>>,
): Record<string, MessageAttributeValue> {
  const undeliverable = attributes['ERROR_CODE'] !== undefined && attributes['RULE_ARN'] !== undefined;
  const kept = Object.entries(attributes).filter(
    ([name]) => name !== REJECT_ATTRIBUTE && !(undeliverable && EVENTBRIDGE_ATTRIBUTES.has(name)),
  );
  return Object.fromEntries(
    kept.map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      {
        DataType,
        ...(StringValue === undefined ? {} : { StringValue }),
        ...(BinaryValue === undefined ? {} : { BinaryValue }),
      },
    ]),
  );
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
