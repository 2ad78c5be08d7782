import fc from 'fast-check';
import { randomInt } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'vitest';
import { startLocal } from '../../../local/index.ts';
import type { Logger } from '../../../shared/logger.ts';
import { requestBytes, sendRaw } from './raw-http.ts';
import type { RawAnswer } from './raw-http.ts';
import { identity, signRaw } from './sign.ts';
import type { RawRequest } from './sign.ts';

/** All that the S3 may write; names of buckets are all that a client chooses. */
const LAYOUT =
  /^(?:tmp|blobs(?:\/[0-9a-f](?:\/[0-9a-f]{32})?)?|buckets(?:\/[a-z0-9][a-z0-9.-]+(?:\/bucket\.json|\/versions(?:\/[0-9a-f](?:\/[0-9a-f]{64}-[\w-]+\.json)?)?)?)?|uploads(?:\/[\w-]{64}(?:\/(?:upload|\d+)\.json)?)?)$/;

/** A stack that expects the worst. */
export async function startFuzzed() {
  const parent = await mkdtemp(join(tmpdir(), 'waybill-fuzz-'));
  const dir = join(parent, 'a', 'b', 'stack');
  await mkdir(join(parent, 'a', 'b', 'neighbour'), { recursive: true });
  const errors: unknown[] = [];
  const note = (fields: unknown): void => void errors.push((fields as { err?: unknown }).err ?? fields);
  const quiet = (): void => {};
  const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: note };
  const stack = await startLocal({
    dir,
    identities: [identity],
    buckets: [{ name: 'bucket', versioning: false }, 'kept'],
    queues: [{ name: 'queue' }, { name: 'queue.fifo' }],
    rules: [{ name: 'rule', pattern: { source: ['fuzz'] }, queue: 'queue' }],
    logger,
  });
  const { port } = stack;
  // A bucket that holds something is never deleted, whatever the fuzz hits upon.
  for (const target of ['/bucket/stays', '/kept/stays']) {
    const headers = { 'content-length': '0', ...signRaw(port, { method: 'PUT', target }) };
    await sendRaw(port, requestBytes('PUT', target, headers));
  }
  return {
    port,
    errors,
    raw: async (bytes: Buffer): Promise<RawAnswer> => await sendRaw(port, bytes),
    /** Signs and sends; the body's length is told unless the headers tell another. */
    send: async (request: RawRequest, body: Uint8Array = new Uint8Array()): Promise<RawAnswer> =>
      await sendRaw(
        port,
        requestBytes(
          request.method,
          request.target,
          { 'content-length': String(body.length), ...signRaw(port, request) },
          body,
        ),
      ),
    /** Fails if anything lies where nothing may. */
    expectClean: async (): Promise<void> => {
      expect(errors).toEqual([]);
      const outside = (await readdir(parent, { recursive: true })).filter(
        (name) => !name.startsWith('a/b/stack/'),
      );
      expect(outside.sort()).toEqual(['a', 'a/b', 'a/b/neighbour', 'a/b/stack']);
      const s3 = join(dir, 's3');
      for (const entry of await readdir(s3, { recursive: true, withFileTypes: true })) {
        expect(relative(s3, join(entry.parentPath, entry.name))).toMatch(LAYOUT);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await stack.close();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

export type FuzzedStack = Awaited<ReturnType<typeof startFuzzed>>;

/** No crash, no hang, no 500: a refusal, a success, or an honest 501. */
export function expectAnswered(answer: RawAnswer): void {
  const { status, body } = answer;
  expect(status < 500 || status === 501, `status ${status}: ${body.slice(0, 500)}`).toBe(true);
}

/** Runs a property with a seed that is printed, and that WAYBILL_SEED sets. */
export async function fuzz<T>(
  what: string,
  arbitrary: fc.Arbitrary<T>,
  run: (value: T) => Promise<void>,
  numRuns = 150,
): Promise<void> {
  const seed = Number(process.env['WAYBILL_SEED'] ?? randomInt(2 ** 31));
  process.stderr.write(`fuzz ${what}: WAYBILL_SEED=${seed}\n`);
  await fc.assert(fc.asyncProperty(arbitrary, run), { seed, numRuns });
}
