import { mkdirSync } from 'node:fs';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** An effect as it is kept. */
export interface Effect {
  readonly key: string;
  readonly eventId: string;
  readonly pid: number;
}

let drafts = 0;

/**
 * A store in which an effect is made by writing it under its idempotency key, which is free or taken: what a unique column
 * is in a database. A link is made in one step, whoever is killed when.
 */
export const effectsIn = (directory: string) => {
  mkdirSync(directory, { recursive: true });
  return {
    /** @returns false if the key is taken: the effect was made before */
    async commit(effect: Effect): Promise<boolean> {
      const draft = join(directory, `.draft-${process.pid}-${(drafts += 1)}`);
      await writeFile(draft, JSON.stringify(effect));
      try {
        await link(draft, join(directory, encodeURIComponent(effect.key)));
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        return false;
      } finally {
        await rm(draft);
      }
    },
    async all(): Promise<Effect[]> {
      const names = (await readdir(directory)).filter((name) => !name.startsWith('.draft-'));
      return await Promise.all(
        names.map(async (name) => JSON.parse(await readFile(join(directory, name), 'utf8')) as Effect),
      );
    },
    async count(): Promise<number> {
      return (await readdir(directory)).filter((name) => !name.startsWith('.draft-')).length;
    },
  };
};
