import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LeaseLostError, type Lease } from '../../../consumers/index.ts';
import { createLeaseStore } from '../../../consumers/idempotency/lease-store.ts';
import { memoryRegister } from '../../../consumers/idempotency/memory-store.ts';
import type { Register } from '../../../consumers/idempotency/register.ts';
import { createManualClock } from '../../../local/index.ts';

const LEASE_MS = 10_000;
const KEY = { consumer: 'c', source: 's', id: 'i' };

/** What one process does next. `crash` forgets lease and memory; `lose` makes its next write's answer be lost. */
const step = fc.record({
  worker: fc.nat(2),
  action: fc.constantFrom(
    'acquire',
    'acquire',
    'renew',
    'complete',
    'release',
    'crash',
    'wait',
    'lose',
    'skew',
  ),
  amountMs: fc.integer({ min: 0, max: 15_000 }),
});

interface Outcome {
  /** Attempt numbers in the order in which leases were had. */
  readonly attempts: number[];
  readonly completedBy: number[];
}

/** One process: its clock, its store, its lease if it has one. */
function createProcess(shared: Register, outcome: Outcome) {
  const clock = createManualClock(0);
  let losing = false;
  const answer = <T>(value: T): T => {
    if (!losing) return value;
    losing = false;
    throw new Error('the answer is lost');
  };
  const register: Register = {
    create: async (...args) => answer(await shared.create(...args)),
    replace: async (...args) => answer(await shared.replace(...args)),
  };
  let store = createLeaseStore(register, { clock, maxObserved: 1 });
  let lease: Lease | undefined;

  const expected = (error: unknown): 'lost' | 'unknown' => {
    if (error instanceof LeaseLostError) return 'lost';
    if (error instanceof Error && error.message.endsWith('the answer is lost')) return 'unknown';
    throw error;
  };

  return async ({ action, amountMs }: { action: string; amountMs: number }): Promise<void> => {
    switch (action) {
      case 'wait':
        return clock.advance(amountMs);
      case 'skew':
        return clock.set(clock.nowMs() + (amountMs - 7_500) * 80);
      case 'lose':
        losing = true;
        return;
      case 'crash':
        lease = undefined;
        store = createLeaseStore(register, { clock });
        return;
      case 'acquire': {
        const had = await store.acquire(KEY, { leaseMs: LEASE_MS }).catch((error: unknown) => {
          expect(expected(error)).toBe('unknown');
        });
        if (had?.state === 'acquired') {
          lease = had.lease;
          outcome.attempts.push(lease.attempt);
        }
        if (had?.state === 'done') expect(had.record.outcome).toBe('handled');
        return;
      }
      case 'complete': {
        const mine = lease;
        if (mine === undefined) return;
        await mine.complete({ outcome: 'handled' }).then(
          () => outcome.completedBy.push(mine.attempt),
          (error: unknown) => void expected(error),
        );
        return;
      }
      case 'renew':
        await lease?.renew().catch((error: unknown) => void expected(error));
        return;
      default:
        await lease?.release().catch((error: unknown) => void expected(error));
    }
  };
}

function check(
  { attempts, completedBy }: Outcome,
  final: Awaited<ReturnType<ReturnType<typeof createLeaseStore>['acquire']>>,
): void {
  expect(new Set(attempts).size).toBe(attempts.length); // no attempt was had twice
  expect(new Set(completedBy).size).toBeLessThanOrEqual(1); // one lease completed it, if any
  if (completedBy.length === 0) return;
  expect(final.state).toBe('done');
  if (final.state === 'done') expect([final.record.attempts]).toEqual([...new Set(completedBy)]);
}

describe('leases', () => {
  test('in any order of steps of three processes, one lease completes an event, and no attempt is had twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const shared = memoryRegister();
        const outcome: Outcome = { attempts: [], completedBy: [] };
        const processes = [0, 1, 2].map(() => createProcess(shared, outcome));
        for (const each of steps) await processes[each.worker]?.(each);
        check(outcome, await createLeaseStore(shared).acquire(KEY, { leaseMs: LEASE_MS }));
      }),
      { numRuns: 1_000 },
    );
  });

  test('however their requests interleave', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 3, maxLength: 3 }),
        async (scheduler, programs) => {
          const plain = memoryRegister();
          const shared: Register = {
            create: scheduler.scheduleFunction(plain.create.bind(plain)),
            replace: scheduler.scheduleFunction(plain.replace.bind(plain)),
          };
          const outcome: Outcome = { attempts: [], completedBy: [] };
          const running = programs.map(async (program) => {
            const process = createProcess(shared, outcome);
            for (const each of program) await process(each);
          });
          await scheduler.waitFor(Promise.all(running));
          check(outcome, await createLeaseStore(plain).acquire(KEY, { leaseMs: LEASE_MS }));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
