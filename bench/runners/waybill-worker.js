// Waybill's worker. Argument: a JSON file {queueUrl, endpoint, count, concurrency, stores, sdk}.
import { readFileSync } from 'node:fs';
import { SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { createWorker } from '../../dist/consumers/index.js';
import { say, secondsSince } from './say.js';

const { queueUrl, endpoint, count, concurrency, stores, sdk } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
);
let bytes = 0;
let succeeded = 0;
let finish;
const finished = new Promise((resolve) => (finish = resolve));
const startedMs = performance.now();
const worker = createWorker({
  queueUrl,
  stores,
  events: { '*': z.looseObject({}) },
  sqs: sdk ? new SQSClient({ endpoint }) : { endpoint },
  concurrency,
  handler: async ({ data: { attachments } }) => {
    for (const attachment of attachments) {
      const { length } = await attachment.bytes({ maxBytes: 1024 ** 2 });
      bytes += length;
    }
  },
  onEvent: ({ kind, reason }) => {
    if (kind === 'succeeded') {
      succeeded += 1;
      if (succeeded === count) finish();
    } else if (
      kind === 'retried' ||
      kind === 'unavailable' ||
      kind === 'rejected' ||
      kind === 'receive-failed'
    )
      process.stderr.write(`${kind}: ${reason}\n`);
  },
});
await finished;
const insideSeconds = secondsSince(startedMs);
say({ insideSeconds, bytes });
await worker.stop();
process.exit(0);
