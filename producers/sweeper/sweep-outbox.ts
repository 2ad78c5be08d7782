import { createBusCheck } from '../check-bus.ts';
import { createLedger } from '../ledger/index.ts';
import type { Intents } from '../outbox/intents.ts';
import { readItem } from '../outbox/item.ts';
import { finish } from '../outbox/publish-log.ts';
import type { OutboxItem } from '../outbox/types.ts';
import { outgoingEvent } from '../outgoing-event.ts';
import { createEventPutter } from '../put-events.ts';
import type { ResolvedSweepOptions } from './options.ts';
import { readyToPut } from './publish-left.ts';
import type { SweepReport } from './report.ts';
import type { StoreTools } from './store-tools.ts';

/** Events under way at a time: four calls of ten. */
const MAX_UNDER_WAY = 40;

/**
 * How long the absence of an intent proves that its event is out, from the event's outbox item on: intents of events
 * that are out are removed, and nothing else removes them sooner.
 */
const ABSENCE_PROVES_MS = 7 * 24 * 3_600_000;

type OutboxReport = Pick<SweepReport, 'published' | 'publishedBefore' | 'failed'>;

/** Publishes what was left in the outbox. What fails stays there, and is told. */
export async function sweepOutbox(
  intents: Intents,
  toolsOf: (store: string) => StoreTools,
  options: ResolvedSweepOptions,
): Promise<OutboxReport> {
  const { producer, records, outbox, bridge, clock, random, logger, retry, signal } = options;
  const ledger = createLedger(records, { producer, clock });
  const putter = createEventPutter({ client: bridge, retry, clock, random, logger });
  const published: { eventId: string; eventBridgeId: string }[] = [];
  const publishedBefore: string[] = [];
  const failed: { eventId: string; reason: string }[] = [];
  const busChecks = new Map<string, () => Promise<void>>();
  const checkBus = async (bus: string): Promise<void> => {
    const check = busChecks.get(bus) ?? createBusCheck(bridge, bus, logger);
    busChecks.set(bus, check);
    await check();
  };

  const publish = async (item: OutboxItem): Promise<void> => {
    const ready = readItem(item);
    const { event } = ready;
    if (await isOut(intents, ready, clock.nowMs())) {
      await intents.close(event.id);
      await outbox.remove(event.id);
      publishedBefore.push(event.id);
      return;
    }
    await checkBus(ready.bus); // which may have gone since the event was put into the outbox
    const outgoing = outgoingEvent(await readyToPut(event, toolsOf, options), ready.bus);
    const eventBridgeId = await putter.put(outgoing, signal);
    await finish({ intents, outbox, ledger, clock, logger }, ready, eventBridgeId);
    published.push({ eventId: event.id, eventBridgeId });
  };

  const settle = async (item: OutboxItem): Promise<void> => {
    try {
      await publish(item);
    } catch (error) {
      signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      logger.error({ eventId: item.eventId, error }, 'an event stays in the outbox');
      failed.push({ eventId: item.eventId, reason });
    }
  };

  const underWay = new Set<Promise<void>>();
  try {
    for await (const item of outbox.pending({ ageMs: options.outboxAgeMs, signal })) {
      const work = settle(item).finally(() => underWay.delete(work));
      underWay.add(work);
      if (underWay.size >= MAX_UNDER_WAY) await Promise.race(underWay);
    }
  } finally {
    await Promise.all(underWay);
  }
  return { published, publishedBefore, failed };
}

/** True if the event is on the bus although its item is still here. */
async function isOut(
  intents: Intents,
  { event: { id }, noted, readyAt }: { event: { id: string }; noted: boolean; readyAt: string },
  nowMs: number,
): Promise<boolean> {
  if (noted && (await intents.published(id)) !== undefined) return true;
  if (noted || nowMs - Date.parse(readyAt) > ABSENCE_PROVES_MS) return false;
  return (await intents.get(id)) === undefined;
}
