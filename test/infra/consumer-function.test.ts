import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envelope, orderEvent, startHarness, type Harness } from '../integration/consumers/worker-harness.ts';
import { bundleOf } from './bundling.ts';

const ample = { getRemainingTimeInMillis: () => 60_000 };

describe("a consumer's function, bundled", () => {
  const bundle = bundleOf('test/infra/fixtures/consumer-function');
  const out = mkdtempSync(join(tmpdir(), 'waybill-consumer-'));
  let harness: Harness;
  let handler: (event: unknown, context?: object) => Promise<any>;

  beforeAll(async () => {
    harness = await startHarness();
    const { stack } = harness;
    ({ handler } = bundle.load({
      AWS_ACCESS_KEY_ID: stack.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: stack.credentials.secretAccessKey,
      AWS_REGION: stack.region,
      AWS_ENDPOINT_URL: stack.endpoint,
      OUT_DIR: out,
      WAYBILL_STORES: JSON.stringify(harness.stores),
      WAYBILL_CONSUMER: 'archive',
      WAYBILL_URL_SERVICE: 'https://service.lambda-url.eu-central-1.on.aws/',
      WAYBILL_DLQ: stack.queueUrl('orders-dlq'),
      WAYBILL_EPHEMERAL_STORAGE_BYTES: '1048576',
    }));
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
    rmSync(out, { recursive: true, force: true });
  });

  const recorded = (body: string) => {
    const url = new URL('../fixtures/lambda/sqs-event.json', import.meta.url);
    const event = JSON.parse(readFileSync(url, 'utf8'));
    return { Records: [{ ...event.Records[0], messageId: 'm-1', body }] };
  };

  it('holds nothing twice', () => {
    expect(bundle.sizeBytes).toBeLessThan(1_500_000);
    expect(bundle.packages.filter((path) => path.lastIndexOf('node_modules/') > 0)).toEqual([]);
  });

  it('downloads and verifies what a recorded message names', async () => {
    const id = uuidv7();
    const attachment = await harness.attach(id, Buffer.from('the order'));
    const event = recorded(envelope(orderEvent(id, [attachment])));
    expect(await handler(event, ample)).toEqual({ batchItemFailures: [] });
    expect(readFileSync(join(out, id, 'files', 'order.txt'), 'utf8')).toBe('the order');
  });

  it('puts aside what has no room in the storage that the construct gave it', async () => {
    const id = uuidv7();
    const attachment = await harness.attach(id, Buffer.alloc(1_048_577));
    const event = recorded(envelope(orderEvent(id, [attachment])));
    expect(await handler(event, ample)).toEqual({ batchItemFailures: [] });
    expect(await harness.deadLetters(1)).toHaveLength(1);
  });
});
