import type { MessageAttributeValue, SQSClient } from '@aws-sdk/client-sqs';
import { AwsJsonError } from '../../shared/aws-json.ts';
import type { Clock, Random } from '../../shared/clock.ts';
import { backoffMs } from '../../shared/retry.ts';
import {
  BatchEntryError,
  createQueue,
  type BatchResults,
  type Queue,
  type QueueMessage,
} from '../worker/queue.ts';
import { followClient } from './lean-caller.ts';

/** A queue, and the way to let go of its connections. */
export interface LeanQueue extends Queue {
  close(): Promise<void>;
}

/** As the SDK's standard mode does it: three attempts in all, 100 ms and 200 ms of full jitter between them. */
const ATTEMPTS = 3;
const BACKOFF = { backoffBaseMs: 100, backoffCapMs: 20_000 };
/** Longest silence of SQS, in milliseconds, beyond what a long poll may wait. */
const TIMEOUT_MS = 10_000;
/** Refusals that are the service's own trouble, beside every 5xx. */
const TRANSIENT = /Throttl|RequestLimitExceeded|SlowDown|RequestTimeout|ServiceUnavailable|InternalFailure/;

/**
 * The calls of a worker, those for each message without the SDK: receive, change visibility, delete. What a worker asks
 * rarely goes by the SDK's client, from which address, region and credentials are learned.
 *
 * @param client our own, that is: nobody else's middleware is passed over
 */
export function createLeanQueue(
  client: SQSClient,
  url: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): LeanQueue {
  const bySdk = createQueue(client, url);
  const lean = followClient(client, clock);

  /** @returns undefined while the address is not known: then the SDK makes the call */
  const call = async (
    action: string,
    input: object,
    signal: AbortSignal,
    waitMs = 0,
  ): Promise<Record<string, unknown> | undefined> => {
    const caller = await lean.get();
    if (caller === undefined) return undefined;
    const limits = { signal, timeoutMs: waitMs + TIMEOUT_MS };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await caller.call(action, { QueueUrl: url, ...input }, limits);
      } catch (error) {
        signal.throwIfAborted();
        if (attempt >= ATTEMPTS || !isTransient(error)) throw error;
        await clock.sleep(backoffMs(attempt, BACKOFF, random), signal);
      }
    }
  };

  return {
    ...bySdk,
    async receive(request, signal) {
      const { maxMessages, waitSeconds, visibilityTimeoutSeconds } = request;
      const input = {
        MaxNumberOfMessages: maxMessages,
        WaitTimeSeconds: waitSeconds,
        VisibilityTimeout: visibilityTimeoutSeconds,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      };
      const answer = await call('ReceiveMessage', input, signal, waitSeconds * 1000);
      if (answer === undefined) return await bySdk.receive(request, signal);
      return recordsOf(answer['Messages']).map(toMessage);
    },
    async changeVisibilityBatch(changes, signal) {
      const Entries = changes.map(({ receiptHandle, seconds }, index) => ({
        Id: String(index),
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: seconds,
      }));
      const answer = await call('ChangeMessageVisibilityBatch', { Entries }, signal);
      if (answer === undefined) return await bySdk.changeVisibilityBatch(changes, signal);
      return resultsOf(Entries.length, answer);
    },
    async deleteBatch(receiptHandles, signal) {
      const Entries = receiptHandles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      const answer = await call('DeleteMessageBatch', { Entries }, signal);
      if (answer === undefined) return await bySdk.deleteBatch(receiptHandles, signal);
      return resultsOf(Entries.length, answer);
    },
    close: async () => await lean.close(),
  };
}

/** The connection broke, or the service has trouble of its own. */
function isTransient(error: unknown): boolean {
  if (!(error instanceof AwsJsonError)) return true;
  return error.$metadata.httpStatusCode >= 500 || TRANSIENT.test(error.name);
}

function resultsOf(count: number, answer: Record<string, unknown>): BatchResults {
  const results: (Error | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const { Id, Code, Message } of recordsOf(answer['Failed'])) {
    results[Number(Id)] = new BatchEntryError({ Code: textOf(Code), Message: textOf(Message) });
  }
  return results;
}

function toMessage(message: Record<string, unknown>): QueueMessage {
  const attributes = message['Attributes'] as { ApproximateReceiveCount?: string } | undefined;
  return {
    messageId: textOf(message['MessageId']),
    receiptHandle: textOf(message['ReceiptHandle']),
    body: textOf(message['Body']),
    receiveCount: Number(attributes?.ApproximateReceiveCount ?? 1),
    attributes: messageAttributes(message['MessageAttributes']),
  };
}

/** As the SDK gives them: binary values as bytes. */
function messageAttributes(value: unknown): Record<string, MessageAttributeValue> {
  if (typeof value !== 'object' || value === null) return {};
  const attributes = value as Record<string, MessageAttributeValue & { BinaryValue?: unknown }>;
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { BinaryValue: binary, ...attribute }]) => [
      name,
      typeof binary === 'string' ? { ...attribute, BinaryValue: Buffer.from(binary, 'base64') } : attribute,
    ]),
  );
}

function recordsOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as Record<string, unknown>[]) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
