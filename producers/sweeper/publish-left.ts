import type { Attachment, WaybillEvent } from '../../shared/events/index.ts';
import { EventTooLargeError, UnknownStoreError } from '../../shared/errors.ts';
import { fitEvent, resourceArns, type FittedEvent } from '../fit-event.ts';
import { addAccess } from '../seal-attachment.ts';
import type { ResolvedSweepOptions } from './options.ts';
import type { StoreTools } from './store-tools.ts';

type ReadyToPut = FittedEvent & { readonly event: WaybillEvent };

/**
 * Makes an event from the records ready for the bus: with fresh URLs, as far as they fit.
 * @throws {UrlServiceError} if no URL can be signed for a payload that has no claim check
 * @throws {EventTooLargeError} if it fits only without URLs and there are no claim checks
 */
export async function readyToPut(
  event: WaybillEvent,
  toolsOf: (store: string) => StoreTools,
  options: Pick<ResolvedSweepOptions, 'urlTtlSeconds' | 'eventBudgetBytes' | 'logger'>,
): Promise<ReadyToPut> {
  const { attachments, manifest } = event.data;
  const fresh: WaybillEvent = {
    ...event,
    data: {
      ...event.data,
      attachments: await Promise.all(
        attachments.map(async (each) => await withAccess(each, toolsOf, options)),
      ),
      ...(manifest === undefined ? {} : { manifest: await withAccess(manifest, toolsOf, options) }),
    },
  };
  const named = manifest === undefined ? attachments : [manifest];
  const fitted = fitEvent(fresh, options.eventBudgetBytes, arnsOf(named, toolsOf));
  if (fitted.droppedAccess && named.some(({ claimCheck }) => claimCheck === undefined)) {
    throw new EventTooLargeError(`event ${event.id} fits only without its URLs, and it has no claim checks`, {
      details: { eventId: event.id },
    });
  }
  return { ...fitted, event: fresh };
}

async function withAccess(
  attachment: Attachment,
  toolsOf: (store: string) => StoreTools,
  options: Pick<ResolvedSweepOptions, 'urlTtlSeconds' | 'logger'>,
): Promise<Attachment> {
  try {
    return await addAccess(attachment, toolsOf(attachment.store).presigner, options);
  } catch (error) {
    // Not configured here: the claim check suffices for whoever gets the event.
    if (error instanceof UnknownStoreError && attachment.claimCheck !== undefined) return attachment;
    throw error;
  }
}

function arnsOf(attachments: readonly Attachment[], toolsOf: (store: string) => StoreTools): string[] {
  const [first] = attachments;
  if (first === undefined) return [];
  try {
    return resourceArns(attachments, toolsOf(first.store).store);
  } catch (error) {
    if (error instanceof UnknownStoreError) return [];
    throw error;
  }
}
