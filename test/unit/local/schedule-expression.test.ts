import { describe, expect, it } from 'vitest';

import { parseSchedule } from '../../../local/schedule-expression.ts';

/** The next instants after `from`. */
const after = (expression: string, from: string, count = 3): (string | undefined)[] => {
  const schedule = parseSchedule(expression);
  const found: (string | undefined)[] = [];
  let atMs: number | undefined = Date.parse(from);
  for (let turn = 0; turn < count && atMs !== undefined; turn += 1) {
    atMs = schedule?.next(atMs);
    found.push(atMs === undefined ? undefined : new Date(atMs).toISOString().slice(0, 16));
  }
  return found;
};

describe('parseSchedule', () => {
  it.each([
    ['cron(0 10 * * ? *)', ['2026-11-23T10:00', '2026-11-24T10:00', '2026-11-25T10:00']],
    ['cron(15 12 * * ? *)', ['2026-11-23T12:15', '2026-11-24T12:15', '2026-11-25T12:15']],
    ['cron(0 18 ? * MON-FRI *)', ['2026-11-23T18:00', '2026-11-24T18:00', '2026-11-25T18:00']],
    ['cron(0 8 1 * ? *)', ['2026-12-01T08:00', '2027-01-01T08:00', '2027-02-01T08:00']],
    ['cron(0/10 * ? * MON-FRI *)', ['2026-11-23T00:10', '2026-11-23T00:20', '2026-11-23T00:30']],
    ['cron(0 0 L * ? *)', ['2026-11-30T00:00', '2026-12-31T00:00', '2027-01-31T00:00']],
    ['cron(0 9 ? * 2#1 *)', ['2026-12-07T09:00', '2027-01-04T09:00', '2027-02-01T09:00']],
    ['cron(0 9 ? * 6L *)', ['2026-11-27T09:00', '2026-12-25T09:00', '2027-01-29T09:00']],
    ['cron(0 9 15W * ? *)', ['2026-12-15T09:00', '2027-01-15T09:00', '2027-02-15T09:00']],
    ['cron(0 9 1W * ? 2027)', ['2027-01-01T09:00', '2027-02-01T09:00', '2027-03-01T09:00']],
    ['cron(5,35 14 * JAN,MAR ? 2028)', ['2028-01-01T14:05', '2028-01-01T14:35', '2028-01-02T14:05']],
    ['rate(5 minutes)', ['2026-11-23T00:05', '2026-11-23T00:10', '2026-11-23T00:15']],
    ['rate(1 day)', ['2026-11-24T00:00', '2026-11-25T00:00', '2026-11-26T00:00']],
  ])('finds when %s is due', (expression, due) => {
    expect(after(expression, '2026-11-23T00:00:00Z')).toEqual(due);
  });

  it('moves a weekday that is not one to the nearest within the month', () => {
    expect(after('cron(0 0 1W 8 ? 2026)', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-08-03T00:00']);
    expect(after('cron(0 0 31W 5 ? 2026)', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-05-29T00:00']);
  });

  it('ends with its last year', () => {
    expect(after('cron(0 0 1 1 ? 2026)', '2026-11-23T00:00:00Z', 1)).toEqual([undefined]);
  });

  it.each([
    'rate(1 minutes)',
    'rate(2 minute)',
    'rate(0 minutes)',
    'cron(0 10 * * * *)',
    'cron(0 10 ? * ? *)',
    'cron(60 10 * * ? *)',
    'cron(0 10 * * ?)',
    'cron(0 10 9-3 * ? *)',
    'every day',
  ])('does not know %s', (expression) => {
    expect(parseSchedule(expression)).toBeUndefined();
  });
});
