import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetQueueAttributesCommand, PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Target } from './target.ts';

const WORKERS = 4;
const BATCH = 10;

/** Events in a second, from PutEvents by the SDK, ten a call, until the last is in the queue. */
export async function measureEvents(
  target: Target & { readonly queueUrl: string },
  count: number,
): Promise<number> {
  const { endpoint, region, credentials, queueUrl: QueueUrl } = target;
  const events = new EventBridgeClient({ endpoint, region, credentials });
  const sqs = new SQSClient({ endpoint, region, credentials });
  const Detail = JSON.stringify({ text: 'x'.repeat(500) });
  const Entries = Array.from({ length: BATCH }, () => ({ Source: 'bench', DetailType: 'measured', Detail }));
  let left = Math.ceil(count / BATCH);
  const sent = left * BATCH;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      while (left > 0) {
        left -= 1;
        const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries }));
        if (FailedEntryCount !== 0) throw new Error(`PutEvents: ${FailedEntryCount} entries failed`);
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const AttributeNames = ['ApproximateNumberOfMessages' as const];
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
  const arrived = Number(Attributes?.['ApproximateNumberOfMessages']);
  if (arrived !== sent) throw new Error(`the queue holds ${arrived} messages, expected ${sent}`);
  await sqs.send(new PurgeQueueCommand({ QueueUrl }));
  events.destroy();
  sqs.destroy();
  return sent / seconds;
}
