import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Message } from '@aws-sdk/client-sqs';
import { readRejection } from '../../shared/dead-letter.ts';
import type { Effect } from './effects.ts';
import { digestOf, type PlannedEvent } from './plan.ts';
import { poisonId, POISONS, type Poison } from './poison.ts';

/** Something that must hold. */
export interface Check {
  readonly name: string;
  readonly isOk: boolean;
  /** What was found; of what is wrong, the first few. */
  readonly found: string;
}

export const check = (name: string, wrong: readonly string[], found: string): Check => ({
  name,
  isOk: wrong.length === 0,
  found: wrong.length === 0 ? found : `${wrong.length} wrong: ${wrong.slice(0, 5).join('; ')}`,
});

export function effectsOnce(plan: readonly PlannedEvent[], effects: readonly Effect[]): Check {
  const planned = new Set(plan.map(({ id }) => id));
  const counts = new Map<string, number>();
  for (const { eventId } of effects) counts.set(eventId, (counts.get(eventId) ?? 0) + 1);
  const wrong = plan
    .filter(({ id }) => counts.get(id) !== 1)
    .map(({ id }) => `${id}: ${counts.get(id) ?? 0} effects`);
  const strange = effects
    .filter(({ eventId }) => !planned.has(eventId))
    .map(({ eventId }) => `${eventId}: no such event`);
  return check("every event's effect exactly once", [...wrong, ...strange], `${effects.length} effects`);
}

export async function filesIdentical(plan: readonly PlannedEvent[], received: string): Promise<Check> {
  const wrong: string[] = [];
  let [files, bytes] = [0, 0];
  for (const event of plan) {
    const home = join(received, event.id);
    const found = (await readdir(home).catch(() => [])).toSorted((a, b) => a.localeCompare(b)).join();
    const planned = event.files.map(({ name }) => name).join();
    if (found !== planned) wrong.push(`${event.id}: got ${found || 'nothing'}, expected ${planned}`);
    else
      for (const file of event.files) {
        const hash = createHash('sha256');
        await pipeline(createReadStream(join(home, file.name)), hash);
        if (hash.digest('hex') !== digestOf(file)) wrong.push(`${event.id}/${file.name} differs`);
        files += 1;
        bytes += file.sizeBytes;
      }
  }
  return check('every file identical', wrong, `${files} files, ${Math.round(bytes / 1024 ** 2)} MiB`);
}

export function onlyPoisonDead(expected: ReadonlyMap<string, Poison>, dead: readonly Message[]): Check {
  const wrong: string[] = [];
  const seen = new Set<string>();
  for (const { Body = '', MessageAttributes } of dead) {
    const id = poisonId(Body);
    const { code = 'without a reason', reason = '' } = readRejection(MessageAttributes) ?? {};
    const poison = expected.get(id);
    seen.add(id);
    if (poison === undefined) wrong.push(`${id} was not poisoned: ${code}: ${reason}`);
    else if (code !== POISONS[poison] || reason === '')
      wrong.push(`${poison}: got ${code}: ${reason}, expected ${POISONS[poison]}`);
  }
  for (const [id, poison] of expected) if (!seen.has(id)) wrong.push(`${poison} (${id}) is not there`);
  return check(
    'nothing dead-lettered but what was poisoned, each with its reason',
    wrong,
    `${expected.size} poisoned, ${dead.length} messages of them`,
  );
}

/** Files of whatever kind that are left where a download puts what is unfinished. */
export async function nothingLeft(spool: string): Promise<Check> {
  const entries = await readdir(spool, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name));
  return check('no orphaned partial file', files, 'none');
}
