import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REJECT_ATTRIBUTE } from '../../../shared/dead-letter.ts';
import { effectsIn } from '../../chaos/effects.ts';
import { bytesOf, makePlan } from '../../chaos/plan.ts';
import { effectsOnce, filesIdentical, nothingLeft, onlyPoisonDead } from '../../chaos/verify.ts';

/* The chaos suite is only as good as its counting: here each count meets what it must notice. */

let dir = '';
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'waybill-verify-'))));
afterEach(async () => await rm(dir, { recursive: true, force: true }));

const plan = makePlan(7, 3, 1_000_000);
const effect = (eventId: string, key = eventId) => ({ key, eventId, pid: 1 });
const all = plan.map(({ id }) => effect(id));

describe('the counting of the chaos suite', () => {
  it('plans the same for the same seed, and other things for another', () => {
    expect(makePlan(7, 3, 1_000_000)).toEqual(plan);
    expect(makePlan(8, 3, 1_000_000)).not.toEqual(plan);
  });

  it('notices an effect that is missing, made twice, or of no event', () => {
    expect(effectsOnce(plan, all).isOk).toBe(true);
    expect(effectsOnce(plan, all.slice(1)).found).toMatch(`${plan[0]!.id}: 0 effects`);
    expect(effectsOnce(plan, [...all, effect(plan[1]!.id, 'another key')]).found).toMatch('2 effects');
    expect(effectsOnce(plan, [...all, effect('stranger')]).found).toMatch('stranger: no such event');
  });

  it('makes an effect once for a key', async () => {
    const effects = effectsIn(dir);
    const commits = await Promise.all([1, 2, 3].map(async () => await effects.commit(effect('a', 'x/a b'))));
    expect(commits.filter(Boolean)).toHaveLength(1);
    expect(await effects.all()).toEqual([effect('a', 'x/a b')]);
  });

  it('notices a file that differs, is missing, or stands there unasked', async () => {
    for (const { id, files } of plan) {
      await mkdir(join(dir, id));
      for (const file of files) await writeFile(join(dir, id, file.name), [...bytesOf(file)]);
    }
    const [event] = plan;
    const [file] = event!.files;
    const path = join(dir, event!.id, file!.name);
    expect((await filesIdentical(plan, dir)).isOk).toBe(true);
    await writeFile(join(dir, event!.id, 'unasked'), '');
    expect((await filesIdentical(plan, dir)).found).toMatch('unasked');
    await rm(join(dir, event!.id, 'unasked'));
    const bytes = Buffer.concat([...bytesOf(file!)]);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path, bytes);
    expect((await filesIdentical(plan, dir)).found).toMatch('differs');
    await rm(path);
    expect((await filesIdentical(plan, dir)).isOk).toBe(false);
  });

  it('notices what is dead without poison, for another reason, for none; and poison that is not there', () => {
    const expected = new Map([['a'.repeat(36), 'no event at all' as const]]);
    const dead = (id: string, rejection: object | undefined) => ({
      Body: `no event ${id}`,
      MessageAttributes:
        rejection === undefined
          ? {}
          : { [REJECT_ATTRIBUTE]: { DataType: 'String', StringValue: JSON.stringify(rejection) } },
    });
    const good = dead('a'.repeat(36), { code: 'event-parse', reason: 'is no JSON' });
    expect(onlyPoisonDead(expected, [good, good])).toMatchObject({ isOk: true });
    expect(onlyPoisonDead(expected, []).found).toMatch('is not there');
    expect(onlyPoisonDead(expected, [good, dead('b'.repeat(36), undefined)]).found).toMatch(
      'was not poisoned',
    );
    for (const wrong of [
      undefined,
      { code: 'payload-gone', reason: 'gone' },
      { code: 'event-parse', reason: '' },
    ])
      expect(onlyPoisonDead(expected, [dead('a'.repeat(36), wrong)]).isOk).toBe(false);
  });

  it('notices a partial file in any depth, and no empty directory', async () => {
    await mkdir(join(dir, 'event', 'partials'), { recursive: true });
    expect((await nothingLeft(dir)).isOk).toBe(true);
    await writeFile(join(dir, 'event', 'partials', '0-1.part'), '');
    expect((await nothingLeft(dir)).found).toMatch('0-1.part');
  });
});
