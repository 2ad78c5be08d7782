import { EventTooLargeError, UnknownStoreError, UrlServiceError } from '../../shared/errors.ts';
import type { Attachment, WaybillEvent } from '../../shared/events/index.ts';
import { createGetPresigner, type GetPresigner } from '../../shared/presign.ts';
import { s3ClientFor, type S3ClientOptions } from '../../shared/s3-client.ts';
import type { Store, Stores } from '../../shared/stores.ts';
import type { Clock } from '../../shared/clock.ts';
import type { S3Client } from '@aws-sdk/client-s3';
import { fitEvent, resourceArns } from '../fit-event.ts';
import type { OutgoingEvent } from '../put-events.ts';

/** S3 as a replay needs it, by store. */
export interface StoreTools {
  readonly store: Store;
  readonly client: S3Client;
  readonly presigner: GetPresigner;
}

/** Clients and presigners by store, made when first asked for; `close` destroys them. */
export function createStoreTools(
  stores: Stores | undefined,
  clock: Clock,
  credentials: S3ClientOptions['credentials'],
): { of(name: string): StoreTools | undefined; close(): void } {
  const known = new Map<string, StoreTools>();
  return {
    of(name) {
      const before = known.get(name);
      if (before !== undefined || stores?.names.includes(name) !== true) return before;
      const store = stores.get(name);
      const client = s3ClientFor(store, credentials === undefined ? {} : { credentials });
      const made = { store, client, presigner: createGetPresigner({ store, client, clock }) };
      known.set(name, made);
      return made;
    },
    close: () => {
      for (const { client } of known.values()) client.destroy();
    },
  };
}

/** What makes an event a replay's. */
export interface ReplayMarks {
  readonly replayId: string;
  readonly consumer: string | undefined;
  readonly again: boolean;
}

/** How an event goes out again. */
export interface RepublishOptions {
  readonly marks: ReplayMarks;
  readonly bus: string;
  /** 0: without URLs. */
  readonly urlTtlSeconds: number;
  readonly budgetBytes: number;
  readonly tools: (store: string) => StoreTools | undefined;
}

/** An event ready for the bus. */
export interface Republished extends OutgoingEvent {
  /** True if a URL was wanted and is not there. */
  readonly withoutUrl: boolean;
}

/**
 * Makes the entry of an event that goes out again: id, time and all else as it was, the marks of this replay in place of
 * those of an earlier one, and URLs signed now or none at all. Old URLs never go out.
 * @throws {EventTooLargeError} when it does not fit its budget without URLs either
 */
export async function republish(event: WaybillEvent, options: RepublishOptions): Promise<Republished> {
  const { marks, bus, budgetBytes, tools } = options;
  const { replayfor: _for, replayagain: _again, ...kept } = event;
  const signed = await withAccess(event.data.attachments, options);
  const manifest =
    event.data.manifest === undefined ? undefined : await withAccess([event.data.manifest], options);
  const marked: WaybillEvent = {
    ...kept,
    replayid: marks.replayId,
    replaycount: (event.replaycount ?? 0) + 1,
    ...(marks.consumer === undefined ? {} : { replayfor: marks.consumer }),
    ...(marks.again ? { replayagain: true } : {}),
    data: {
      ...event.data,
      attachments: signed.attachments,
      ...(manifest === undefined ? {} : { manifest: manifest.attachments[0] }),
    },
  };
  const [first] = event.data.manifest === undefined ? event.data.attachments : [event.data.manifest];
  const store = first === undefined ? undefined : tools(first.store)?.store;
  const ofStore = event.data.attachments.filter((each) => each.store === store?.name);
  const fitted = fitEvent(marked, budgetBytes, store === undefined ? [] : resourceArns(ofStore, store));
  return {
    eventId: event.id,
    bytes: fitted.bytes,
    withoutUrl: fitted.droppedAccess || !signed.complete || manifest?.complete === false,
    entry: {
      EventBusName: bus,
      Source: event.source,
      DetailType: event.type,
      Time: new Date(event.time),
      Resources: [...fitted.resources],
      Detail: fitted.detail,
    },
  };
}

/** True for what makes one event fail for good, whatever becomes of the others. */
export function isTooLarge(error: unknown): error is EventTooLargeError {
  return error instanceof EventTooLargeError;
}

async function withAccess(
  attachments: readonly Attachment[],
  { urlTtlSeconds, tools }: RepublishOptions,
): Promise<{ readonly attachments: Attachment[]; readonly complete: boolean }> {
  let complete = true;
  const signed: Attachment[] = [];
  for (const { access: _old, ...attachment } of attachments) {
    const presigner = urlTtlSeconds === 0 ? undefined : tools(attachment.store)?.presigner;
    const { key, versionId } = attachment;
    const access = await presigner
      ?.presign({ key, versionId, ttlSeconds: urlTtlSeconds })
      .catch((error: unknown) => {
        // Without credentials the claim check has to do.
        if (error instanceof UrlServiceError || error instanceof UnknownStoreError) return undefined;
        throw error;
      });
    if (access === undefined && urlTtlSeconds > 0) complete = false;
    signed.push(access === undefined ? attachment : { ...attachment, access });
  }
  return { attachments: signed, complete };
}
