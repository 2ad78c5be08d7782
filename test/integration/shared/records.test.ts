import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startLocal, type Fault, type LocalStack } from '../../../local/index.ts';
import { RecordsError } from '../../../shared/errors.ts';
import type { RetryOptions } from '../../../shared/retry.ts';
import { createRecords, type Records } from '../../../shared/records/index.ts';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

const LOST: Fault = { kind: 'drop-response' };

describe('records', () => {
  let stack: LocalStack;
  let records: Records;
  beforeAll(async () => {
    stack = await startLocal({ buckets: [{ name: 'control', versioning: false }] });
    records = recordsFor('control');
  });
  afterEach(() => {
    stack.faults.clear();
    stack.spy.clear();
  });
  afterAll(async () => {
    records.close();
    await stack.close();
  });

  function recordsFor(bucket: string, options: RetryOptions = {}): Records {
    const { region, endpoint, credentials } = stack;
    const retry = { maxAttempts: 4, backoffBaseMs: 1, backoffCapMs: 2, ...options };
    return createRecords({ control: { bucket, region, endpoint }, credentials, retry });
  }

  const breakNext = (operation: string, faults: Fault, times = 1): void =>
    void stack.faults.add({ match: { operation }, times, faults });
  const requests = (operation: string): number =>
    stack.spy.records('s3').filter((record) => record.operation === operation).length;
  const bodyOf = async (key: string): Promise<string | undefined> => (await records.get(key))?.body;

  it('creates once, replaces by etag, removes by etag', async () => {
    const made = await records.create('a/1', '{"owner":"ä"}');
    if (made.outcome !== 'created') throw new Error(made.outcome);
    expect(await records.get('a/1')).toMatchObject({ key: 'a/1', body: '{"owner":"ä"}', etag: made.etag });

    const again = await records.create('a/1', 'other');
    expect(again).toMatchObject({ outcome: 'exists', record: { body: '{"owner":"ä"}', etag: made.etag } });

    const replaced = await records.replace('a/1', 'two', made.etag);
    if (replaced.outcome !== 'replaced') throw new Error(replaced.outcome);
    expect(await records.replace('a/1', 'three', made.etag)).toMatchObject({
      outcome: 'changed',
      record: { body: 'two', etag: replaced.etag },
    });
    expect(await records.remove('a/1', { etag: made.etag })).toEqual({ outcome: 'changed' });
    expect(await records.remove('a/1', { etag: replaced.etag })).toEqual({ outcome: 'removed' });
    expect(await records.remove('a/1')).toEqual({ outcome: 'removed' });
    expect(await records.get('a/1')).toBeUndefined();
    expect(await records.replace('a/1', 'four', made.etag)).toEqual({ outcome: 'missing' });
    expect(await records.get('a/1')).toBeUndefined();
  });

  it('lets one of many creators win, and tells the others who', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, async (_, owner) => await records.create('race', `owner ${owner}`)),
    );
    const winners = outcomes.flatMap((each, owner) => (each.outcome === 'created' ? [owner] : []));
    expect(winners).toHaveLength(1);
    const seen = outcomes.flatMap((each) => (each.outcome === 'exists' ? [each.record.body] : []));
    expect(seen).toEqual(Array.from({ length: 19 }, () => `owner ${winners[0]}`));
  });

  it('lets one of many replacers win', async () => {
    const made = await records.create('race-2', 'start');
    if (made.outcome !== 'created') throw new Error(made.outcome);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, async (_, owner) => await records.replace('race-2', `o${owner}`, made.etag)),
    );
    expect(outcomes.filter(({ outcome }) => outcome === 'replaced')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'changed')).toHaveLength(19);
  });

  describe('when the answer is lost', () => {
    it('a creation is ours', async () => {
      breakNext('PutObject', LOST);
      const made = await records.create('lost/create', 'mine');
      expect(made).toMatchObject({ outcome: 'created' });
      expect(made).toHaveProperty('etag', (await records.get('lost/create'))?.etag);
      expect(requests('PutObject')).toBe(2);
    });

    it('a replacement is ours', async () => {
      const made = await records.create('lost/replace', 'one');
      if (made.outcome !== 'created') throw new Error(made.outcome);
      breakNext('PutObject', LOST, 2);
      const replaced = await records.replace('lost/replace', 'two', made.etag);
      expect(replaced).toEqual({ outcome: 'replaced', etag: (await records.get('lost/replace'))?.etag });
      expect(await bodyOf('lost/replace')).toBe('two');
    });

    it('a removal is done, by etag too', async () => {
      const made = await records.create('lost/remove', 'one');
      if (made.outcome !== 'created') throw new Error(made.outcome);
      breakNext('DeleteObject', LOST);
      expect(await records.remove('lost/remove', { etag: made.etag })).toEqual({ outcome: 'removed' });
      expect(await bodyOf('lost/remove')).toBeUndefined();
    });

    it("and somebody else's record stands there, it is theirs", async () => {
      await records.create('lost/theirs', 'theirs');
      breakNext('PutObject', LOST); // the refusal is lost
      const made = await records.create('lost/theirs', 'mine');
      expect(made).toMatchObject({ outcome: 'exists', record: { body: 'theirs' } });
    });

    it('and the refusal cannot be read at first, the record is read again', async () => {
      breakNext('PutObject', LOST);
      breakNext('GetObject', { kind: 'status', status: 503, code: 'SlowDown' });
      expect(await records.create('lost/read', 'mine')).toMatchObject({ outcome: 'created' });
    });
  });

  it('takes the same bytes of somebody else for theirs as long as no answer was lost', async () => {
    await records.create('same', 'body');
    expect(await records.create('same', 'body')).toMatchObject({ outcome: 'exists' });
    breakNext('PutObject', { kind: 'status', status: 409, code: 'ConditionalRequestConflict' });
    expect(await records.create('same', 'body')).toMatchObject({ outcome: 'exists' });
  });

  it('tries again after throttling, conflicts and broken connections', async () => {
    breakNext('PutObject', { kind: 'status', status: 503, code: 'SlowDown' });
    breakNext('PutObject', { kind: 'status', status: 409, code: 'ConditionalRequestConflict' });
    expect(await records.create('retry', 'x')).toMatchObject({ outcome: 'created' });
    breakNext('GetObject', { kind: 'cut', afterBytes: 0 }, 2);
    expect(await bodyOf('retry')).toBe('x');
  });

  it('fails with what S3 says, once the attempts are used up', async () => {
    breakNext('PutObject', { kind: 'status', status: 503, code: 'SlowDown' }, 4);
    await expect(records.create('down', 'x')).rejects.toThrow(
      /^PutObject s3:\/\/control\/down: SlowDown \(503\)/,
    );
    expect(requests('PutObject')).toBe(4);
  });

  it('fails at once where trying again cannot help, and opens the circuit of whoever needs records', async () => {
    const nowhere = recordsFor('no-such-bucket');
    await expect(nowhere.get('x')).rejects.toThrow(/NoSuchBucket/);
    await expect(nowhere.replace('x', 'y', '"e"')).rejects.toThrow(/NoSuchBucket/);
    const error = await nowhere.create('x', 'y').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RecordsError);
    expect(error).toMatchObject({ code: 'records', disposition: 'unavailable' });
    expect(requests('PutObject')).toBe(2);
    nowhere.close();
  });

  it("fails with the signal's reason", async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(records.get('x', { signal })).rejects.toBe(reason);
    await expect(records.create('x', 'y', { signal })).rejects.toBe(reason);
    const controller = new AbortController();
    breakNext('PutObject', { kind: 'status', status: 503, code: 'SlowDown' });
    const patient = recordsFor('control', { backoffBaseMs: 3_600_000, backoffCapMs: 3_600_000 });
    const creating = patient.create('aborted', 'y', { signal: controller.signal });
    await stack.spy.waitFor((record) => record.kind === 's3' && record.status === 503);
    controller.abort(reason);
    await expect(creating).rejects.toBe(reason);
    expect(await bodyOf('aborted')).toBeUndefined();
  });

  describe('listing', () => {
    const keyOf = (at: number): string => `list/${at % 3}/${String(at).padStart(4, '0')}`;
    beforeAll(async () => {
      const numbers = Array.from({ length: 1203 }, (_, at) => at);
      for (let at = 0; at < numbers.length; at += 40)
        await Promise.all(numbers.slice(at, at + 40).map(async (n) => await records.create(keyOf(n), 'x')));
    });
    const keys = async (options?: Parameters<Records['list']>[1]): Promise<string[]> =>
      (await all(records.list('list/', options))).map(({ key }) => key);
    const sorted = Array.from({ length: 1203 }, (_, at) => keyOf(at)).sort();

    it('walks all pages in order, one request a thousand keys', async () => {
      expect(await keys()).toEqual(sorted);
      expect(requests('ListObjectsV2')).toBe(2);
    });

    it('begins after a key, ends before another, and asks for no page beyond it', async () => {
      const [startAfter, endBefore] = [sorted[10], sorted[13]];
      expect(await keys({ startAfter, endBefore })).toEqual([sorted[11], sorted[12]]);
      expect(requests('ListObjectsV2')).toBe(1);
    });

    it('goes on where a page was lost', async () => {
      stack.faults.add({ match: { operation: 'ListObjectsV2' }, skip: 1, faults: LOST });
      expect(await keys()).toEqual(sorted);
    });

    it('names folders', async () => {
      expect(await all(records.folders('list/'))).toEqual(['list/0/', 'list/1/', 'list/2/']);
      expect(await all(records.folders('list/', { startAfter: 'list/0/~' }))).toEqual(['list/1/', 'list/2/']);
      expect(await all(records.folders('list/', { endBefore: 'list/1/' }))).toEqual(['list/0/']);
    });

    it('says what stands there', async () => {
      const [first] = await all(records.list('list/0/0000'));
      expect(first).toMatchObject({ key: 'list/0/0000', sizeBytes: 1 });
      expect(first?.etag).toBe((await records.get('list/0/0000'))?.etag);
      expect(Math.abs((first?.modifiedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
    });
  });

  it.each([
    [{ bucket: 'X', region: 'r' }, /^control\.bucket: /],
    [{ bucket: 'good-name', region: '' }, /^control\.region: /],
    [undefined, /^control: /],
  ])('refuses %j', (control, message) => {
    expect(() => createRecords({ control } as never)).toThrow(message);
  });
});
