import {
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { randomUUID } from 'node:crypto';
import {
  createLeaseStore,
  type IdempotencyStore,
  type LeaseStoreOptions,
  type Stored,
} from 'waybill/consumers';

export interface DynamoDbIdempotencyOptions extends LeaseStoreOptions {
  readonly client: DynamoDBClient;
  /** A table with the partition key `pk` (string), and TTL on `expiresAt`. */
  readonly table: string;
  /** Days until DynamoDB may delete a record; longer than any redelivery and any replay. @default 90 */
  readonly keepDays?: number;
}

/**
 * Idempotency records in a DynamoDB table: one item an event, each write conditional on the one before. The leases and all
 * their rules are Waybill's; what a database adds is to create and to replace a text.
 *
 * The consumer's role needs `dynamodb:PutItem` and `dynamodb:GetItem` on the table.
 */
export function dynamoDbIdempotencyStore(options: DynamoDbIdempotencyOptions): IdempotencyStore {
  const { client, table: TableName, keepDays = 90 } = options;

  const put = async (
    pk: string,
    body: string,
    condition: { readonly etag?: string },
    abortSignal: AbortSignal | undefined,
  ): Promise<string | undefined> => {
    const etag = randomUUID();
    const expiresAt = Math.floor(Date.now() / 1000) + keepDays * 86_400;
    const command = new PutItemCommand({
      TableName,
      Item: { pk: { S: pk }, etag: { S: etag }, body: { S: body }, expiresAt: { N: String(expiresAt) } },
      ...(condition.etag === undefined
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : {
            ConditionExpression: 'etag = :etag',
            ExpressionAttributeValues: { ':etag': { S: condition.etag } },
          }),
    });
    try {
      await client.send(command, abortSignal === undefined ? {} : { abortSignal });
      return etag;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw error;
    }
  };

  const get = async (pk: string, abortSignal: AbortSignal | undefined): Promise<Stored | undefined> => {
    const command = new GetItemCommand({ TableName, Key: { pk: { S: pk } }, ConsistentRead: true });
    const { Item } = await client.send(command, abortSignal === undefined ? {} : { abortSignal });
    return Item?.['body']?.S === undefined || Item['etag']?.S === undefined
      ? undefined
      : { body: Item['body'].S, etag: Item['etag'].S };
  };

  return createLeaseStore(
    {
      async create(key, body, { signal } = {}) {
        for (let round = 0; round < 3; round += 1) {
          const etag = await put(key, body, {}, signal);
          if (etag !== undefined) return { outcome: 'created', etag };
          const record = await get(key, signal);
          if (record !== undefined) return { outcome: 'exists', record }; // else it expired in between: once more
        }
        throw new Error('the item comes and goes');
      },
      async replace(key, body, before, { signal } = {}) {
        const etag = await put(key, body, { etag: before }, signal);
        if (etag !== undefined) return { outcome: 'replaced', etag };
        const record = await get(key, signal);
        return record === undefined ? { outcome: 'missing' } : { outcome: 'changed', record };
      },
    },
    options,
  );
}
