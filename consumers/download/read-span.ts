import type { Span } from '../../shared/part-plan.ts';
import { readErrorBody } from '../../shared/s3-error-body.ts';
import { classifyReply, ifMatchValue, type ReplyVerdict } from '../../shared/s3-replies.ts';
import { storeNowMs } from './clock-offset.ts';
import { atLeast } from './pace.ts';
import { Recovery, type Interruption } from './recovery.ts';
import type { ResumeReason } from './result.ts';
import type { Transfer } from './transfer.ts';
import { TransportError, type TransportRequest, type TransportResponse } from './transport.ts';
import type { HeldUrl } from './url-keeper.ts';

/** How to read a span. `Chunk`: what comes of its bodies. */
export interface ReadSpanOptions<Chunk extends Chunky = Uint8Array> extends Asking {
  /** Begin with a GET of the whole object, without `Range`; the span must be the whole. */
  readonly plain: boolean;
  /** Called when a good reply has come, before its first byte is handed out. */
  readonly onGoodReply?: (() => Promise<void>) | undefined;
  /** False for bytes that are fetched a second time: they are no progress. @default true */
  readonly counts?: boolean;
  /** What has interrupted an earlier request for these bytes; dealt with before the first. */
  readonly after?: Interruption | undefined;
  /** Begins to read the body of a good reply, whose first byte is the object's byte `at`. @default - its chunks */
  readonly receive?: (response: TransportResponse, at: number) => AsyncIterable<Chunk>;
}

/** Bytes, or the news of some. */
interface Chunky {
  readonly length: number;
}

/** What is left to the transport. See TransportRequest. */
type Asking = Pick<TransportRequest, 'into' | 'keep' | 'fileBytes'>;

/** Progress of one span. */
export interface Lane {
  readonly span: Span;
  readonly plain: boolean;
  /** The next byte to come. */
  at: number;
  interruption: Interruption | undefined;
}

/**
 * The bytes of a span in order, each exactly once, over as many requests as that takes: this is where the state
 * machine of a download turns. Chunks belong to the transport and are valid until the next one is asked for, unless
 * `keep` is true.
 * Memory: one chunk.
 *
 * @throws {RestartNeeded} when the store sends other bytes than those asked for
 * @throws {WaybillError} when the download has failed
 * @throws the signal's reason
 */
export async function* readSpan<Chunk extends Chunky = Uint8Array>(
  transfer: Transfer,
  span: Span,
  options: ReadSpanOptions<Chunk>,
): AsyncGenerator<Chunk, void, undefined> {
  const lane: Lane = { span, plain: options.plain, at: span.start, interruption: undefined };
  const recovery = new Recovery(transfer);
  let resuming: ResumeReason | undefined;
  if (options.after !== undefined) resuming = await recovery.recover(options.after, lane.at);
  for (;;) {
    transfer.signal.throwIfAborted();
    const url = await transfer.urls.current();
    lane.interruption = undefined;
    const response = await ask(transfer, url, lane, options);
    if (response !== undefined) {
      if (resuming !== undefined && lane.at > 0) transfer.meter.resumed(lane.at, resuming);
      resuming = undefined;
      yield* readBody(transfer, response, lane, url, options);
    }
    const { interruption } = lane;
    if (
      interruption === undefined ||
      (lane.at === span.end && span.end > span.start && bodyBroke(interruption))
    ) {
      return;
    }
    resuming = await recovery.recover(interruption, lane.at);
  }
}

/** All bytes had come when the connection broke: nothing is lost. */
function bodyBroke({ kind }: Interruption): boolean {
  return kind === 'failure';
}

/** Asks for what is left of the span. Returns the reply if it is good, and notes the interruption otherwise. */
async function ask(
  transfer: Transfer,
  url: HeldUrl,
  lane: Lane,
  asking: Asking,
): Promise<TransportResponse | undefined> {
  const whole = lane.plain && lane.at === lane.span.start;
  const range = whole ? undefined : { start: lane.at, end: lane.span.end };
  const answer = await request(transfer, url, range, transfer.identity.sizeBytes, asking);
  if ('interruption' in answer) {
    lane.interruption = answer.interruption;
    return undefined;
  }
  pin(transfer, answer.response);
  return answer.response;
}

/** What a single request needs of a transfer. */
export interface Requester extends Pick<Transfer, 'transport' | 'options' | 'identity' | 'clock'> {
  readonly signal: AbortSignal | undefined;
}

/** A good reply, or why there is none. */
export type Answer =
  | { readonly response: TransportResponse }
  | { readonly interruption: Interruption; readonly headers: Readonly<Record<string, string>> };

/**
 * Makes one request and judges its reply. A reply that is not good has been read as far as needed and let go.
 * @param sizeBytes of the whole object; undefined if not known yet
 */
export async function request(
  transfer: Requester,
  url: HeldUrl,
  range: Span | undefined,
  sizeBytes: number | undefined,
  { into, keep, fileBytes }: Asking = {},
): Promise<Answer> {
  const { transport, signal, options, identity } = transfer;
  const ifMatch = ifMatchValue(identity.etag);
  let response: TransportResponse;
  try {
    response = await transport.get({
      url: url.url.reveal(),
      headers: {
        ...url.headers,
        'accept-encoding': 'identity',
        ...(range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      signal,
      stallTimeoutMs: options.stallTimeoutMs,
      into,
      keep,
      fileBytes,
      logger: options.logger,
    });
  } catch (error) {
    return { interruption: failure(transfer, error), headers: {} };
  }
  const { status, headers } = response;
  const good = status === 200 || status === 206;
  const body = good ? '' : await errorText(transfer, response);
  const verdict = classifyReply({
    status,
    headers,
    body,
    urlExpiresAtMs: url.life?.expiresAtMs,
    nowMs: storeNowMs(transfer.clock, options.clockOffset),
    expectedRange: range,
    expectedEtag: identity.etag,
    expectedVersionId: identity.versionId,
    expectedSizeBytes: sizeBytes,
  });
  if (verdict.kind === 'ok') return { response };
  await response.discard();
  return { interruption: { kind: 'reply', verdict, url }, headers };
}

/** The beginning of an error body; a body that breaks off says nothing, its status says enough. */
async function errorText(transfer: Requester, response: TransportResponse): Promise<string> {
  try {
    return await readErrorBody(response.body);
  } catch (error) {
    failure(transfer, error);
    return '';
  }
}

/** From here on, every reply must be of this very object. */
export function pin({ identity }: Pick<Transfer, 'identity'>, { headers }: TransportResponse): void {
  identity.etag ??= headers['etag'];
  identity.versionId ??= headers['x-amz-version-id'];
}

/** The bytes of one good reply, counted; what ends it early is noted in `lane`. */
export async function* readBody<Chunk extends Chunky = Uint8Array>(
  transfer: Requester & Pick<Transfer, 'meter'>,
  response: TransportResponse,
  lane: Lane,
  url: HeldUrl,
  { onGoodReply, counts = true, receive }: ReadSpanOptions<Chunk>,
): AsyncGenerator<Chunk, void, undefined> {
  const { meter, identity } = transfer;
  try {
    await onGoodReply?.();
    const { minBytesPerSecond } = transfer.options;
    const body = receive?.(response, lane.at) ?? (response.body as AsyncIterable<Uint8Array & Chunk>);
    for await (const chunk of minBytesPerSecond === 0
      ? body
      : atLeast(minBytesPerSecond, body, transfer.clock)) {
      meter.fetchedBytes += chunk.length;
      if (chunk.length > lane.span.end - lane.at) {
        lane.interruption = { kind: 'reply', verdict: tooLong(response, lane), url };
        return;
      }
      if (chunk.length === 0) continue;
      lane.at += chunk.length;
      if (counts) meter.received(chunk.length, identity.sizeBytes);
      yield chunk;
    }
    const missing = lane.span.end - lane.at;
    if (missing > 0) {
      const error = new TransportError('broken', `the body ended ${missing} bytes early`);
      lane.interruption = { kind: 'failure', error };
    }
  } catch (error) {
    lane.interruption = failure(transfer, error);
  } finally {
    await response.discard();
  }
}

function tooLong({ status }: TransportResponse, { span, at }: Lane): ReplyVerdict {
  return { kind: 'range', status, message: `expected ${span.end - at} more bytes, got a longer body` };
}

/** @throws the signal's reason, or what is no fault of the network */
export function failure({ signal }: Requester, error: unknown): Interruption {
  signal?.throwIfAborted();
  if (error instanceof TransportError) return { kind: 'failure', error };
  throw error;
}
