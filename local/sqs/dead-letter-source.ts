import { isRecord, recordsOf } from '../wire.ts';
import type { Fields } from './fields.ts';
import type { MessageQueue } from './queue.ts';

const NAME = 'DeadLetterQueueSourceArn';

/** Adds the system attribute that fauxqs does not know: the queue whose redrive policy moved a message here. */
export function addSourceArns(input: Fields, output: Fields, queue: MessageQueue | undefined): void {
  const asked = new Set([input['AttributeNames'], input['MessageSystemAttributeNames']].flat());
  if (!asked.has('All') && !asked.has(NAME)) return;
  for (const message of recordsOf(output['Messages'])) {
    const handle = String(message['ReceiptHandle']);
    const arn = queue?.inflightMessages.get(handle)?.message.deadLetterSourceArn;
    if (arn === undefined) continue;
    const attributes = isRecord(message['Attributes']) ? message['Attributes'] : {};
    Object.assign(message, { Attributes: { ...attributes, [NAME]: arn } });
  }
}
