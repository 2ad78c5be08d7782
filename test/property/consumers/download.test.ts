import { readFile, rm } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { download } from '../../../consumers/download/index.ts';
import type { Fault } from '../../../local/index.ts';
import { isWaybillError } from '../../../shared/errors.ts';
import {
  TRANSPORTS,
  transportOf,
  createWorld,
  patternBytes,
  type World,
} from '../../integration/consumers/download/world.ts';

describe.each(TRANSPORTS)('over %s', (name) => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld(transportOf(name));
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  const offset = fc.nat(120_000);
  const fault: fc.Arbitrary<Fault> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('cut' as const), afterBytes: offset }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('stall' as const), afterBytes: offset }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('status' as const),
        status: fc.constantFrom(503, 500, 409, 429),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'status', status: 403, code: 'AccessDenied' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'status', status: 404, code: 'NoSuchVersion' } as const) },
    { weight: 3, arbitrary: fc.constant({ kind: 'expire-now' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'wrong-range' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'ignore-range' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'wrong-etag' } as const) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('flip-byte' as const), at: offset }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'drop-response' } as const) },
  );

  const scenario = fc.record({
    sizeBytes: fc.oneof(fc.constantFrom(0, 1, 65_535, 65_536, 65_537), fc.integer({ min: 0, max: 300_000 })),
    partSizeBytes: fc.integer({ min: 10_000, max: 120_000 }),
    connections: fc.integer({ min: 1, max: 6 }),
    singleGetBelowBytes: fc.constantFrom(0, 100_000, 1_000_000),
    knowsEtag: fc.boolean(),
    faults: fc.array(fc.record({ skip: fc.nat(8), fault }), { maxLength: 8 }),
  });

  describe('download', () => {
    it('gives identical bytes or a typed error under any faults, and identical bytes once they are over', async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(scenario, async ({ sizeBytes, knowsEtag, faults, ...options }) => {
          run += 1;
          const bytes = patternBytes(sizeBytes, run);
          const { etag, ...rest } = await world.put(`property/${run}`, bytes);
          const attachment = knowsEtag && etag !== undefined ? { ...rest, etag } : rest;
          const path = world.path(`property-${run}`);
          for (const { skip, fault } of faults) {
            world.faults.add({ match: { operation: 'GetObject' }, skip, faults: fault });
          }
          const attempt = async () =>
            await download(
              attachment,
              { path },
              world.options({ ...options, stallTimeoutMs: 100, retry: { maxAttempts: 4, backoffBaseMs: 1 } }),
            );
          const result = await attempt().catch((error: unknown) => {
            if (!isWaybillError(error)) throw error;
            return error;
          });
          const failed = result instanceof Error;
          const before = await readFile(path).catch(() => undefined);
          expect(before === undefined ? failed : bytes.equals(before)).toBe(true);
          if (!failed) expect(result.repeatedBytes).toBeGreaterThanOrEqual(0);
          world.faults.clear();
          if (failed) await attempt();
          expect(bytes.equals(await readFile(path))).toBe(true);
          await rm(path);
          expect(await readFile(`${path}.waybill-part`).catch(() => 'gone')).toBe('gone');
          expect(await readFile(`${path}.waybill-part.journal`).catch(() => 'gone')).toBe('gone');
          expect(await readFile(`${path}.waybill-part.lock`).catch(() => 'gone')).toBe('gone');
        }),
        { numRuns: 60 },
      );
    });
  });
});
