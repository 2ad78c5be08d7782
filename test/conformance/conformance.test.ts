import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import { cases } from './cases/index.ts';
import { expectFailure } from './expect-error.ts';
import { expectedDifferences } from './expected-differences.ts';
import { TARGET_KEY, startLocalTarget, targetFromEnvironment } from './target.ts';
import type { Target } from './target.ts';
import { openWorld } from './world.ts';
import type { World } from './world.ts';

const given: Target | undefined = inject(TARGET_KEY) ?? targetFromEnvironment(process.env);
const kind = given?.kind ?? 'local';
const differences = expectedDifferences(kind);

let world: World;
let undo: (() => Promise<void>)[] = [];
beforeAll(async () => {
  let target = given;
  if (target === undefined) {
    const local = await startLocalTarget();
    undo.push(async () => await local.stop());
    target = local;
  }
  const opened = await openWorld(target);
  undo.push(async () => await opened.clean());
  world = opened.world;
}, 60_000);
afterAll(async () => {
  for (const step of undo.toReversed()) await step();
  undo = [];
}, 60_000);

const agreeing = cases.filter(({ id }) => differences[id] === undefined);
const differing = cases.filter(({ id }) => differences[id] !== undefined);

describe(`S3 as AWS documents it, against ${kind}`, () => {
  it.each(agreeing.map(({ id, check }) => [id, check] as const))('%s', async (_, check) => {
    await check(world);
  });

  it.each(differing.map(({ id, check }) => [id, check] as const))('%s differs', async (_, check) => {
    await expectFailure(async () => await check(world));
  });
});
