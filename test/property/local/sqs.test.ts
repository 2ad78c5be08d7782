import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { QueuedMessage } from '../../../local/sqs/message.ts';
import { QueueStore } from '../../../local/sqs/queue-store.ts';
import { silentLogger } from '../../../shared/logger.ts';

const attributes = { VisibilityTimeout: '0' };
const QUEUES = ['main', 'dlq', 'line.fifo'] as const;

type Step =
  | { readonly kind: 'send'; readonly queue: number; readonly group: number }
  | { readonly kind: 'receive' | 'delete' | 'purge' | 'move' | 'restart'; readonly queue: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('send' as const), queue: fc.nat(2), group: fc.nat(2) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('receive' as const), queue: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), queue: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge' as const), queue: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), queue: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('restart' as const), queue: fc.nat(0) }) },
);

describe('queues with a journal', () => {
  it('are after a restart what they were before, whatever was done to them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const dir = await mkdtemp(join(tmpdir(), 'waybill-queues-'));
        const open = async (): Promise<QueueStore> =>
          await QueueStore.open({
            region: 'r',
            accountId: '0',
            path: join(dir, 'journal'),
            logger: silentLogger,
          });
        let store = await open();
        try {
          for (const name of QUEUES) store.createQueue(name, '', '', attributes);
          const policy = { deadLetterTargetArn: 'arn:aws:sqs:r:0:dlq', maxReceiveCount: 2 };
          store.getQueueByName('main')!.setAttributes({ RedrivePolicy: JSON.stringify(policy) });
          let sent = 0;
          for (const { kind, ...rest } of [...steps, { kind: 'restart', queue: 0 } as const]) {
            const queue = store.getQueueByName(QUEUES[rest.queue]!)!;
            if (kind === 'send') queue.enqueue(message((sent += 1), queue, 'group' in rest ? rest.group : 0));
            else if (kind === 'purge') queue.purge();
            else if (kind === 'move') {
              const taken = queue.takeReady();
              const to = store.getQueueByName(rest.queue === 0 ? 'dlq' : 'main')!;
              if (taken !== undefined) queue.moveTaken(taken, to, { ...taken, messageId: `${(sent += 1)}` });
            } else if (kind === 'restart') {
              const before = state(store);
              await store.close();
              store = await open();
              expect(state(store)).toEqual(before);
            } else {
              const [handed] = queue.dequeue(1, 60, (arn) => store.getQueueByArn(arn));
              if (kind === 'delete' && handed !== undefined) queue.deleteMessage(handed.ReceiptHandle);
            }
          }
        } finally {
          await store.close();
          await rm(dir, { recursive: true, force: true });
        }
      }),
      { numRuns: 60 },
    );
  });
});

function message(
  number: number,
  queue: { isFifo(): boolean; nextSequenceNumber(): string },
  group: number,
): QueuedMessage {
  const base: QueuedMessage = {
    messageId: String(number),
    body: `body ${number}`,
    md5OfBody: '',
    messageAttributes: {},
    md5OfMessageAttributes: '',
    sentTimestamp: number,
    approximateReceiveCount: 0,
  };
  if (!queue.isFifo()) return base;
  return { ...base, messageGroupId: String(group), sequenceNumber: queue.nextSequenceNumber() };
}

/** What must survive: messages with their counts, of FIFO groups also the order; and the queues' own attributes. */
function state(store: QueueStore): unknown {
  return QUEUES.map((name) => {
    const queue = store.getQueueByName(name)!;
    const { lastModifiedTimestamp: _modified, ...description } = queue.describe();
    const key = ({ messageGroupId = '', sequenceNumber, messageId }: QueuedMessage): string =>
      `${messageGroupId}/${sequenceNumber ?? messageId.padStart(20, '0')}`;
    const messages = JSON.parse(JSON.stringify(queue.allMessages())) as QueuedMessage[];
    const order = ['0', '1', '2'].map((group) =>
      messages.filter(({ messageGroupId }) => messageGroupId === group).map(({ messageId }) => messageId),
    );
    return { description, order, messages: messages.sort((a, b) => (key(a) < key(b) ? -1 : 1)) };
  });
}
