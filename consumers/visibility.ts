import { after, DONE, systemClock, type Clock } from '../shared/clock.ts';
import { silentLogger, type Logger } from '../shared/logger.ts';
import { numberInRange } from '../shared/options.ts';
import { HandlerTimeoutError, LeaseLostError } from './outcomes.ts';
import { MAX_HOLD_SECONDS, MAX_VISIBILITY_SECONDS } from './worker/sqs-limits.ts';

/** What a visibility heartbeat needs. */
export interface HeartbeatOptions {
  /** The visibility timeout that the message was received with, and is extended to, in seconds. */
  readonly visibilityTimeoutSeconds: number;
  /** One ChangeMessageVisibility call. */
  readonly extend: (seconds: number, signal: AbortSignal) => Promise<void>;
  /** True for an answer that says that the message is no longer ours. */
  readonly isLost: (error: unknown) => boolean;
  /** Called once: `LeaseLostError` when the lease is lost, `HandlerTimeoutError` when SQS will not extend it any more. */
  readonly onLost: (error: LeaseLostError | HandlerTimeoutError) => void;
  /** Called after each extension. */
  readonly onExtended?: () => void;
  /** Longest hold from the receipt, in seconds. @default 41_400 (11.5 h; SQS ends it at 12 h) */
  readonly maxHoldSeconds?: number;
  /** When the lease began, on the clock's monotonic scale. @default - now */
  readonly sinceMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default silentLogger */
  readonly logger?: Logger;
}

/** A message kept invisible to others. */
export interface Heartbeat extends AsyncDisposable {
  /**
   * `held`: extended so far. `lost`: another consumer may have the message, so leave it alone. `too-long`: still ours,
   * but SQS will not extend it any more. `stopped`: by `stop()`.
   */
  readonly state: 'held' | 'lost' | 'too-long' | 'stopped';
  /** Seconds since the receipt. */
  heldSeconds(): number;
  /**
   * Notices, without a timer, that the lease has run out: a process that stood still finds out before it does anything
   * else. Calls `onLost` then.
   */
  check(): void;
  /** Ends the heartbeat and resolves when no extension is under way. A second call does nothing more. */
  stop(): Promise<void>;
}

/**
 * Keeps a message invisible from its receipt until `stop()`: extends its visibility timeout when half of it is over.
 *
 * An extension that fails is tried again every eighth of the timeout; when the timeout has passed since the last
 * good one began (by the monotonic clock), the lease counts as lost, because SQS has shown the message to others
 * by then. An answer that says that the message is gone loses it at once.
 *
 * @throws {RangeError} when `visibilityTimeoutSeconds` is not an integer from 1 to 43,200
 */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const timeoutMs =
    1000 *
    numberInRange('visibilityTimeoutSeconds', options.visibilityTimeoutSeconds, {
      min: 1,
      max: MAX_VISIBILITY_SECONDS,
      unit: 's',
    });
  const maxHoldMs = 1000 * (options.maxHoldSeconds ?? MAX_HOLD_SECONDS);
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const receivedAtMs = options.sinceMs ?? clock.monotonicMs();
  let leaseEndsMs = receivedAtMs + timeoutMs;
  let state: Heartbeat['state'] = 'held';
  let endWait = (): void => {};
  let extension: AbortController | undefined;
  const isHeld = (): boolean => state === 'held';

  const finish = (how: 'lost' | 'too-long', reason: string, cause?: unknown): void => {
    if (!isHeld()) return;
    state = how;
    options.onLost(
      how === 'lost' ? new LeaseLostError(reason, { cause }) : new HandlerTimeoutError(reason, { cause }),
    );
  };

  const ranOut = (): void => finish('lost', 'the visibility timeout passed without an extension');

  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = after(clock, ms, resolve);
      endWait = () => {
        cancel();
        resolve();
      };
    });

  const beat = async (): Promise<void> => {
    let waitMs = timeoutMs / 2;
    while (isHeld()) {
      const beganMs = clock.monotonicMs();
      await wait(Math.max(0, Math.min(waitMs, leaseEndsMs - beganMs, receivedAtMs + maxHoldMs - beganMs)));
      if (!isHeld()) return;
      const nowMs = clock.monotonicMs();
      if (nowMs - receivedAtMs >= maxHoldMs) {
        return finish(
          'too-long',
          `the message was held for ${maxHoldMs / 1000} s, which is as long as SQS allows`,
        );
      }
      if (nowMs >= leaseEndsMs) return ranOut();
      try {
        const seconds = Math.floor(
          Math.min(timeoutMs / 1000, MAX_VISIBILITY_SECONDS - (nowMs - receivedAtMs) / 1000),
        );
        await extendWithin(seconds, leaseEndsMs - nowMs);
        leaseEndsMs = nowMs + seconds * 1000;
        waitMs = timeoutMs / 2;
        options.onExtended?.();
      } catch (error) {
        if (!isHeld()) return;
        if (options.isLost(error))
          return finish('lost', 'SQS says that the message is no longer ours', error);
        logger.warn({ error }, 'visibility could not be extended; trying again');
        waitMs = timeoutMs / 8;
      }
    }
  };

  /** One call, given up when the lease ends: an answer that comes later says nothing. */
  const extendWithin = async (seconds: number, ms: number): Promise<void> => {
    const call = new AbortController();
    extension = call;
    const cancel = after(clock, ms, () =>
      call.abort(new LeaseLostError('the visibility timeout passed while it was being extended')),
    );
    try {
      await options.extend(seconds, call.signal);
    } finally {
      cancel();
      extension = undefined;
    }
  };

  const done = beat().catch((error: unknown) => {
    finish('lost', 'the visibility heartbeat failed', error);
  });
  const stop = async (): Promise<void> => {
    if (isHeld()) state = 'stopped';
    endWait();
    extension?.abort(DONE);
    await done;
  };
  return {
    get state() {
      return state;
    },
    heldSeconds: () => (clock.monotonicMs() - receivedAtMs) / 1000,
    check() {
      if (clock.monotonicMs() >= leaseEndsMs) ranOut();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
