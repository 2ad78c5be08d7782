import { abortable } from '../../shared/cancellation.ts';
import type { Clock, Random } from '../../shared/clock.ts';
import { sameDigest } from '../../shared/digest.ts';
import { ForeignUrlError, isWaybillError, ObjectChangedError, UrlExpiredError } from '../../shared/errors.ts';
import type { Access, Attachment } from '../../shared/events/index.ts';
import type { SecretUrl } from '../../shared/secret.ts';
import { checkAccessUrl, type Store } from '../../shared/stores.ts';
import { inSpan } from '../../shared/telemetry.ts';
import { instruments } from '../../shared/telemetry-metrics.ts';
import type { FreshUrl, UrlSource } from '../url-source.ts';
import { learnServerTime, storeNowMs, type ClockOffset } from './clock-offset.ts';
import { refetchDueMs, type UrlLife } from './expiry.ts';
import type { Meter } from './meter.ts';
import type { RefetchReason } from './result.ts';

/** A presigned URL in use. */
export interface HeldUrl {
  /** Grows by one with every fresh URL. */
  readonly generation: number;
  readonly url: SecretUrl;
  /** Headers that the signature covers and the request must carry. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined for a bare URL that does not tell. */
  readonly life: UrlLife | undefined;
}

/** Hands out the URL to use for the next request, and renews it. */
export interface UrlKeeper {
  /** The URL for the next request: the current one, or a fresh one if that is near its end. */
  current(): Promise<HeldUrl>;
  /** Replaces a URL that was refused. If a newer one is there or on its way, that is it. */
  replace(stale: HeldUrl, reason: RefetchReason): Promise<HeldUrl>;
  /** False if there is nowhere to get a fresh URL from. */
  readonly canRefetch: boolean;
}

/** What a keeper works with. */
export interface UrlKeeperOptions {
  readonly attachment: Attachment;
  readonly store: Store;
  readonly urlSource: UrlSource | undefined;
  readonly earlyRefetch: boolean;
  readonly maxRefetchesWithoutProgress: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly clockOffset: ClockOffset;
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

/**
 * Keeps the URL of one attachment.
 *
 * One refetch at a time, told apart by the generation of the URL that failed: of ten ranges that find their URL
 * stale together, one asks, ten go on. A fresh URL that is already inside its skew is used once before it is
 * renewed, so that a signer whose sessions are short is not asked in a loop. A URL from the event that is past
 * its end is not tried at all.
 *
 * @throws {ForeignUrlError} if the event's own URL leads elsewhere
 */
export function createUrlKeeper(options: UrlKeeperOptions): UrlKeeper {
  const { attachment, store, urlSource, clock, clockOffset, meter, signal } = options;
  let held: HeldUrl | undefined;
  let dueMs = Infinity;
  let unused = false;
  let inFlight: Promise<HeldUrl> | undefined;
  let [inARow, progressThen] = [0, 0];

  const hold = (access: Access): HeldUrl => {
    checkUrl(access.url.reveal(), store, attachment);
    const life = { issuedAtMs: Date.parse(access.issuedAt), expiresAtMs: Date.parse(access.expiresAt) };
    dueMs = options.earlyRefetch ? refetchDueMs(life, options.random) : Infinity;
    unused = true;
    const headers = definedOnly(access.headers);
    held = { generation: (held?.generation ?? -1) + 1, url: access.url, headers, life };
    return held;
  };

  const ask = async (source: UrlSource, reason: RefetchReason): Promise<HeldUrl> => {
    if (meter.progressBytes !== progressThen) inARow = 0;
    progressThen = meter.progressBytes;
    if (inARow >= options.maxRefetchesWithoutProgress) {
      throw new UrlExpiredError(
        `GET ${name(attachment)}: ${inARow} fresh URLs in a row brought no byte, the last was ${reason}`,
        { details: { refetches: inARow, reason } },
      );
    }
    inARow += 1;
    meter.refetches += 1;
    meter.emit({ kind: 'refetching', reason });
    instruments().refetches.add(1, { 'waybill.refetch.reason': reason });
    const fresh = await meter.span.within(() =>
      inSpan(
        'waybill.refetch',
        { kind: 'client', attributes: { 'waybill.refetch.reason': reason } },
        async () => await abortable(source.refetch(attachment, { signal }), signal),
      ),
    );
    checkSameObject(attachment, fresh);
    if (fresh.serverTimeMs !== undefined) learnServerTime(clock, clockOffset, fresh.serverTimeMs);
    const next = hold(fresh.access);
    meter.emit({ kind: 'refetched', expiresAtMs: Date.parse(fresh.access.expiresAt) });
    return next;
  };

  const refetch = async (reason: RefetchReason): Promise<HeldUrl> => {
    if (inFlight !== undefined) return await inFlight;
    if (urlSource === undefined) throw nowhere(attachment, held);
    const asking = ask(urlSource, reason).finally(() => (inFlight = undefined));
    inFlight = asking;
    const next = await asking;
    unused = false; // the caller uses it
    return next;
  };

  /** As long as the current URL still works, a URL service that is down is no reason to stop. */
  const early = async (current: HeldUrl): Promise<HeldUrl> => {
    try {
      return await refetch('early');
    } catch (error) {
      const nowMs = storeNowMs(clock, clockOffset);
      const endMs = current.life?.expiresAtMs ?? 0;
      if (signal.aborted || !mayPass(error) || nowMs >= endMs) throw error;
      dueMs = (nowMs + endMs) / 2;
      return held ?? current;
    }
  };

  const { access } = attachment;
  if (access !== undefined) {
    hold(access);
    if (Date.parse(access.expiresAt) <= storeNowMs(clock, clockOffset)) [dueMs, unused] = [-Infinity, false];
  }

  return {
    canRefetch: urlSource !== undefined,
    async current() {
      if (held === undefined) return await refetch('no-url');
      if (dueMs === -Infinity) return await refetch('expired');
      const due = storeNowMs(clock, clockOffset) >= dueMs;
      if (due && !unused && urlSource !== undefined) return await early(held);
      unused = false;
      return held;
    },
    async replace(stale, reason) {
      if (held !== undefined && held.generation !== stale.generation) return held;
      return await refetch(reason);
    },
  };
}

function mayPass(error: unknown): boolean {
  return isWaybillError(error) && (error.disposition === 'retry' || error.disposition === 'unavailable');
}

function checkUrl(href: string, store: Store, attachment: Attachment): void {
  checkAccessUrl(href, store, attachment);
  if (/[^\u0021-\u007e]/.test(href)) {
    throw new ForeignUrlError('access.url: has characters that must be percent-encoded', {
      details: { store: store.name, key: attachment.key },
    });
  }
}

function checkSameObject(attachment: Attachment, fresh: FreshUrl): void {
  const differs = (what: string, expected: unknown, got: unknown): never => {
    throw new ObjectChangedError(
      `fresh URL of ${name(attachment)}: expected ${what} ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`,
      { details: { store: attachment.store, key: attachment.key } },
    );
  };
  if (fresh.versionId !== attachment.versionId) differs('version', attachment.versionId, fresh.versionId);
  if (fresh.size !== attachment.size) differs('size', attachment.size, fresh.size);
  if (!sameDigest(fresh.digest, attachment.digest)) differs('digest', attachment.digest, fresh.digest);
}

function nowhere(attachment: Attachment, held: HeldUrl | undefined): UrlExpiredError {
  const what = held === undefined ? 'the event has no URL' : 'its URL has expired';
  return new UrlExpiredError(`GET ${name(attachment)}: ${what}, and there is no source of fresh ones`);
}

function name(attachment: Attachment): string {
  return `${attachment.store}/${attachment.key}`;
}

function definedOnly(headers: Readonly<Record<string, string | undefined>> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}
