import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { envelope, orderEvent, startHarness, type Harness } from '../integration/consumers/worker-harness.ts';
import { v7 as uuidv7 } from 'uuid';

/* In real time, half a minute, because the queue's timers are: kept out of `npm test`. */

let harness: Harness;
beforeAll(async () => void (harness = await startHarness()));
afterAll(async () => await harness[Symbol.asyncDispose]());

it('keeps a message from being delivered twice while its handler takes three times the timeout', async () => {
  let calls = 0;
  await using watched = harness.work({
    visibilityTimeoutSeconds: 10,
    concurrency: 2,
    handler: async (_event, { signal }) => {
      calls += 1;
      await systemClock.sleep(30_500, signal);
    },
  });
  await harness.send(envelope(orderEvent(uuidv7(), [])));
  await watched.until('succeeded');
  expect(calls).toBe(1);
  expect(watched.seen.filter(({ kind }) => kind === 'extended').length).toBeGreaterThanOrEqual(5);
  expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
});
