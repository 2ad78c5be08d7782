import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Verifier } from '../../../../consumers/download/verifier.ts';
import { crc32c } from '../../../../shared/crc32c.ts';
import { formatDigest } from '../../../../shared/digest.ts';
import { planParts } from '../../../../shared/part-plan.ts';

const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, at) => (at * 7) % 251));
const digest = formatDigest(createHash('sha256').update(bytes).digest());
const plan = planParts(bytes.length, 300);
const part = (index: number): Buffer => bytes.subarray(plan.span(index).start, plan.span(index).end);

function create(sha256 = true) {
  const reads: number[] = [];
  const verifier = new Verifier(
    plan,
    (buffer, position) => {
      reads.push(position);
      return Promise.resolve(bytes.copy(buffer, 0, position, position + buffer.length));
    },
    sha256,
  );
  return { verifier, reads };
}

describe('Verifier', () => {
  it('sums parts that come in order without reading them back', async () => {
    const { verifier, reads } = create();
    for (let index = 0; index < plan.count; index += 1) {
      verifier.offer(part(index), index * 300);
      verifier.complete(index, crc32c(part(index)));
    }
    expect(await verifier.finish()).toEqual({ digest, crc32c: crc32c(bytes) });
    expect(reads).toEqual([]);
  });

  it('sums parts that come in any order', async () => {
    const { verifier } = create();
    for (const index of [3, 1, 0, 2]) {
      verifier.offer(part(index), index * 300);
      verifier.complete(index, crc32c(part(index)));
    }
    expect(await verifier.finish()).toEqual({ digest, crc32c: crc32c(bytes) });
  });

  it('takes back what was offered since a checkpoint', async () => {
    const { verifier } = create();
    const takeBack = verifier.checkpoint();
    verifier.offer(Buffer.alloc(100), 0);
    takeBack();
    for (const index of [0, 1, 2, 3]) {
      verifier.offer(part(index), index * 300);
      verifier.complete(index, crc32c(part(index)));
    }
    expect((await verifier.finish()).digest).toBe(digest);
  });

  it('computes no digest when none is wanted', async () => {
    const { verifier, reads } = create(false);
    for (const index of [0, 1, 2, 3]) verifier.complete(index, crc32c(part(index)));
    expect(await verifier.finish()).toEqual({ digest: undefined, crc32c: crc32c(bytes) });
    expect(reads).toEqual([]);
  });

  it('fails when the file ends early', async () => {
    const verifier = new Verifier(plan, () => Promise.resolve(0), true);
    for (const index of [0, 1, 2, 3]) verifier.complete(index, crc32c(part(index)));
    await expect(verifier.finish()).rejects.toThrow('ends at byte 0');
  });
});
