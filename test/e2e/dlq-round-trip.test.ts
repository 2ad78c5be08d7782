import { SQSClient } from '@aws-sdk/client-sqs';
import { v7 as uuidv7 } from 'uuid';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { createWorker, Reject } from '../../consumers/index.ts';
import { startLocal } from '../../local/index.ts';
import { recordsOf, runCli } from '../helpers/cli.ts';
import { CLAIM_CHECK_SIGNATURE, envelopeOf, sendAll } from '../integration/producers/dlq/world.ts';

/** The worker of one try of the handler; resolves when so many messages are settled. */
async function consume(
  stack: Awaited<ReturnType<typeof startLocal>>,
  settled: number,
  handler: (event: { id: string }) => Promise<void>,
): Promise<void> {
  let left = settled;
  await new Promise<void>((resolve, reject) => {
    const worker = createWorker({
      queueUrl: stack.queueUrl('orders'),
      consumer: 'orders',
      stores: { payloads: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint } },
      events: { '*': z.looseObject({}) },
      sqs: stack.clientOptions(),
      concurrency: 50,
      handler,
      onEvent: ({ kind }) => {
        if (kind !== 'succeeded' && kind !== 'rejected') return;
        left -= 1;
        if (left === 0) void worker.stop();
      },
    });
    worker.done.then(() => resolve(), reject);
  });
}

it('100 of 1,000 poisoned, the handler mended, redriven by reason: exactly those 100 are handled', async () => {
  await using stack = await startLocal({ queues: [{ name: 'orders', deadLetterQueue: 'orders-dlq' }] });
  const sqs = new SQSClient(stack.clientOptions());
  const ids = Array.from({ length: 1000 }, () => uuidv7());
  const poisoned = new Set(ids.filter((_, index) => index % 10 === 3));
  const unwanted = new Set(ids.filter((_, index) => index % 100 === 50)); // dead-lettered for another reason
  await sendAll(
    sqs,
    stack.queueUrl('orders'),
    ids.map((id) => envelopeOf({ id })),
  );

  const handled: string[] = [];
  await consume(stack, 1000, async ({ id }) => {
    if (poisoned.has(id)) throw new Reject('total is null');
    if (unwanted.has(id)) throw new Reject('a customer who is gone');
    handled.push(id);
    await Promise.resolve();
  });
  expect(handled).toHaveLength(1000 - 100 - 10);

  const env = {
    AWS_ENDPOINT_URL: stack.endpoint,
    AWS_REGION: stack.region,
    AWS_ACCESS_KEY_ID: stack.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: stack.credentials.secretAccessKey,
    WAYBILL_QUEUE: stack.queueUrl('orders'),
  };
  const list = await runCli(['dlq', 'list', '--json', '--reason', 'total is null'], { env });
  expect(list.code, list.stderr).toBe(0);
  expect(new Set(recordsOf(list, 'dead-letter').map(({ eventId }) => eventId))).toEqual(poisoned);
  const [one = ''] = poisoned;
  const shown = await runCli(['dlq', 'show', one], { env });
  expect(shown.code, shown.stderr).toBe(0);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    kind: 'rejected',
    code: 'rejected-by-handler',
    reason: 'total is null',
    consumer: 'orders',
    event: { id: one, data: { total: 7 } },
  });
  expect(shown.stdout).not.toContain(CLAIM_CHECK_SIGNATURE);
  const redriven = await runCli(['dlq', 'redrive', '--json', '--reason', 'total is null'], { env });
  expect(redriven.code, redriven.stderr).toBe(0);
  expect(recordsOf(redriven, 'redriven')).toEqual([
    expect.objectContaining({ via: 'own', moved: 100, duplicates: 0, left: 10, failed: [] }),
  ]);

  const mended: string[] = [];
  await consume(stack, 100, async ({ id }) => {
    mended.push(id);
    await Promise.resolve();
  });
  expect(mended).toHaveLength(100);
  expect(new Set(mended)).toEqual(poisoned);

  const purged = await runCli(['dlq', 'purge', '--reason', 'customer who is gone'], { env });
  expect(purged).toMatchObject({ code: 2, stderr: expect.stringContaining('would delete 10 messages') });
  const rest = await runCli(['dlq', 'purge', '--reason', 'customer who is gone', '--yes', '--json'], { env });
  expect(recordsOf(rest, 'purged')).toEqual([expect.objectContaining({ deleted: 10, left: 0 })]);
  sqs.destroy();
});
