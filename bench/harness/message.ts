import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { AttachmentInput, WaybillEventInput } from '../../shared/events/index.ts';

/** Type and source of the events of benches. */
export const EVENT = { type: 'bench.message.sent', source: 'bench' } as const;

/** A message to prepare. */
export interface BenchMessage {
  /** At least; what is missing is padding. */
  readonly bytes: number;
  readonly attachment: AttachmentInput | undefined;
}

/** The body of a message, as EventBridge delivers an event to a queue. */
export function formatMessage({ bytes, attachment }: BenchMessage): string {
  const short = format(attachment, '');
  return format(attachment, 'x'.repeat(Math.max(0, bytes - short.length)));
}

function format(attachment: AttachmentInput | undefined, padding: string): string {
  const time = new Date().toISOString();
  const detail: WaybillEventInput = {
    specversion: '1.0',
    waybillversion: 1,
    id: uuidv7(),
    ...EVENT,
    time,
    data: { padding, attachments: attachment === undefined ? [] : [attachment] },
  };
  return JSON.stringify({
    version: '0',
    id: randomUUID(),
    'detail-type': EVENT.type,
    source: EVENT.source,
    account: '000000000000',
    time,
    region: 'us-east-1',
    resources: [],
    detail,
  });
}
