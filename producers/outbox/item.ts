import { z } from 'zod';
import { eventSchema, type WaybillEvent } from '../../shared/events/index.ts';
import { Secret } from '../../shared/secret.ts';
import { parseRecord, withEvent } from './intents.ts';
import type { OutboxItem } from './types.ts';

const FORMAT = 'waybill-outbox/1';

const itemSchema = z.looseObject({
  format: z.literal(FORMAT),
  bus: z.string().min(1),
  noted: z.boolean(),
  readyAt: z.iso.datetime(),
  event: eventSchema,
});

/** What an item says. */
export interface ReadyEvent {
  /** Name or ARN of the bus. */
  readonly bus: string;
  /** True if the caller gave the id, and may come back with it: the note of its publishing is kept. */
  readonly noted: boolean;
  /** When its bytes were safe, ISO. */
  readonly readyAt: string;
  /** Without URLs. */
  readonly event: WaybillEvent;
}

export function writeItem({ bus, noted, readyAt, event }: ReadyEvent): OutboxItem {
  return { eventId: event.id, text: new Secret(withEvent({ format: FORMAT, bus, noted, readyAt }, event)) };
}

/** @throws {RecordsError} if the item is damaged, or of another version */
export function readItem({ eventId, text }: OutboxItem): ReadyEvent {
  const parsed = parseRecord(itemSchema, { key: `outbox item of event ${eventId}`, body: text.reveal() });
  const { bus, noted, readyAt, event } = parsed;
  return { bus, noted, readyAt, event };
}
