import { describe, expect, it } from 'vitest';
import {
  checkRetainDays,
  lifecycleDays,
  minimumRetainDays,
  noncurrentDays,
} from '../../../shared/retention.ts';

describe('how long payloads must live', () => {
  it('is the sum of all stops on the slowest way', () => {
    expect(minimumRetainDays()).toBe(1 + 14 + 14 + 14);
    expect(minimumRetainDays({ replayDays: 30 })).toBe(73);
    expect(
      minimumRetainDays({ busRetryDays: 1, targetDlqDays: 2, queueDays: 3, dlqDays: 4, replayDays: 5 }),
    ).toBe(15);
  });

  it('is rounded up to whole days, for the lifecycle and for noncurrent versions too', () => {
    expect(minimumRetainDays({ busRetryDays: 0.25, targetDlqDays: 0, queueDays: 4, dlqDays: 0 })).toBe(5);
    expect([lifecycleDays(7), lifecycleDays(7.01), noncurrentDays(7.5)]).toEqual([7, 8, 8]);
  });

  it('is checked, and the sum is told', () => {
    expect(() => checkRetainDays('retainDays', 43, {})).not.toThrow();
    expect(() => checkRetainDays('retainDays', 42, {})).toThrow(
      "retainDays: got 42, expected at least 43 days: 1 that the bus tries, 14 in the target's dead-letter queue, " +
        '14 in the queue, 14 in its dead-letter queue, 0 of replay',
    );
    expect(() => minimumRetainDays({ queueDays: -1 })).toThrow(/^delivery\.queueDays: got -1/);
  });
});
