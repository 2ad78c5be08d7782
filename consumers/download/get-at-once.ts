import { createHash } from 'node:crypto';
import { crc32c } from '../../shared/crc32c.ts';
import { formatDigest } from '../../shared/digest.ts';
import type { Attachment } from '../../shared/events/index.ts';
import { isPlainAccessUrl } from '../../shared/plain-access-url.ts';
import type { Stores } from '../../shared/stores.ts';
import { storeNowMs } from './clock-offset.ts';
import { refetchDueMs } from './expiry.ts';
import { identityOf } from './identity.ts';
import { Meter } from './meter.ts';
import type { DownloadOptions, ResolvedTransferOptions } from './options.ts';
import type { Begun } from './read-in-order.ts';
import { pin, readBody, request, type Lane, type Requester } from './read-span.ts';
import { RestartNeeded } from './restart.ts';
import { endDownloadSpan, startDownloadSpan } from './telemetry.ts';
import type { Transfer } from './transfer.ts';
import type { HeldUrl } from './url-keeper.ts';
import { checkSums } from './verify.ts';

/** A download that one request has not ended: what has been learned, and what has come of the bytes. */
export interface Unfinished {
  readonly learned: Pick<Transfer, 'identity' | 'meter' | 'startedMs'>;
  readonly begun?: Begun;
  /** All bytes came, and were not the right ones. */
  readonly wrong?: RestartNeeded;
}

/**
 * Gets a small attachment into memory by one GET, as nearly all are got, with nothing set up that only an interruption
 * needs; the socket reads straight into the result. What comes in between is handed over to the whole machine,
 * with all bytes so far.
 *
 * @returns undefined where one GET cannot be it: large or empty, no URL or one near its end, a deadline, raw `stores`
 * @throws the signal's reason
 */
export async function getAtOnce(
  attachment: Attachment,
  { stores, urlSource }: Pick<DownloadOptions, 'stores' | 'urlSource'>,
  options: ResolvedTransferOptions,
): Promise<{ readonly bytes: Buffer } | Unfinished | undefined> {
  const { size } = attachment;
  const { clock, transport, signal } = options;
  if (size === 0 || size >= options.singleGetBelowBytes) return undefined;
  if (options.deadlineMs !== undefined || typeof stores.get !== 'function') return undefined;
  const url = usableUrl(attachment, stores as Stores, urlSource !== undefined, options);
  if (url === undefined) return undefined;
  const identity = identityOf(attachment);
  const meter = new Meter(identity.label, options.logger, options.onEvent, startDownloadSpan(identity));
  const requester = { identity, meter, startedMs: clock.monotonicMs(), transport, options, clock, signal };
  let unfinished = false;
  try {
    const outcome = await getOnce(requester, url, size);
    unfinished = !('bytes' in outcome);
    return outcome;
  } catch (error) {
    meter.span.fail(error);
    throw error;
  } finally {
    if (!unfinished) endDownloadSpan(requester);
  }
}

type Once = Requester & Unfinished['learned'];

async function getOnce(
  requester: Once,
  url: HeldUrl,
  size: number,
): Promise<{ readonly bytes: Buffer } | Unfinished> {
  const { identity, meter, startedMs, options } = requester;
  const learned = { identity, meter, startedMs };
  meter.emit({ kind: 'started', sizeBytes: size });
  let memory: Buffer | undefined;
  const answer = await request(requester, url, undefined, size, {
    into(bodyBytes) {
      if (bodyBytes === size) memory = Buffer.allocUnsafeSlow(size);
      return memory;
    },
  });
  if ('interruption' in answer) {
    return { learned, begun: { bytes: Buffer.alloc(0), interruption: answer.interruption } };
  }
  pin(requester, answer.response);
  const bytes = memory ?? Buffer.allocUnsafeSlow(size);
  const hash = options.verify.sha256 ? createHash('sha256') : undefined;
  const lane: Lane = { span: { start: 0, end: size }, plain: true, at: 0, interruption: undefined };
  let [at, crc] = [0, 0];
  for await (const chunk of readBody(requester, answer.response, lane, url, { plain: true })) {
    if (chunk.buffer !== bytes.buffer) bytes.set(chunk, at);
    hash?.update(chunk);
    crc = crc32c(chunk, crc);
    at += chunk.length;
  }
  if (lane.interruption !== undefined && (at < size || lane.interruption.kind === 'reply')) {
    return { learned, begun: { bytes: bytes.subarray(0, at), interruption: lane.interruption } };
  }
  meter.emit({ kind: 'verifying' });
  try {
    const digest = hash === undefined ? undefined : formatDigest(hash.digest());
    checkSums(requester, { digest, crc32c: crc });
    return { bytes };
  } catch (error) {
    if (error instanceof RestartNeeded) return { learned, wrong: error };
    throw error;
  }
}

/** The event's own URL, if it names what it must beyond doubt and need not be renewed. */
function usableUrl(
  attachment: Attachment,
  stores: Stores,
  canRefetch: boolean,
  { clock, clockOffset, earlyRefetch, random }: ResolvedTransferOptions,
): HeldUrl | undefined {
  const { access } = attachment;
  if (access === undefined) return undefined;
  const life = { issuedAtMs: Date.parse(access.issuedAt), expiresAtMs: Date.parse(access.expiresAt) };
  const untilMs = canRefetch && earlyRefetch ? refetchDueMs(life, random) : life.expiresAtMs;
  if (!(storeNowMs(clock, clockOffset) < untilMs)) return undefined;
  if (!isPlainAccessUrl(access.url.reveal(), stores.get(attachment.store), attachment)) return undefined;
  const mode = access.headers?.['x-amz-checksum-mode'];
  const headers = mode === undefined ? {} : { 'x-amz-checksum-mode': mode };
  return { generation: 0, url: access.url, headers, life };
}
