import { setMaxListeners } from 'node:events';
import { linkSignals, type LinkedSignal } from '../../shared/cancellation.ts';
import type { Clock } from '../../shared/clock.ts';
import { parseDigest } from '../../shared/digest.ts';
import { DeadlineExceededError } from '../../shared/errors.ts';
import { MAX_OBJECT_BYTES } from '../../shared/limits.ts';
import { numberInRange } from '../../shared/options.ts';
import type { SecretUrl } from '../../shared/secret.ts';
import { Meter } from './meter.ts';
import type { DownloadUrlOptions, ResolvedTransferOptions } from './options.ts';
import type { ObjectIdentity, Transfer } from './transfer.ts';
import { keepBareUrl } from './bare-url.ts';
import { endDownloadSpan, startDownloadSpan } from './telemetry.ts';
import type { UrlKeeper } from './url-keeper.ts';

/** A transfer, and the end of all it holds: listeners and timers. */
export type OpenTransfer = Transfer & AsyncDisposable;

/** Opens a transfer that ends with `signal`. */
export type Opener = (signal: AbortSignal | undefined) => Promise<OpenTransfer>;

/** What `open` needs beside options. */
export interface Opening {
  readonly identity: ObjectIdentity;
  /** @default - a new one */
  readonly meter?: Meter | undefined;
  /** @default - now */
  readonly startedMs?: number | undefined;
  readonly urls: (meter: Meter, signal: AbortSignal) => UrlKeeper;
}

/**
 * Gets ready to download from a bare URL. Its size is taken as 0 until it is known.
 * @throws {TypeError|RangeError} for bad options
 */
export function openBareTransfer(
  url: SecretUrl,
  options: Pick<DownloadUrlOptions, 'digest' | 'size' | 'etag'>,
  resolved: ResolvedTransferOptions,
  parent: AbortSignal | undefined,
): OpenTransfer {
  const href = url.reveal();
  if (!/^https?:\/\/[^/?#]/i.test(href) || /[^\u0021-\u007e]/.test(href)) {
    throw new TypeError('url: got something else, expected an absolute http or https URL without raw spaces');
  }
  if (options.digest !== undefined) parseDigest(options.digest);
  const address = href.split(/[?#]/, 1)[0] ?? '';
  return open(resolved, parent, {
    identity: {
      label: address,
      store: '',
      key: address,
      sizeBytes: numberInRange('size', options.size ?? 0, { min: 0, max: MAX_OBJECT_BYTES, unit: 'bytes' }),
      digest: options.digest,
      crc32c: undefined,
      versionId: new URL(href).searchParams.get('versionId') ?? undefined,
      etag: options.etag,
    },
    urls: () => keepBareUrl(url),
  });
}

/** Waits for the work of a transfer; tells its span when it fails. */
export async function failing<T>({ meter }: Transfer, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    meter.span.fail(error);
    throw error;
  }
}

/** Opens a transfer of this object, with these URLs. */
export function open(
  options: ResolvedTransferOptions,
  parent: AbortSignal | undefined,
  { identity, urls, ...begun }: Opening,
): OpenTransfer {
  const { clock } = options;
  const meter =
    begun.meter ?? new Meter(identity.label, options.logger, options.onEvent, startDownloadSpan(identity));
  const link = linkSignals([parent]);
  setMaxListeners(0, link.signal); // every range may wait for one refetch
  try {
    const keeper = urls(meter, link.signal);
    const endDeadline = startDeadline(clock, options.deadlineMs, link, identity);
    const transfer = {
      options,
      clock,
      transport: options.transport,
      urls: keeper,
      meter,
      identity,
      signal: link.signal,
      startedMs: begun.startedMs ?? clock.monotonicMs(),
    };
    return {
      ...transfer,
      [Symbol.asyncDispose]() {
        endDownloadSpan(transfer);
        endDeadline();
        link[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  } catch (error) {
    meter.span.fail(error);
    meter.span.end();
    link[Symbol.dispose]();
    throw error;
  }
}

/** Aborts the link when time is up. Returns what stops the clock. */
function startDeadline(
  clock: Clock,
  deadlineMs: number | undefined,
  link: LinkedSignal,
  { label, store, key }: ObjectIdentity,
): () => void {
  if (deadlineMs === undefined) return () => {};
  const stopped = new AbortController();
  clock.sleep(deadlineMs, stopped.signal).then(
    () =>
      link.abort(
        new DeadlineExceededError(`GET ${label}: not finished within ${deadlineMs} ms`, {
          details: { store, key, deadlineMs },
        }),
      ),
    () => {}, // stopped
  );
  return () => stopped.abort();
}
