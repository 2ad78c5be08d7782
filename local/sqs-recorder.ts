import type { SpyRecorder } from './spy.ts';
import { recordsOf } from './wire.ts';

/** Most receipt handles remembered, to name the message that a delete is about. */
const MAX_HANDLES = 100_000;

type Fields = Readonly<Record<string, unknown>>;

/** Tells the spy what SQS actions did. */
export interface SqsRecorder {
  /** To be called after an action that succeeded. */
  record(action: string, queue: string, input: Fields, output: Fields): void;
}

/** Makes a recorder for this spy. */
export function createSqsRecorder(spy: SpyRecorder): SqsRecorder {
  const messageIds = new Map<string, string>();

  const sent = (queue: string, body: string, messageId: unknown): void => {
    const bytes = Buffer.byteLength(body);
    spy.record({ kind: 'message', queue, messageId: String(messageId), bytes, body: () => body }, bytes);
  };
  const received = (queue: string, message: Fields): void => {
    const messageId = String(message['MessageId']);
    messageIds.set(String(message['ReceiptHandle']), messageId);
    if (messageIds.size > MAX_HANDLES) {
      const [oldest] = messageIds.keys();
      if (oldest !== undefined) messageIds.delete(oldest);
    }
    spy.record({ kind: 'receive', queue, messageId });
  };
  const deleted = (queue: string, handle: unknown): void => {
    const messageId = messageIds.get(String(handle));
    messageIds.delete(String(handle));
    if (messageId !== undefined) spy.record({ kind: 'delete', queue, messageId });
  };

  return {
    record: (action, queue, input, output) => {
      if (action === 'SendMessage') sent(queue, String(input['MessageBody']), output['MessageId']);
      else if (action === 'DeleteMessage') deleted(queue, input['ReceiptHandle']);
      else if (action === 'ReceiveMessage')
        for (const message of recordsOf(output['Messages'])) received(queue, message);
      if (action !== 'SendMessageBatch' && action !== 'DeleteMessageBatch') return;
      const entries = new Map(recordsOf(input['Entries']).map((entry) => [entry['Id'], entry]));
      for (const result of recordsOf(output['Successful'])) {
        const entry = entries.get(result['Id']);
        if (entry === undefined) continue;
        if (action === 'SendMessageBatch') sent(queue, String(entry['MessageBody']), result['MessageId']);
        else deleted(queue, entry['ReceiptHandle']);
      }
    },
  };
}
