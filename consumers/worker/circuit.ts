import type { Clock, Random } from '../../shared/clock.ts';
import { WaybillError } from '../../shared/errors.ts';
import { equalJitterMs } from './backoff.ts';
import type { WorkerEvent } from './types.ts';

/** Time between probes, in milliseconds: while what every message needs is broken, and while SQS does not answer. */
const BACKOFF = {
  work: { backoffBaseMs: 5_000, backoffCapMs: 300_000 },
  queue: { backoffBaseMs: 500, backoffCapMs: 30_000 },
} as const;

/** Who found it broken: a message in work, or a receive. */
export type CircuitCause = keyof typeof BACKOFF;

/** Something that every message needs is broken. */
export interface SharedFailure {
  /** `code` of the error that told. */
  readonly code: string;
  /** One redacted sentence. */
  readonly reason: string;
}

/** Whether a worker takes messages, and if not, why. */
export type CircuitStatus =
  | { readonly state: 'closed' }
  /** `open`: nothing is received. `probing`: one message at a time is, until one succeeds. */
  | ({ readonly state: 'open' | 'probing' } & SharedFailure);

/** A message that was about to begin while nothing can succeed. */
export class CircuitOpenError extends WaybillError {
  readonly code = 'circuit-open';
  readonly disposition = 'unavailable';
}

/** Keeps a worker from taking messages that cannot succeed. */
export interface Circuit {
  readonly status: CircuitStatus;
  /** Opens it, for longer each time in a row. Does nothing while it is open: all messages in work fail alike. */
  trip(failure: SharedFailure, cause: CircuitCause): void;
  /** A message succeeded, or a receive did: closes a circuit that was probing for it. */
  recovered(cause: CircuitCause): void;
  /** Waits while it is open; then it is probing. @throws the signal's reason */
  wait(signal: AbortSignal): Promise<void>;
  /** @throws {CircuitOpenError} */
  throwIfOpen(): void;
}

interface Broken extends SharedFailure {
  readonly cause: CircuitCause;
  readonly delayMs: number;
  readonly untilMs: number;
  readonly sinceMs: number;
  isProbing: boolean;
}

/**
 * *closed* → (something shared fails) → *open*, for a time → *probing* → *closed*, or *open* again for longer. A failure
 * soon after a recovery goes on where the last one was, so that a half-mended fault is not tried in a tight loop.
 *
 * @param tell hears each change; called when the state has changed already
 */
export function createCircuit(clock: Clock, random: Random, tell: (event: WorkerEvent) => void): Circuit {
  let broken: Broken | undefined;
  let inARow = 0;
  let calmAfterMs = Number.NEGATIVE_INFINITY;
  const open = (): Broken | undefined => (broken?.isProbing === false ? broken : undefined);
  return {
    get status(): CircuitStatus {
      if (broken === undefined) return { state: 'closed' };
      const { code, reason, isProbing } = broken;
      return { state: isProbing ? 'probing' : 'open', code, reason };
    },
    trip({ code, reason }, cause) {
      const nowMs = clock.monotonicMs();
      const already = open();
      if (already !== undefined && (already.cause === cause || cause === 'queue')) return;
      inARow = broken === undefined && nowMs >= calmAfterMs ? 1 : inARow + 1;
      const delayMs = equalJitterMs(inARow, BACKOFF[cause], random);
      const sinceMs = broken?.sinceMs ?? nowMs;
      broken = { code, reason, cause, delayMs, untilMs: nowMs + delayMs, sinceMs, isProbing: false };
      tell({ kind: 'circuit-opened', code, reason, delayMs });
    },
    recovered(cause) {
      if (broken?.cause !== cause || !broken.isProbing) return;
      const nowMs = clock.monotonicMs();
      calmAfterMs = nowMs + 2 * broken.delayMs;
      const openMs = nowMs - broken.sinceMs;
      broken = undefined;
      tell({ kind: 'circuit-closed', openMs });
    },
    async wait(signal) {
      for (let now = open(); now !== undefined; now = open()) {
        const leftMs = now.untilMs - clock.monotonicMs();
        if (leftMs > 0) {
          await clock.sleep(leftMs, signal);
        } else {
          now.isProbing = true;
          tell({ kind: 'circuit-probing', code: now.code });
        }
      }
    },
    throwIfOpen() {
      const now = open();
      if (now !== undefined) {
        throw new CircuitOpenError(`the circuit is open: ${now.reason}`, { details: { code: now.code } });
      }
    },
  };
}
