import {
  AccessRefusedError,
  ObjectChangedError,
  PayloadGoneError,
  RangeMismatchError,
  TransferError,
  TransferStalledError,
  type WaybillError,
} from '../../shared/errors.ts';
import { backoffMs } from '../../shared/retry.ts';
import type { ReplyVerdict } from '../../shared/s3-replies.ts';
import { learnServerTime } from './clock-offset.ts';
import { RestartNeeded } from './restart.ts';
import type { ResumeReason } from './result.ts';
import type { Transfer } from './transfer.ts';
import { TransportError } from './transport.ts';
import type { HeldUrl } from './url-keeper.ts';

/** Shortest and longest wait for a URL that is not valid yet, in milliseconds. */
const [MIN_CLOCK_WAIT_MS, MAX_CLOCK_WAIT_MS] = [1_000, 30_000];

/** Why a request did not bring all its bytes. */
export type Interruption =
  | { readonly kind: 'reply'; readonly verdict: ReplyVerdict; readonly url: HeldUrl }
  | { readonly kind: 'failure'; readonly error: TransportError };

/**
 * Decides what follows an interruption, for one range: returns when the request shall be made again, throws when
 * the download has failed. Its memory (attempts, refusals) is wiped by every byte of progress.
 */
export class Recovery {
  readonly #transfer: Transfer;
  #at = -1;
  #attempts = 0;
  #waitedForClock = false;
  #refusedBefore: HeldUrl | undefined;
  #missingBefore: HeldUrl | undefined;

  constructor(transfer: Transfer) {
    this.#transfer = transfer;
  }

  /** Does what the interruption at byte `at` asks for; the reason is that for which bytes flow again. */
  async recover(interruption: Interruption, at: number): Promise<ResumeReason> {
    if (at !== this.#at) this.#forget(at);
    if (interruption.kind === 'failure') return await this.#retry(interruption.error, at);
    const { verdict, url } = interruption;
    const { urls, meter } = this.#transfer;
    switch (verdict.kind) {
      case 'expired':
      case 'signer-expired': {
        this.#learn(verdict);
        const { status, code, message } = verdict;
        meter.emit({ kind: 'expired', atByte: at, status, code, message });
        await urls.replace(url, verdict.kind);
        return 'expired';
      }
      case 'clock':
        return await this.#waitForClock(verdict, url, at);
      case 'refused':
        return await this.#onceMore(verdict, url, at, 'refused');
      case 'missing':
        return await this.#onceMore(verdict, url, at, 'missing');
      case 'transient':
        return await this.#retry(verdict, at);
      case 'changed':
        throw this.#error(ObjectChangedError, at, verdict);
      case 'range':
        throw new RestartNeeded('range', this.#error(RangeMismatchError, at, verdict));
      case 'ok':
        throw new TypeError('a good reply is no interruption');
    }
  }

  #forget(at: number): void {
    this.#at = at;
    this.#attempts = 0;
    this.#waitedForClock = false;
    this.#refusedBefore = undefined;
    this.#missingBefore = undefined;
  }

  /** A fresh URL may mend it, once: then it is the store's last word. */
  async #onceMore(
    verdict: ReplyVerdict,
    url: HeldUrl,
    at: number,
    kind: 'refused' | 'missing',
  ): Promise<ResumeReason> {
    const ErrorClass = kind === 'refused' ? AccessRefusedError : PayloadGoneError;
    const before = kind === 'refused' ? this.#refusedBefore : this.#missingBefore;
    const { urls } = this.#transfer;
    // Another range may have renewed the URL since: a refusal of the same old one is no second refusal.
    const secondTime = before !== undefined && before.generation !== url.generation;
    if (secondTime || !urls.canRefetch) throw this.#error(ErrorClass, at, verdict);
    if (kind === 'refused') this.#refusedBefore = url;
    else this.#missingBefore = url;
    await urls.replace(url, kind);
    return kind;
  }

  async #waitForClock(verdict: ReplyVerdict, url: HeldUrl, at: number): Promise<ResumeReason> {
    this.#learn(verdict);
    if (this.#waitedForClock) throw this.#error(AccessRefusedError, at, verdict);
    this.#waitedForClock = true;
    const { clock, signal, meter } = this.#transfer;
    const signedAtMs = verdict.signedAtMs ?? url.life?.issuedAtMs ?? 0;
    const aheadMs = signedAtMs - (verdict.serverTimeMs ?? signedAtMs);
    const delayMs = Math.min(Math.max(aheadMs, MIN_CLOCK_WAIT_MS), MAX_CLOCK_WAIT_MS);
    meter.emit({ kind: 'retrying', atByte: at, attempt: 1, delayMs, reason: describe(verdict) });
    await clock.sleep(delayMs, signal);
    return 'clock';
  }

  async #retry(cause: ReplyVerdict | TransportError, at: number): Promise<ResumeReason> {
    const { clock, signal, meter, options } = this.#transfer;
    signal.throwIfAborted();
    this.#attempts += 1;
    if (this.#attempts >= options.retry.maxAttempts) {
      const stalled = cause instanceof TransportError && cause.failure === 'stall';
      throw this.#error(stalled ? TransferStalledError : TransferError, at, cause);
    }
    const asked = cause instanceof TransportError ? 0 : (cause.retryAfterMs ?? 0);
    const delayMs = Math.max(asked, backoffMs(this.#attempts, options.retry, options.random));
    meter.retries += 1;
    meter.emit({ kind: 'retrying', atByte: at, attempt: this.#attempts, delayMs, reason: describe(cause) });
    await clock.sleep(delayMs, signal);
    return 'transient';
  }

  #learn({ serverTimeMs }: ReplyVerdict): void {
    const { clock, options } = this.#transfer;
    if (serverTimeMs !== undefined) learnServerTime(clock, options.clockOffset, serverTimeMs);
  }

  #error(
    ErrorClass: new (
      message: string,
      options: { cause?: unknown; details: Record<string, unknown> },
    ) => WaybillError,
    at: number,
    why: ReplyVerdict | TransportError,
  ): WaybillError {
    const { label, store, key } = this.#transfer.identity;
    const details = { store, key, atByte: at };
    const message = `GET ${label} at byte ${at}: ${describe(why)}`;
    if (why instanceof TransportError) return new ErrorClass(message, { cause: why, details });
    return new ErrorClass(message, { details: { ...details, status: why.status, s3Code: why.code } });
  }
}

/** What happened, in a few words without secrets. */
function describe(why: ReplyVerdict | TransportError): string {
  if (why instanceof TransportError) return `${why.failure}: ${why.message}`;
  return [String(why.status), why.code, why.message].filter((word) => word !== undefined).join(' ');
}
