import { PublishConflictError } from '../../shared/errors.ts';
import type { EventData, WaybillEvent } from '../../shared/events/index.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Intent, Intents, PublishedNote } from './intents.ts';
import { writeItem, type ReadyEvent } from './item.ts';
import type { OutboxStore } from './types.ts';

/** How a publish begins. */
export type Begun =
  | {
      readonly state: 'begun';
      readonly intent: Intent;
      /** True if it was begun before, by a process that did not come to its end. */
      readonly again: boolean;
    }
  | { readonly state: 'published'; readonly note: PublishedNote };

/** What a publish leaves behind, so that nothing is lost wherever its process dies. */
export interface PublishLog {
  /** Before a byte is uploaded. @throws {PublishConflictError} if the id was used for another event */
  begin(intent: Intent, options: { readonly noted: boolean }): Promise<Begun>;
  /**
   * Runs `put`, which puts the event on the bus, so that it happens even if this process dies before.
   * @returns EventBridge's id, as `put` does
   */
  putting(ready: ReadyEvent, put: () => Promise<string>): Promise<string>;
}

/** Leaves nothing behind. */
export const noLog: PublishLog = {
  begin: async (intent) => await Promise.resolve({ state: 'begun', intent, again: false }),
  putting: async (_ready, put) => await put(),
};

export interface PublishLogParts {
  readonly intents: Intents;
  readonly outbox: OutboxStore;
  readonly ledger: Ledger;
  readonly clock: { nowMs(): number };
  readonly logger: Logger;
}

/** Intent, outbox, ledger. What died where, and what happens next: docs/publishing.md. */
export function createPublishLog({ intents, outbox, ledger, clock, logger }: PublishLogParts): PublishLog {
  return {
    begin: async (intent, { noted }) => {
      const note = noted ? await intents.published(intent.event.id) : undefined;
      if (note !== undefined) {
        checkSame(intent.event, note);
        return { state: 'published', note };
      }
      return { state: 'begun', ...(await intents.open(intent)) };
    },
    putting: async (ready, put) => {
      await outbox.add(writeItem(ready));
      const eventBridgeId = await put();
      await finish({ intents, outbox, ledger, clock, logger }, ready, eventBridgeId);
      return eventBridgeId;
    },
  };
}

/**
 * Writes down that the bus has an event, and lets its intent and its outbox item go, in the order in which whoever
 * comes in between takes it for what it is.
 * @throws {RecordsError} if the ledger cannot be written: the item stays, a sweeper puts the event once more
 */
export async function finish(
  { intents, outbox, ledger, clock, logger }: PublishLogParts,
  { bus, noted, event }: ReadyEvent,
  eventBridgeId: string,
): Promise<void> {
  const segment = await ledger.add({ eventBridgeId, bus, event });
  try {
    const publishedAt = new Date(clock.nowMs()).toISOString();
    if (noted) await intents.notePublished({ publishedAt, eventBridgeId, ledger: segment, event });
    await intents.close(event.id);
    await outbox.remove(event.id);
  } catch (error) {
    // It is out, and the ledger knows. What is left is for the sweeper.
    logger.warn({ eventId: event.id, error }, 'published, but its records could not be tidied');
  }
}

/** @throws {PublishConflictError} */
function checkSame(
  { id, type, source, subject, data }: WaybillEvent,
  { event, publishedAt }: PublishedNote,
): void {
  const [wanted, before] = [
    [type, source, subject, ownData(data)],
    [event.type, event.source, event.subject, ownData(event.data)],
  ].map((part) => JSON.stringify(part));
  if (wanted === before) return;
  throw new PublishConflictError(
    `event ${id} was published at ${publishedAt} with another type, source, subject or data`,
    { details: { eventId: id } },
  );
}

function ownData({
  attachments: _attachments,
  manifest: _manifest,
  ...own
}: WaybillEvent['data']): EventData {
  return own;
}
