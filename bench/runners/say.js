import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';

/** The last line of a runner: what it says of its run, read by the harness. */
export function say(fields) {
  process.stdout.write(`${JSON.stringify(fields)}\n`);
}

/** A writable that counts what it drops, and hashes it if asked to. */
export function discard(verify) {
  const hash = verify ? createHash('sha256') : undefined;
  let bytes = 0;
  const writable = new Writable({
    highWaterMark: 1024 ** 2,
    write(chunk, _encoding, done) {
      bytes += chunk.length;
      hash?.update(chunk);
      done();
    },
  });
  return {
    writable,
    result: () => ({ bytes, ...(hash === undefined ? {} : { sha256: hash.digest('base64') }) }),
  };
}

/** Calls `work` for every item, `lanes` at a time. */
export async function inLanes(items, lanes, work) {
  let next = 0;
  const lane = async () => {
    while (next < items.length) await work(items[next++]);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Seconds since `startedMs` of `performance.now()`. */
export function secondsSince(startedMs) {
  return (performance.now() - startedMs) / 1_000;
}
