import { describe, expect, it } from 'vitest';
import { checkRetainDays, lifecycleDays, minimumRetainDays } from '../../../shared/retention.ts';

describe('how long payloads must live', () => {
  it('is the sum of all stops on the slowest way', () => {
    expect(minimumRetainDays()).toBe(1 + 14 + 14 + 14 + 30);
    expect(minimumRetainDays({ replayDays: 0 })).toBe(43);
    expect(
      minimumRetainDays({ busRetryDays: 1, targetDlqDays: 2, queueDays: 3, dlqDays: 4, replayDays: 5 }),
    ).toBe(15);
  });

  it('is rounded up to whole days, for the lifecycle too', () => {
    expect(
      minimumRetainDays({ busRetryDays: 0.25, targetDlqDays: 0, queueDays: 4, dlqDays: 0, replayDays: 0 }),
    ).toBe(5);
    expect([lifecycleDays(7), lifecycleDays(7.01)]).toEqual([7, 8]);
  });

  it('is checked, and the sum is told', () => {
    expect(() => checkRetainDays('retainDays', 73, {})).not.toThrow();
    expect(() => checkRetainDays('retainDays', 72, {})).toThrow(
      "retainDays: got 72, expected at least 73 days: 1 that the bus tries, 14 in the target's dead-letter queue, " +
        '14 in the queue, 14 in its dead-letter queue, 30 of replay',
    );
    expect(() => minimumRetainDays({ queueDays: -1 })).toThrow(/^delivery\.queueDays: got -1/);
    expect(() => minimumRetainDays({ queuedays: 4 } as object)).toThrow(
      /^delivery\.queuedays: there is no such field, expected one of busRetryDays, /,
    );
  });
});
