import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DeleteItemCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LeaseLostError } from '../../../consumers/index.ts';
import { dynamoDbIdempotencyStore } from '../../../examples/dynamodb/idempotency-store.ts';
import { createManualClock } from '../../../local/index.ts';
import { describeIdempotencyStore, freshKey, mustAcquire } from '../../helpers/idempotency-suite.ts';

const LEASE_MS = 30_000;

interface Table extends AsyncDisposable {
  readonly client: DynamoDBClient;
  readonly table: string;
}

async function startTable(): Promise<Table> {
  const server: Server = dynalite({ createTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const table = 'idempotency';
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    }),
  );
  return {
    client,
    table,
    async [Symbol.asyncDispose]() {
      client.destroy();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

describeIdempotencyStore('in DynamoDB (example)', async () => {
  const { client, table, [Symbol.asyncDispose]: dispose } = await startTable();
  return {
    open: (clock) => dynamoDbIdempotencyStore({ client, table, clock }),
    [Symbol.asyncDispose]: dispose,
  };
});

describe('idempotency records in DynamoDB (example)', () => {
  let dynamo: Table;
  beforeAll(async () => {
    dynamo = await startTable();
  });
  afterAll(async () => await dynamo[Symbol.asyncDispose]());

  test('each item says when DynamoDB may delete it', async () => {
    const key = freshKey();
    const store = dynamoDbIdempotencyStore({ ...dynamo, keepDays: 30 });
    mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS }));
    const { Items = [] } = await dynamo.client.send(new ScanCommand({ TableName: dynamo.table }));
    const item = Items.find(({ pk }) => pk?.S?.endsWith(key.id));
    const days = (Number(item?.['expiresAt']?.N) - Date.now() / 1000) / 86_400;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);
  });

  test('fails an owner whose record has expired, and the event is new again', async () => {
    const key = freshKey();
    const store = dynamoDbIdempotencyStore({ ...dynamo, clock: createManualClock() });
    const lease = mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS }));
    await dynamo.client.send(
      new DeleteItemCommand({ TableName: dynamo.table, Key: { pk: { S: lease.idempotencyKey } } }),
    );
    await expect(lease.complete({ outcome: 'handled' })).rejects.toThrow(LeaseLostError);
    expect(mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS })).attempt).toBe(1);
  });

  test('fails as unavailable when there is no such table', async () => {
    const store = dynamoDbIdempotencyStore({ ...dynamo, table: 'no-such-table' });
    await expect(store.acquire(freshKey(), { leaseMs: LEASE_MS })).rejects.toMatchObject({
      code: 'idempotency-store',
      disposition: 'unavailable',
    });
  });
});
