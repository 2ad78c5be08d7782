import { S3Client } from '@aws-sdk/client-s3';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { tempDir } from '../cli.ts';
import { startChild } from './child.ts';
import type { Build } from './child.ts';
import { Ledger } from './ledger.ts';
import { completeUpload, runLoad } from './load.ts';
import { seeded } from './random.ts';
import { verify, verifySwept } from './verify.ts';

/** Most writes that a stack acknowledges before it is killed, and the longest that it has for them, in milliseconds. */
const MOST_WRITES = 40;
const LONGEST_LIFE_MS = 1_000;

/**
 * Starts a stack, loads it, kills it at a random instant, starts it again on the same directory and port and
 * verifies all that was acknowledged; `kills` times. The seed decides what is sent and when the kill falls, as
 * far as scheduling allows.
 */
export async function runKills(kills: number, build: Build): Promise<void> {
  const seed = Number(process.env['WAYBILL_SEED'] ?? randomInt(2 ** 32));
  const random = seeded(seed);
  const ledger = new Ledger();
  await using dir = await tempDir();
  let stack = await startChild(dir.path, 0, build);
  const s3 = clientFor(stack.port);
  try {
    for (let round = 1; round <= kills; round += 1) {
      let gone = false;
      const load = runLoad(s3, ledger, random, round, () => gone);
      const until = ledger.acknowledged + Math.floor(random() * MOST_WRITES);
      for (let ms = 0; ms < LONGEST_LIFE_MS && ledger.acknowledged < until; ms += 2) await sleep(2);
      await sleep(random() * 10);
      gone = true;
      await stack.kill();
      await load;
      stack = await startChild(dir.path, stack.port, build);
      await verifySwept(dir.path);
      await verify(s3, ledger, 'recent');
    }
    for (const upload of ledger.uploads.values()) {
      if (upload.parts.size === 0) continue;
      await completeUpload(s3, ledger, upload);
      ledger.uploads.delete(upload.uploadId);
    }
    await verify(s3, ledger, 'all');
  } catch (error) {
    throw new Error(`with WAYBILL_SEED=${seed}: ${(error as Error).message}`, { cause: error });
  } finally {
    s3.destroy();
    await stack.kill();
  }
  process.stderr.write(
    `seed ${seed}: ${kills} kills, ${ledger.acknowledged} acknowledged, ${ledger.lost} answers lost\n`,
  );
  expect(ledger.acknowledged).toBeGreaterThan(kills);
  expect(ledger.lost).toBeGreaterThan(0);
}

function clientFor(port: number): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDKILL', secretAccessKey: 'secret' },
    forcePathStyle: true,
    maxAttempts: 1,
  });
}
