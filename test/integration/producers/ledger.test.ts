import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startLocal, type LocalStack } from '../../../local/index.ts';
import {
  createLedger,
  createRecords,
  mintEventId,
  readLedger,
  type LedgerEntry,
  type ReadLedgerOptions,
  type Records,
} from '../../../producers/index.ts';
import { RecordsError } from '../../../shared/errors.ts';
import { parseEvent, type WaybillEvent } from '../../../shared/events/index.ts';

const at = (iso: string): Date => new Date(`2026-${iso}Z`);

function eventOf(subject: string): WaybillEvent {
  return parseEvent({
    specversion: '1.0',
    waybillversion: 1,
    id: mintEventId({ nowMs: () => Date.now() }),
    type: 'invoice.created',
    source: 'billing',
    subject,
    time: '2026-01-01T00:00:00Z',
    data: {
      attachments: [
        {
          id: '1',
          name: 'a.pdf',
          size: 3,
          digest: `sha-256=:${'A'.repeat(43)}=:`,
          store: 'main',
          key: 'payloads/billing/x/y/1',
          versionId: 'v1',
          claimCheck: 'aaa.bbb.ccc',
          retainUntil: '2027-01-01T00:00:00Z',
          access: {
            method: 'GET',
            url: 'https://s3.example/payloads?X-Amz-Signature=secret',
            issuedAt: '2026-01-01T00:00:00Z',
            expiresAt: '2026-01-01T00:15:00Z',
          },
        },
      ],
    },
  });
}

describe('the ledger', () => {
  let stack: LocalStack;
  let records: Records;
  beforeAll(async () => {
    stack = await startLocal({ buckets: [{ name: 'control', versioning: false }] });
    const { region, endpoint, credentials } = stack;
    records = createRecords({ control: { bucket: 'control', region, endpoint }, credentials });
    // Written out of order, by three producers, over three days.
    await write('billing', '11-01T13:00:00.000', ['b1', 'b2']);
    await write('scans', '11-01T13:00:00.001', ['s1']);
    await write('billing', '11-03T09:30:00.000', ['b5']);
    await write('billing', '11-01T13:59:59.999', ['b3']);
    await write('a.lab', '11-01T13:30:00.000', ['l1']);
    await write('billing', '11-01T14:00:00.000', ['b4']);
    await write('scans', '11-02T23:59:59.999', ['s2']);
  });
  beforeEach(() => stack.spy.clear());
  afterAll(async () => {
    records.close();
    await stack.close();
  });

  async function write(producer: string, iso: string, subjects: readonly string[]): Promise<void> {
    const ledger = createLedger(records, { producer, clock: { nowMs: () => at(iso).getTime() } });
    const add = async (subject: string): Promise<string> =>
      await ledger.add({ eventBridgeId: `eb-${subject}`, bus: 'waybill', event: eventOf(subject) });
    await Promise.all(subjects.map(add));
  }

  async function read(options: ReadLedgerOptions): Promise<LedgerEntry[]> {
    const entries: LedgerEntry[] = [];
    for await (const entry of readLedger(records, options)) entries.push(entry);
    return entries;
  }
  const subjects = async (options: ReadLedgerOptions): Promise<(string | undefined)[]> =>
    (await read(options)).map(({ event }) => event.subject);
  const requests = (): string[] => stack.spy.records('s3').map(({ operation }) => operation);
  const everything = { from: at('01-01T00:00:00'), to: at('12-01T00:00:00') };

  it('reads an hour in the order of publishing, and nothing of any other hour', async () => {
    const hour = { from: at('11-01T13:00:00'), to: at('11-01T14:00:00') };
    expect(await subjects(hour)).toEqual(['b1', 'b2', 's1', 'l1', 'b3']);
    // The hour's producers, then a listing of each, then its four segments: the batch of two is one.
    const count = (operation: string): number => requests().filter((each) => each === operation).length;
    expect([count('ListObjectsV2'), count('GetObject'), requests().length]).toEqual([4, 4, 8]);
  });

  it('reads one producer without asking for the others', async () => {
    const hour = { from: at('11-01T13:00:00'), to: at('11-01T14:00:00'), producer: 'scans' };
    expect(await subjects(hour)).toEqual(['s1']);
    expect(requests()).toEqual(['ListObjectsV2', 'GetObject']);
  });

  it('begins and ends within an hour: from is in, to is not', async () => {
    const [from, to] = [at('11-01T13:00:00.001'), at('11-01T13:59:59.999')];
    expect(await subjects({ from, to })).toEqual(['s1', 'l1']);
    expect(await subjects({ from: to, to: from })).toEqual([]);
  });

  it('reads long ranges by the days and hours that there are', async () => {
    expect(await subjects(everything)).toEqual(['b1', 'b2', 's1', 'l1', 'b3', 'b4', 's2', 'b5']);
    // Days, hours of three days, producers of four hours, segments of six folders; then seven segments.
    expect(requests().filter((operation) => operation === 'ListObjectsV2')).toHaveLength(1 + 3 + 4 + 6);
    expect(await subjects({ ...everything, from: at('11-01T13:30:00.001') })).toEqual([
      'b3',
      'b4',
      's2',
      'b5',
    ]);
    expect(await subjects({ ...everything, to: at('11-03T09:30:00') })).not.toContain('b5');
  });

  it('goes on after any position', async () => {
    const all = await read(everything);
    const positions = all.map(({ position }) => position);
    expect(positions).toEqual([...positions].sort());
    for (const [index, { position }] of all.entries()) {
      const rest = await read({ ...everything, after: position });
      expect(rest.map((entry) => entry.position)).toEqual(positions.slice(index + 1));
    }
  });

  it('keeps what an event needs to be published again, and no URL', async () => {
    const [entry] = await read({ from: at('11-03T00:00:00'), to: at('11-04T00:00:00') });
    expect(entry).toMatchObject({
      publishedAt: '2026-11-03T09:30:00.000Z',
      eventBridgeId: 'eb-b5',
      bus: 'waybill',
      producer: 'billing',
      event: { subject: 'b5', type: 'invoice.created' },
    });
    expect(entry?.event.data.attachments[0]?.claimCheck?.reveal()).toBe('aaa.bbb.ccc');
    for await (const { key } of records.list('ledger/')) {
      expect((await records.get(key))?.body).not.toMatch(/access|X-Amz/);
    }
  });

  it('shares a segment among ten, and begins another for the eleventh', async () => {
    await write(
      'many',
      '11-05T00:00:00.000',
      Array.from({ length: 11 }, (_, n) => `m${n}`),
    );
    const range = { from: at('11-05T00:00:00'), to: at('11-05T01:00:00') };
    expect(new Set(await subjects(range)).size).toBe(11);
    expect(requests().filter((operation) => operation === 'PutObject')).toHaveLength(2);
  });

  it.each([
    ['of a later version', '{"format":"waybill-ledger/2"}\n', /line 1 is no ledger entry: .*format: got/],
    ['cut short', '{"format":"waybill-led', /line 1 is no ledger entry/],
  ])('fails at a line %s, and says where', async (what, body, message) => {
    const day = what === 'cut short' ? '06' : '07';
    await records.create(`ledger/2026-11-${day}/00/x/202611${day}T000000000Z-0123456789ab.ndjson`, body);
    const reading = read({ from: at(`11-${day}T00:00:00`), to: at(`11-${day}T01:00:00`) });
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(RecordsError);
  });

  it('ignores what is no segment', async () => {
    await records.create('ledger/2026-11-08/00/x/README.txt', 'hello');
    await records.create('ledger/notes/today', 'hello');
    expect(await subjects({ from: at('11-08T00:00:00'), to: at('11-09T12:00:00') })).toEqual([]);
  });

  it.each([
    [{ from: new Date('x') }, /^from: got/],
    [{ to: new Date(Date.UTC(12_000, 0)) }, /^to: got/],
    [{ producer: 'a/b' }, /^producer: got "a\/b"/],
    [{ after: 'yesterday' }, /^after: got "yesterday"/],
    [{ readAhead: 0 }, /^readAhead: got 0/],
  ])('refuses %j', async (wrong, message) => {
    await expect(read({ ...everything, ...wrong })).rejects.toThrow(message);
  });

  it('stops listing and reading when its reader stops', async () => {
    const seen: LedgerEntry[] = [];
    for await (const entry of readLedger(records, { ...everything, readAhead: 1 })) {
      seen.push(entry);
      if (seen.length === 2) break;
    }
    expect(requests().filter((operation) => operation === 'GetObject')).toHaveLength(1);
  });
});
