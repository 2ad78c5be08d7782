import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  type Message,
} from '@aws-sdk/client-sqs';
import { COPIES, DEAD, QUEUE, type ChaosExchange } from './exchange.ts';

/** What the driver does with the queues. */
export const queuesOf = ({ local }: ChaosExchange) => {
  const sqs = new SQSClient({ ...local.clientOptions(), maxAttempts: 10 });

  const receive = async (queue: string, waitSeconds: number): Promise<Message[]> => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: local.queueUrl(queue),
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: waitSeconds,
        MessageAttributeNames: ['All'],
      }),
    );
    return Messages;
  };
  const remove = async (queue: string, { ReceiptHandle }: Message): Promise<void> =>
    void (await sqs.send(new DeleteMessageCommand({ QueueUrl: local.queueUrl(queue), ReceiptHandle })));

  return {
    /** Sends one in ten messages again, up to 20 s later and so in another order. @returns how many */
    async copySome(random: () => number, signal: AbortSignal): Promise<number> {
      let copies = 0;
      while (!signal.aborted) {
        try {
          for (const message of await receive(COPIES, 1)) {
            await remove(COPIES, message);
            if (random() > 0.1) continue;
            const late = { MessageBody: message.Body, DelaySeconds: Math.floor(random() * 21) };
            await sqs.send(new SendMessageCommand({ QueueUrl: local.queueUrl(QUEUE), ...late }));
            copies += 1;
          }
        } catch {
          // the driver's own calls meet the outages too; what is left is seen again
        }
      }
      return copies;
    },
    /** Messages of the work queue, those in flight and those delayed included. */
    async left(): Promise<number> {
      const { Attributes = {} } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: local.queueUrl(QUEUE), AttributeNames: ['All'] }),
      );
      const { ApproximateNumberOfMessages: visible, ApproximateNumberOfMessagesNotVisible: inFlight } =
        Attributes;
      return Number(visible) + Number(inFlight) + Number(Attributes.ApproximateNumberOfMessagesDelayed);
    },
    /** Takes everything out of the dead-letter queue. */
    async dead(): Promise<Message[]> {
      const found: Message[] = [];
      for (;;) {
        const messages = await receive(DEAD, 1);
        if (messages.length === 0) return found;
        for (const message of messages) await remove(DEAD, message);
        found.push(...messages);
      }
    },
    close: () => sqs.destroy(),
  };
};
