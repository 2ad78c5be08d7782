import type { Clock } from '../../shared/clock.ts';
import { idempotencyText, type IdempotencyRecord } from '../../shared/idempotency.ts';
import { redactText } from '../../shared/redact.ts';
import { LeaseLostError } from '../outcomes.ts';
import { parseRecord } from './record.ts';
import type { Register } from './register.ts';
import type { Lease } from './types.ts';

/** Rounds of "the etag is an older one of ours" before the lease counts as lost; one is normal after a lost answer. */
const MAX_ROUNDS = 3;

const MAX_REASON_CHARACTERS = 1_000;

/**
 * A lease on a record that was just written.
 *
 * Every write names the etag of the one before. When that no longer fits, the owner token tells whether an earlier
 * write of ours was applied although its answer was lost, or whether another has the lease.
 */
export function holdLease(
  { register, clock }: { readonly register: Register; readonly clock: Clock },
  key: string,
  acquired: { readonly record: IdempotencyRecord; readonly etag: string },
): Lease {
  let { record, etag } = acquired;
  let ended: 'completed' | 'released' | 'lost' | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const write = async (next: IdempotencyRecord, signal: AbortSignal | undefined): Promise<void> => {
    const body = JSON.stringify(next);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      signal?.throwIfAborted();
      const answer = await register.replace(key, body, etag, signal === undefined ? {} : { signal });
      if (answer.outcome === 'missing') break;
      if (answer.outcome === 'replaced' || answer.record.body === body) {
        record = next;
        etag = answer.outcome === 'replaced' ? answer.etag : answer.record.etag;
        return;
      }
      const current = parseRecord(key, answer.record.body);
      if (current.owner !== record.owner) break;
      if (current.state !== 'leased') {
        if (current.state === next.state) return; // this very call, made before, was applied
        break;
      }
      etag = answer.record.etag;
    }
    ended = 'lost';
    throw new LeaseLostError(`another has taken over the lease on ${key}`);
  };

  /** One call after the other: each needs the etag of the one before. */
  const inTurn = async (work: () => Promise<void>): Promise<void> => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    await mine;
  };

  const mustBeHeld = (): void => {
    if (ended !== undefined) throw new LeaseLostError(`the lease on ${key} was ${ended}`);
  };

  return {
    attempt: record.attempts,
    idempotencyKey: idempotencyText(record),
    renew: async (signal) =>
      await inTurn(async () => {
        mustBeHeld();
        await write({ ...record, renewals: record.renewals + 1 }, signal);
      }),
    complete: async ({ outcome, verified }, signal) =>
      await inTurn(async () => {
        mustBeHeld();
        const finishedAt = new Date(clock.nowMs()).toISOString();
        const what = { outcome, ...(verified === undefined ? {} : { verified }) };
        await write({ ...record, state: 'done', finishedAt, ...what }, signal);
        ended = 'completed';
      }),
    release: async (reason, signal) =>
      await inTurn(async () => {
        if (ended !== undefined) return;
        const why =
          reason === undefined ? {} : { reason: redactText(reason).slice(0, MAX_REASON_CHARACTERS) };
        try {
          await write({ ...record, state: 'released', ...why }, signal);
          ended = 'released';
        } catch (error) {
          if (!(error instanceof LeaseLostError)) throw error;
        }
      }),
  };
}
