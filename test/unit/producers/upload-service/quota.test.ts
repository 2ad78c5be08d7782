import { describe, expect, it } from 'vitest';
import { createQuota, type CountedUpload } from '../../../../producers/upload-service/quota.ts';

const MOST = 100;

function recorded() {
  const uploads = new Map<string, number>();
  let listings = 0;
  const waiting: (() => void)[] = [];
  const quota = createQuota(
    async function* (): AsyncIterable<CountedUpload> {
      listings += 1;
      const seen = [...uploads].map(([uploadId, size]) => ({ uploadId, size }));
      await new Promise<void>((resolve) => waiting.push(resolve));
      yield* seen;
    },
    (upload, open) => {
      if (open.uploads + 1 > MOST || open.bytes + upload.size > MOST * 10) throw new RangeError('quota');
    },
  );
  return {
    quota,
    uploads,
    listings: () => listings,
    list: async (): Promise<void> => {
      for (let turns = 0; waiting.length === 0 && turns < 100; turns += 1) await Promise.resolve();
      waiting.shift()?.();
    },
  };
}

const outcomes = (settled: readonly PromiseSettledResult<void>[]): number[] => [
  settled.filter(({ status }) => status === 'fulfilled').length,
  settled.filter(({ status }) => status === 'rejected').length,
];

describe('what an owner may have open', () => {
  it('is exact for a thousand requests at once, which share two listings', async () => {
    const { quota, list, listings } = recorded();
    const asked = Array.from({ length: 1_000 }, (_, index) =>
      quota.admit('ann', { uploadId: String(index), size: 1 }),
    );
    await list();
    await list();
    expect(outcomes(await Promise.allSettled(asked))).toEqual([MOST, 1_000 - MOST]);
    expect(listings()).toBe(2);
  });

  it('counts one that is recorded while a listing runs which does not see it', async () => {
    const { quota, list, uploads } = recorded();
    for (let index = 0; index < MOST - 1; index += 1) uploads.set(`before ${index}`, 1);
    const first = quota.admit('ann', { uploadId: 'last', size: 1 });
    await list();
    await first;
    const second = quota.admit('ann', { uploadId: 'one too many', size: 1 });
    uploads.set('last', 1);
    quota.settle('ann', 'last');
    await list();
    await expect(second).rejects.toThrow('quota');
  });

  it('counts one once, be it admitted and recorded', async () => {
    const { quota, list, uploads } = recorded();
    for (let index = 0; index < MOST - 2; index += 1) uploads.set(`before ${index}`, 1);
    const first = quota.admit('ann', { uploadId: 'a', size: 1 });
    await list();
    await first;
    uploads.set('a', 1);
    const second = quota.admit('ann', { uploadId: 'b', size: 1 });
    await list();
    await expect(second).resolves.toBeUndefined();
  });

  it('counts bytes, and no longer what was never recorded', async () => {
    const { quota, list } = recorded();
    const large = quota.admit('ann', { uploadId: 'large', size: MOST * 10 });
    await list();
    await large;
    quota.settle('ann', 'large');
    const small = quota.admit('ann', { uploadId: 'small', size: 1 });
    await list();
    await expect(small).resolves.toBeUndefined();
  });

  it('refuses everybody who waits for a listing that fails, and asks again for the next', async () => {
    let isDown = true;
    // oxlint-disable require-yield -- it fails, or has nothing
    const quota = createQuota(
      async function* () {
        await Promise.resolve();
        if (isDown) throw new Error('S3 is down');
      },
      () => {},
    );
    const asked = [1, 2].map((id) => quota.admit('ann', { uploadId: String(id), size: 1 }));
    expect(outcomes(await Promise.allSettled(asked))).toEqual([0, 2]);
    isDown = false;
    await expect(quota.admit('ann', { uploadId: '3', size: 1 })).resolves.toBeUndefined();
  });
});
