import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { createDeadLetterQueue } from '../../producers/index.ts';
import type { DeadLetterView } from '../../shared/exchange-view.ts';

/** Dead letters shown at most. */
const MAX_DEAD_LETTERS = 100;

/** The two queues of a consumer. */
export interface WatchedQueues {
  /** Messages that wait, are in work, lie in the dead-letter queue: about, as SQS counts. */
  depths(): Promise<{ readonly waiting: number; readonly inWork: number; readonly dead: number }>;
  /** Looks at the dead letters and leaves them where they are. */
  deadLetters(): Promise<readonly DeadLetterView[]>;
}

/** @param sqs stays the caller's */
export function watchQueues(sqs: SQSClient, queueUrl: string, deadLetterQueueUrl: string): WatchedQueues {
  const dlq = createDeadLetterQueue({ queueUrl: deadLetterQueueUrl, sqs, pollWaitSeconds: 0 });
  const count = async (url: string): Promise<readonly [visible: number, hidden: number]> => {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: url,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    return [
      Number(Attributes['ApproximateNumberOfMessages'] ?? 0),
      Number(Attributes['ApproximateNumberOfMessagesNotVisible'] ?? 0),
    ];
  };
  return {
    async depths() {
      const [[waiting, inWork], [visible, hidden]] = await Promise.all([
        count(queueUrl),
        count(deadLetterQueueUrl),
      ]);
      return { waiting, inWork, dead: visible + hidden };
    },
    async deadLetters() {
      const { messages } = await dlq.list({ maxMessages: MAX_DEAD_LETTERS });
      return messages.map(({ messageId, kind, code, reason, rejection, event, sentAt }) => ({
        messageId,
        eventId: event?.id ?? rejection?.eventId,
        type: event?.type ?? rejection?.type,
        kind,
        code,
        reason,
        sentAt,
      }));
    },
  };
}
