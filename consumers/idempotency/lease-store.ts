import { randomUUID } from 'node:crypto';
import { isWaybillError } from '../../shared/errors.ts';
import { systemClock, type Clock } from '../../shared/clock.ts';
import {
  idempotencyText,
  LEASE_BOUNDS_MS,
  type IdempotencyKey,
  type IdempotencyRecord,
} from '../../shared/idempotency.ts';
import { nonEmptyString, numberInRange } from '../../shared/options.ts';
import { IdempotencyStoreError } from './errors.ts';
import { holdLease } from './lease.ts';
import { createObserved } from './observed.ts';
import { parseRecord } from './record.ts';
import type { Register, RegisterCall } from './register.ts';
import type { Acquisition, IdempotencyStore } from './types.ts';

/** Rounds of "it is there, it is free, another was quicker" before the key counts as leased. */
const MAX_ROUNDS = 4;

/** What every store of leases may be told. */
export interface LeaseStoreOptions {
  /** Its monotonic clock tells when a lease is stale; its wall clock only dates records. @default systemClock */
  readonly clock?: Clock;
  /** Leases of others that are watched at once. From 1 to 1,000,000. @default 10_000 */
  readonly maxObserved?: number;
}

/** Tells that a holder has died, for registers whose users all run on one machine. */
export interface Holders {
  /** What stands for this process in its records. */
  readonly self: () => Promise<object>;
  /** True only if the holder is known to be dead: its lease needs no waiting for. */
  readonly isGone: (holder: unknown) => Promise<boolean>;
}

/**
 * Leases in a register of texts that are compared and set: the way to an idempotency store in a database of one's own.
 *
 * *free → leased → done*. A lease that is released, or whose record has stood unchanged for its own length by the monotonic
 * clock of whoever watches, is taken over by replacing exactly the state that was seen; then another owner token
 * stands in it, and every later write of the old owner fails.
 *
 * @throws {RangeError} when `maxObserved` is out of range
 */
export function createLeaseStore(
  texts: Register,
  options: LeaseStoreOptions & { readonly holders?: Holders } = {},
): IdempotencyStore {
  const { holders } = options;
  const register = withErrors(texts);
  const clock = options.clock ?? systemClock;
  const bounds = { min: 1, max: 1_000_000 };
  const observed = createObserved(numberInRange('maxObserved', options.maxObserved ?? 10_000, bounds));

  return {
    async acquire(key, { leaseMs, signal }) {
      numberInRange('leaseMs', leaseMs, { ...LEASE_BOUNDS_MS, unit: 'ms' });
      const path = pathOf(key);
      const owner = randomUUID();
      const holder = await holders?.self();
      const draft = (attempts: number): IdempotencyRecord => ({
        ...freshRecord(key, { owner, attempts, leaseMs }, clock),
        ...(holder === undefined ? {} : { holder }),
      });
      const acquired = (record: IdempotencyRecord, etag: string): Acquisition => {
        observed.forget(path);
        return { state: 'acquired', lease: holdLease({ register, clock }, path, { record, etag }) };
      };
      const call = signal === undefined ? {} : { signal };
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        signal?.throwIfAborted();
        const askedMs = clock.monotonicMs();
        const first = draft(1);
        const created = await register.create(path, JSON.stringify(first), call);
        if (created.outcome === 'created') return acquired(first, created.etag);
        const stored = created.record;
        const record = parseRecord(path, stored.body);
        if (record.owner === owner) return acquired(record, stored.etag); // written, but the answer was lost
        if (record.state === 'done') {
          observed.forget(path);
          return { state: 'done', record };
        }
        if (record.state === 'leased' && (await holders?.isGone(record['holder'])) !== true) {
          const unchangedMs = observed.unchangedMs(path, stored.etag, askedMs, clock.monotonicMs());
          if (unchangedMs < record.leaseMs) {
            return { state: 'leased', retryAfterMs: Math.ceil(record.leaseMs - unchangedMs) };
          }
        }
        const next = draft(record.attempts + 1);
        const taken = await register.replace(path, JSON.stringify(next), stored.etag, call);
        if (taken.outcome === 'replaced') return acquired(next, taken.etag);
      }
      return { state: 'leased', retryAfterMs: leaseMs };
    },
  };
}

/** What a register throws of its own becomes an error that the worker knows: `unavailable`. */
function withErrors(register: Register): Register {
  const reach = async <T>(
    key: string,
    call: RegisterCall | undefined,
    work: () => Promise<T>,
  ): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      call?.signal?.throwIfAborted();
      if (isWaybillError(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new IdempotencyStoreError(`idempotency record ${key}: ${reason}`, { cause: error });
    }
  };
  return {
    create: async (key, body, call) =>
      await reach(key, call, async () => await register.create(key, body, call)),
    replace: async (key, body, etag, call) =>
      await reach(key, call, async () => await register.replace(key, body, etag, call)),
  };
}

function pathOf({ consumer, source, id }: IdempotencyKey): string {
  return idempotencyText({
    consumer: nonEmptyString('consumer', consumer),
    source: nonEmptyString('source', source),
    id: nonEmptyString('id', id),
  });
}

function freshRecord(
  { consumer, source, id }: IdempotencyKey,
  drawn: Pick<IdempotencyRecord, 'owner' | 'attempts' | 'leaseMs'>,
  clock: Clock,
): IdempotencyRecord {
  return {
    waybillrecord: 1,
    consumer,
    source,
    id,
    state: 'leased',
    ...drawn,
    renewals: 0,
    acquiredAt: new Date(clock.nowMs()).toISOString(),
  };
}
