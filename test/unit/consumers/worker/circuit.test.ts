import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { equalJitterMs } from '../../../../consumers/worker/backoff.ts';
import { CircuitOpenError, createCircuit } from '../../../../consumers/worker/circuit.ts';
import type { WorkerEvent } from '../../../../consumers/worker/types.ts';
import { createManualClock } from '../../../../local/clock.ts';

const never = new AbortController().signal;
const down = { code: 'url-service', reason: 'the URL service is down' };

function setUp() {
  const clock = createManualClock(0);
  const told: WorkerEvent[] = [];
  const circuit = createCircuit(
    clock,
    () => 1,
    (event) => told.push(event),
  );
  /** Waits the delay out, as a poll does. */
  const pass = async (ms: number): Promise<void> => {
    const waited = circuit.wait(never);
    clock.advance(ms);
    await waited;
  };
  return { clock, told, circuit, pass };
}

describe('createCircuit', () => {
  it('opens, probes after its delay, and closes when a message succeeds', async () => {
    const { circuit, told, clock, pass } = setUp();
    expect(circuit.status).toEqual({ state: 'closed' });
    await circuit.wait(never);
    circuit.throwIfOpen();
    circuit.trip(down, 'work');
    expect(circuit.status).toEqual({ state: 'open', ...down });
    expect(() => circuit.throwIfOpen()).toThrow(CircuitOpenError);
    circuit.recovered('work'); // one that began before
    expect(circuit.status.state).toBe('open');
    await pass(5_000);
    expect(circuit.status).toEqual({ state: 'probing', ...down });
    circuit.throwIfOpen();
    clock.advance(100);
    circuit.recovered('work');
    expect(circuit.status).toEqual({ state: 'closed' });
    expect(told).toEqual([
      { kind: 'circuit-opened', ...down, delayMs: 5_000 },
      { kind: 'circuit-probing', code: 'url-service' },
      { kind: 'circuit-closed', openMs: 5_100 },
    ]);
  });

  it('opens once for all messages that fail alike, and for longer after each probe that fails', async () => {
    const { circuit, told, pass } = setUp();
    const delays: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      circuit.trip(down, 'work');
      circuit.trip(down, 'work');
      const opened = told.filter((event) => event.kind === 'circuit-opened');
      delays.push(opened.at(-1)!.delayMs);
      await pass(300_000);
    }
    expect(delays).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    expect(told.filter(({ kind }) => kind === 'circuit-opened')).toHaveLength(8);
  });

  it('goes on where it was when it opens again soon, and begins anew after a calm', async () => {
    const { circuit, told, clock, pass } = setUp();
    const delay = (): number => told.findLast((event) => event.kind === 'circuit-opened')!.delayMs;
    circuit.trip(down, 'work');
    await pass(5_000);
    circuit.recovered('work');
    clock.advance(9_999);
    circuit.trip(down, 'work');
    expect(delay()).toBe(10_000);
    await pass(10_000);
    circuit.recovered('work');
    clock.advance(20_000);
    circuit.trip(down, 'work');
    expect(delay()).toBe(5_000);
  });

  it('closes after a broken queue with the next good receive, and after broken work only with work', async () => {
    const { circuit, pass } = setUp();
    circuit.trip({ code: 'queue-credentials', reason: 'expired' }, 'queue');
    await pass(500);
    circuit.recovered('queue');
    expect(circuit.status.state).toBe('closed');
    circuit.trip(down, 'work');
    await pass(10_000);
    circuit.recovered('queue');
    expect(circuit.status.state).toBe('probing');
  });

  it('waits no longer than its signal', async () => {
    const { circuit, clock } = setUp();
    const stop = new AbortController();
    circuit.trip(down, 'work');
    const waited = circuit.wait(stop.signal);
    stop.abort(new Error('stop'));
    await expect(waited).rejects.toThrow('stop');
    await tick();
    expect(clock.sleepers).toBe(0);
  });
});

describe('equalJitterMs', () => {
  it('has jitter in its upper half only', () => {
    const backoff = { backoffBaseMs: 1000, backoffCapMs: 8000 };
    expect(equalJitterMs(2, backoff, () => 0)).toBe(1000);
    expect(equalJitterMs(2, backoff, () => 0.5)).toBe(1500);
    expect(equalJitterMs(50, backoff, () => 1)).toBe(8000);
  });
});
