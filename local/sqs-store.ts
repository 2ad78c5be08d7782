import { buildApp, type BuildAppOptions } from 'fauxqs';

import type { Logger } from '../shared/logger.ts';
import { AwsError } from './aws-error.ts';
import { QueueStore } from './sqs/queue-store.ts';
import { isRecord } from './wire.ts';

/** The one account of the local stack. */
export const LOCAL_ACCOUNT_ID = '000000000000';

/** What an action answered. */
export interface StoreReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly output: Record<string, unknown>;
}

/** fauxqs's SQS actions, in this process and without a socket, on queues of our own. */
export interface SqsStore {
  readonly queues: QueueStore;
  /** Runs an SQS action, in the JSON protocol's own shapes. Queue URLs are named by this stack's endpoint. */
  call(action: string, input: Readonly<Record<string, unknown>>): Promise<StoreReply>;
  queueUrl(name: string): string;
  queueArn(name: string): string;
  close(): Promise<void>;
}

/** What a store needs. */
export interface SqsStoreOptions {
  readonly region: string;
  /** Gives the stack's endpoint; asked late, because the port is known only after listening. */
  readonly endpoint: () => string;
  /** File of the journal. @default - queues live in memory only */
  readonly path?: string | undefined;
  readonly logger: Logger;
}

/** Starts the store. */
export async function openSqsStore({ region, endpoint, path, logger }: SqsStoreOptions): Promise<SqsStore> {
  const queues = await QueueStore.open({ region, accountId: LOCAL_ACCOUNT_ID, path, logger });
  // fauxqs takes any store, but names its classes, whose private members no other class can have
  const stores = { sqsStore: queues } as unknown as NonNullable<BuildAppOptions['stores']>;
  const app = buildApp({ logger: false, defaultRegion: region, stores });
  const queueUrl = (name: string): string => `${endpoint()}/${LOCAL_ACCOUNT_ID}/${name}`;
  const outer = (url: unknown): string => queueUrl(queueNameOf(url) ?? '');

  const call: SqsStore['call'] = async (action, input) => {
    const name = queueNameOf(input['QueueUrl']);
    const response = await app.inject({
      method: 'POST',
      url: '/',
      headers: {
        host: 'localhost',
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
      },
      payload: JSON.stringify(
        name === undefined ? input : { ...input, QueueUrl: queues.buildQueueUrl(name) },
      ),
    });
    const parsed: unknown = response.body === '' ? {} : JSON.parse(response.body);
    const output = isRecord(parsed) ? parsed : {};
    if (typeof output['QueueUrl'] === 'string') output['QueueUrl'] = outer(output['QueueUrl']);
    if (Array.isArray(output['QueueUrls'])) output['QueueUrls'] = output['QueueUrls'].map(outer);
    const headers: Record<string, string> = { 'content-type': 'application/x-amz-json-1.0' };
    const queryError = response.headers['x-amzn-query-error'];
    if (typeof queryError === 'string') headers['x-amzn-query-error'] = queryErrorOf(queryError);
    return { status: response.statusCode, headers, output };
  };

  return {
    queues,
    call,
    queueUrl,
    queueArn: (name) => queueArn(region, name),
    close: async () => {
      await app.close();
      await queues.close();
    },
  };
}

/**
 * fauxqs puts `AWS.SimpleQueueService.` before every code; SQS does so only for errors of its own model, and
 * SDK clients take the whole as the error's name.
 */
function queryErrorOf(header: string): string {
  return header.replace(
    /^AWS\.SimpleQueueService\.(?=(Invalid(Parameter|Attribute|Message)|MissingParameter))/,
    '',
  );
}

/** The ARN of a queue of the local account. */
export function queueArn(region: string, name: string): string {
  return `arn:aws:sqs:${region}:${LOCAL_ACCOUNT_ID}:${name}`;
}

/** The queue's name, from its URL under any host; undefined if it is no queue URL of this account. */
export function queueNameOf(url: unknown): string | undefined {
  if (typeof url !== 'string') return undefined;
  return new RegExp(`/${LOCAL_ACCOUNT_ID}/([A-Za-z0-9_.-]+)/?$`).exec(url)?.[1];
}

/**
 * Checks a queue name.
 * @throws {AwsError} InvalidParameterValue
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
 */
export function checkQueueName(name: unknown): string {
  if (typeof name === 'string' && name.length <= 80 && /^[A-Za-z0-9_-]+(\.fifo)?$/.test(name)) return name;
  throw new AwsError(
    'InvalidParameterValue',
    'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
  );
}
