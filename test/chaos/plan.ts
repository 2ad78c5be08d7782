import { createCipheriv, createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { seeded } from '../helpers/local-kill/random.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** A file that an event carries; its bytes follow from the seed. */
export interface PlannedFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Names the bytes. */
  readonly content: string;
}

/** An event to publish. */
export interface PlannedEvent {
  readonly index: number;
  readonly id: string;
  readonly files: readonly PlannedFile[];
}

/** The same events for the same arguments, in every process. */
export function makePlan(seed: number, count: number, startMs: number): PlannedEvent[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, index) => {
    const id = uuidv7({
      msecs: startMs + index,
      random: Uint8Array.from({ length: 16 }, () => random() * 256),
    });
    const draw = random();
    const files = Array.from({ length: draw < 0.85 ? 1 : draw < 0.95 ? 2 : 3 }, (_, position) => ({
      name: `file-${position + 1}.bin`,
      sizeBytes:
        position === 0 && index === 0 ? 64 * KIB : position === 0 && index === 7 ? 64 * MIB : size(random),
      content: `${seed}/${index}/${position}`,
    }));
    return { index, id, files };
  });
}

/** 64 KiB to 64 MiB, nine in ten below 256 KiB, one in a hundred above 4 MiB. */
function size(random: () => number): number {
  const draw = random();
  const [min, max] =
    draw < 0.9 ? [64 * KIB, 256 * KIB] : draw < 0.99 ? [256 * KIB, 4 * MIB] : [4 * MIB, 64 * MIB];
  return Math.round(min * (max / min) ** random());
}

/** A file's bytes, in chunks of at most 1 MiB. */
export function* bytesOf({ content, sizeBytes }: PlannedFile): Generator<Buffer> {
  const key = createHash('sha256').update(content).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(MIB);
  for (let left = sizeBytes; left > 0; left -= MIB)
    yield cipher.update(zeros.subarray(0, Math.min(left, MIB)));
}

/** What a file must hash to, without asking anybody who carried it. */
export function digestOf(file: PlannedFile): string {
  const hash = createHash('sha256');
  for (const chunk of bytesOf(file)) hash.update(chunk);
  return hash.digest('hex');
}
