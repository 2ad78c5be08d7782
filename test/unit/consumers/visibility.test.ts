import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { HandlerTimeoutError, LeaseLostError } from '../../../consumers/outcomes.ts';
import { startHeartbeat, type HeartbeatOptions } from '../../../consumers/visibility.ts';
import { createManualClock } from '../../../local/clock.ts';

function setUp(options: Partial<HeartbeatOptions> = {}) {
  const clock = createManualClock(0);
  const extended: number[] = [];
  const lost: Error[] = [];
  const heartbeat = startHeartbeat({
    visibilityTimeoutSeconds: 60,
    extend: async (seconds) => {
      extended.push(seconds);
    },
    isLost: (error) => error instanceof Error && error.message === 'gone',
    onLost: (error) => lost.push(error),
    clock,
    ...options,
  });
  const pass = async (seconds: number): Promise<void> => {
    clock.advance(seconds * 1000);
    await tick();
    await tick();
  };
  return { clock, extended, lost, heartbeat, pass };
}

describe('startHeartbeat', () => {
  it('extends to the whole timeout whenever half of it is over', async () => {
    const { extended, heartbeat, pass } = setUp();
    await pass(29);
    expect(extended).toEqual([]);
    await pass(1);
    expect(extended).toEqual([60]);
    for (let beat = 0; beat < 9; beat += 1) await pass(30);
    expect(extended).toHaveLength(10);
    expect(heartbeat.state).toBe('held');
    expect(heartbeat.heldSeconds()).toBe(300);
    await heartbeat.stop();
    expect(heartbeat.state).toBe('stopped');
  });

  it('leaves no timer behind and extends no more after stop', async () => {
    const { clock, extended, heartbeat, pass } = setUp();
    await heartbeat.stop();
    await heartbeat.stop();
    expect(clock.sleepers).toBe(0);
    await pass(120);
    expect(extended).toEqual([]);
  });

  it('tries again after a failure, and goes on when one succeeds', async () => {
    let calls = 0;
    const { lost, heartbeat, pass } = setUp({
      extend: async () => {
        calls += 1;
        if (calls <= 2) throw new Error('503');
      },
    });
    await pass(30);
    await pass(7.5);
    await pass(7.5);
    expect(calls).toBe(3);
    await pass(29);
    expect(calls).toBe(3);
    await pass(1);
    expect(calls).toBe(4);
    expect(lost).toEqual([]);
    await heartbeat.stop();
  });

  it('loses the lease when nothing was extended for the whole timeout', async () => {
    const { lost, heartbeat, pass, clock } = setUp({
      extend: async () => {
        throw new Error('503');
      },
    });
    for (let step = 0; step < 8; step += 1) await pass(7.5);
    expect(lost).toHaveLength(1);
    expect(lost[0]).toBeInstanceOf(LeaseLostError);
    expect(heartbeat.state).toBe('lost');
    expect(clock.sleepers).toBe(0);
    await heartbeat.stop();
    expect(heartbeat.state).toBe('lost');
  });

  it('gives up an extension that does not answer before the lease ends', async () => {
    const { lost, heartbeat, pass } = setUp({
      extend: async (_seconds, signal) =>
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
    });
    await pass(30);
    await pass(30);
    expect(lost).toHaveLength(1);
    await heartbeat.stop();
  });

  it('loses the lease at once when SQS says that the message is gone', async () => {
    const { lost, heartbeat, pass } = setUp({
      extend: async () => {
        throw new Error('gone');
      },
    });
    await pass(30);
    expect(lost[0]).toBeInstanceOf(LeaseLostError);
    await heartbeat.stop();
  });

  it('ends before SQS does, with the message still held', async () => {
    const { lost, heartbeat, pass, extended } = setUp({ visibilityTimeoutSeconds: 43_200 });
    await pass(21_600);
    expect(extended).toEqual([21_600]);
    await pass(19_799);
    expect(heartbeat.state).toBe('held');
    await pass(1);
    expect(heartbeat.state).toBe('too-long');
    expect(lost[0]).toBeInstanceOf(HandlerTimeoutError);
    await heartbeat.stop();
  });

  it('refuses a timeout that SQS does not take', () => {
    expect(() => setUp({ visibilityTimeoutSeconds: 0 })).toThrow('visibilityTimeoutSeconds: got 0');
  });
});
