import type { WaybillEvent } from '../shared/events/index.ts';
import type { FittedEvent } from './fit-event.ts';
import type { OutgoingEvent } from './put-events.ts';

/** The PutEvents entry of an event that fits its budget. */
export function outgoingEvent(
  { event, detail, bytes, resources }: FittedEvent & { readonly event: WaybillEvent },
  bus: string,
): OutgoingEvent {
  const entry = {
    EventBusName: bus,
    Source: event.source,
    DetailType: event.type,
    Time: new Date(event.time),
    Resources: [...resources],
    Detail: detail,
  };
  return { eventId: event.id, entry, bytes };
}
