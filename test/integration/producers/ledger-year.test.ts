import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecords, readLedger, type ReadLedgerOptions, type Records } from '../../../producers/index.ts';
import { startYearOfLedger, type YearOfLedger } from './year-of-ledger.ts';

describe('a year of ledger', () => {
  let year: YearOfLedger;
  let records: Records;
  beforeAll(async () => {
    year = await startYearOfLedger(Date.UTC(2026, 0, 1));
    records = createRecords({
      control: { bucket: 'control', region: 'us-east-1', endpoint: year.endpoint },
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    });
  });
  beforeEach(() => void year.asked.splice(0));
  afterAll(async () => {
    records.close();
    await year[Symbol.asyncDispose]();
  });

  const count = async (options: ReadLedgerOptions): Promise<number> => {
    let entries = 0;
    for await (const { publishedAt } of readLedger(records, options)) {
      const ms = Date.parse(publishedAt);
      expect(ms >= options.from.getTime() && ms < options.to.getTime()).toBe(true);
      entries += 1;
    }
    return entries;
  };

  it('of a million events: an hour costs its own 3 listings and 12 reads, and nothing else', async () => {
    expect(year.events).toBeGreaterThan(1_000_000);
    const hour = 'ledger/2026-07-14/13/';
    const range = { from: new Date('2026-07-14T13:00:00Z'), to: new Date('2026-07-14T14:00:00Z') };
    expect(await count(range)).toBe(2 * 6 * 10);
    const lists = year.asked.filter((each) => each.startsWith('list '));
    expect(lists.sort()).toEqual([`list ${hour}`, `list ${hour}billing/`, `list ${hour}scans/`]);
    const reads = year.asked.filter((each) => each.startsWith(`get ${hour}`));
    expect([new Set(reads).size, year.asked.length]).toEqual([12, 15]);
  });

  it('is asked for ten minutes of one producer by two requests', async () => {
    const range = { from: new Date('2026-12-31T23:10:00Z'), to: new Date('2026-12-31T23:20:00Z') };
    expect(await count({ ...range, producer: 'scans' })).toBe(10);
    expect(year.asked).toHaveLength(2);
  });

  it('is read by days and hours where the range is long: 25 hours take no more than what is in them', async () => {
    const range = { from: new Date('2026-03-01T12:00:00Z'), to: new Date('2026-03-02T13:00:00Z') };
    expect(await count({ ...range, producer: 'billing' })).toBe(25 * 6 * 10);
    // The days, the hours of two days, the segments of 25 hours; then the segments.
    expect(year.asked).toHaveLength(1 + 2 + 25 + 25 * 6);
  });
});
