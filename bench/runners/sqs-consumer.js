// sqs-consumer with the SDK's clients for SQS and S3. Argument: a JSON file {queueUrl, endpoint, count, concurrency,
// s3Endpoint, bucket, batches}. As many consumers as make up the concurrency, each with batches of ten.
import { readFileSync } from 'node:fs';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Consumer } from 'sqs-consumer';
import { say, secondsSince } from './say.js';

const BATCH = 10;
const { queueUrl, endpoint, count, concurrency, s3Endpoint, bucket, batches } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
);
const sqs = new SQSClient({ endpoint });
const s3 = new S3Client({ endpoint: s3Endpoint, forcePathStyle: true });
let bytes = 0;
let handled = 0;
let startedMs = 0;
let finish;
const finished = new Promise((resolve) => (finish = resolve));

async function handle(message) {
  const { detail } = JSON.parse(message.Body);
  for (const { key, versionId } of detail.data.attachments) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
    const { length } = await Body.transformToByteArray();
    bytes += length;
  }
  return message;
}

const how = batches
  ? { handleMessageBatch: (messages) => Promise.all(messages.map(handle)) }
  : { handleMessage: handle };
const consumers = Array.from({ length: concurrency / BATCH }, () => {
  const consumer = Consumer.create({
    queueUrl,
    sqs,
    batchSize: BATCH,
    waitTimeSeconds: 20,
    messageSystemAttributeNames: ['ApproximateReceiveCount'],
    messageAttributeNames: ['All'],
    ...how,
  });
  consumer.on('error', fail);
  consumer.on('processing_error', fail);
  // Told once a message was deleted
  consumer.on('message_processed', () => {
    handled += 1;
    if (handled === count) finish();
  });
  return consumer;
});

function fail(error) {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
}

startedMs = performance.now();
for (const consumer of consumers) consumer.start();
await finished;
const insideSeconds = secondsSince(startedMs);
say({ insideSeconds, bytes });
for (const consumer of consumers) consumer.stop({ abort: true });
process.exit(0);
