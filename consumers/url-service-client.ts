import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { request, type Dispatcher } from 'undici';
import { linkSignals } from '../shared/cancellation.ts';
import { assertClaimsMatch, peekClaims } from '../shared/claim-check.ts';
import { systemClock, type Clock, type Random } from '../shared/clock.ts';
import { ClaimCheckError, isWaybillError } from '../shared/errors.ts';
import type { Attachment } from '../shared/events/index.ts';
import { httpUrl, nonEmptyString, numberInRange } from '../shared/options.ts';
import { backoffMs, resolveRetryOptions, type RetryOptions } from '../shared/retry.ts';
import type { Secret } from '../shared/secret.ts';
import { noAnswer, readAnswer, type ItemOutcome } from './url-service-answer.ts';
import { createBatcher } from './url-service-batch.ts';
import { createPostSigner, type CallerCredentialsSource } from './url-service-sign.ts';
import type { UrlSource } from './url-source.ts';

export interface UrlServiceClientOptions {
  /** Where the service is; `/redeem` is added to its path. https, or http on loopback. */
  readonly endpoint: string;
  /** Region to sign for. @default - read from a function URL's host name; without one it must be given */
  readonly region?: string;
  /** @default the SDK's provider chain */
  readonly credentials?: CallerCredentialsSource;
  /** @default systemClock */
  readonly clock?: Clock;
  /** For the jitter of retries. @default Math.random */
  readonly random?: Random;
  /** Longest wait for one answer, in milliseconds, 1 to 300,000. @default 10_000 */
  readonly timeoutMs?: number;
  /** @default 4 attempts; the delays of `retryDefaults` */
  readonly retry?: RetryOptions;
  /** Most claim checks of one call, 1 to 100. @default 100 */
  readonly maxBatchItems?: number;
  /** Allows plain http beyond loopback: for a network that is already encrypted. @default false */
  readonly allowPlainHttp?: boolean;
  /** undici's connection pool. @default - undici's global one */
  readonly dispatcher?: Dispatcher;
}

/** Attempts in all. Few: while the service is down the worker's circuit opens, which costs nothing. */
const DEFAULT_MAX_ATTEMPTS = 4;

/** Largest answer that is read, in bytes: 100 items of 40 KiB. */
const MAX_ANSWER_BYTES = 4 * 1024 ** 2;

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Fresh URLs from a URL service. Refetches of one turn of the event loop travel in one call; what is transient is
 * tried again; redirects are not followed.
 *
 * @throws {TypeError} {RangeError} naming the option that is wrong
 * @example
 * const urls = urlServiceClient({ endpoint: 'https://abc.lambda-url.eu-central-1.on.aws' });
 */
export function urlServiceClient(options: UrlServiceClientOptions): UrlSource {
  const { clock = systemClock, random = Math.random } = options;
  const retry = resolveRetryOptions({ maxAttempts: DEFAULT_MAX_ATTEMPTS, ...options.retry });
  const call = createCall(options, clock);
  const batcher = createBatcher({
    maxItems: numberInRange('maxBatchItems', options.maxBatchItems ?? 100, { min: 1, max: 100 }),
    run: call,
  });
  return {
    async refetch(attachment, { signal }) {
      const claimCheck = claimCheckOf(attachment);
      for (let attempt = 1; ; attempt += 1) {
        const outcome = await batcher.submit(claimCheck, signal);
        if (outcome.kind === 'fresh') return outcome.fresh;
        if (outcome.kind === 'failed' || attempt >= retry.maxAttempts) throw outcome.error;
        await clock.sleep(backoffMs(attempt, retry, random), signal);
      }
    },
  };
}

/** The claim check, if it can be for this payload: what it says is looked at, only the service can verify it. */
function claimCheckOf(attachment: Attachment): Secret {
  const { claimCheck, id } = attachment;
  if (claimCheck === undefined) {
    throw new ClaimCheckError(`attachment ${id} has no claim check, so no fresh URL can be asked for`, {
      details: { attachmentId: id },
    });
  }
  const claims = peekClaims(claimCheck);
  assertClaimsMatch(claims, { eventId: claims.eventId, type: claims.type, attachment });
  return claimCheck;
}

type Call = (claimChecks: readonly Secret[], signal: AbortSignal) => Promise<ItemOutcome[]>;

function createCall(options: UrlServiceClientOptions, clock: Clock): Call {
  const url = redeemUrl(options.endpoint, options.allowPlainHttp ?? false);
  const where = `URL service ${url.origin}`;
  const timeoutMs = numberInRange('timeoutMs', options.timeoutMs ?? 10_000, {
    min: 1,
    max: 300_000,
    unit: 'ms',
  });
  const sign = createPostSigner({
    region: options.region === undefined ? regionOf(url) : nonEmptyString('region', options.region),
    credentials: options.credentials ?? defaultProvider(),
    clock,
  });
  return async (claimChecks, signal) => {
    const all = (outcome: ItemOutcome): ItemOutcome[] => claimChecks.map(() => outcome);
    using link = linkSignals([signal]);
    let timedOut = false;
    const watch = async (): Promise<void> => {
      try {
        await clock.sleep(timeoutMs, link.signal);
      } catch {
        return; // answered, or abandoned
      }
      timedOut = true;
      link.abort(new Error('timeout'));
    };
    const watching = watch();
    try {
      const body = JSON.stringify({ claimChecks: claimChecks.map((claimCheck) => claimCheck.reveal()) });
      const headers = await sign(url, body);
      link.signal.throwIfAborted();
      const response = await request(url, {
        method: 'POST',
        headers,
        body,
        signal: link.signal,
        ...(options.dispatcher === undefined ? {} : { dispatcher: options.dispatcher }),
      });
      return readAnswer(response.statusCode, await readText(response.body), claimChecks.length, where);
    } catch (error) {
      if (isWaybillError(error)) return all({ kind: 'failed', error });
      if (timedOut) return all(noAnswer(where, `did not answer within ${timeoutMs} ms`));
      return all(noAnswer(where, 'cannot be reached, or broke off its answer', error));
    } finally {
      link.abort();
      await watching;
    }
  };
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function redeemUrl(endpoint: string, allowPlainHttp: boolean): URL {
  const url = httpUrl('endpoint', endpoint);
  if (url.protocol === 'http:' && !allowPlainHttp && !LOOPBACK.has(url.hostname))
    throw new TypeError(`endpoint: got plain http to ${url.hostname}, expected https (or allowPlainHttp)`);
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    throw new TypeError('endpoint: got a query, fragment or user information, expected none');
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/redeem`;
  return url;
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html */
function regionOf(url: URL): string {
  const region = /\.lambda-url\.([a-z0-9-]+)\.on\.aws$/.exec(url.hostname)?.[1];
  return nonEmptyString('region', region);
}
