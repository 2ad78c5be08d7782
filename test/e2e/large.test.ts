import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { programOrSkip, recordsOf, startCli, startUp, tempDir } from '../helpers/cli.ts';
import { sha256Of, writeRandomFile } from '../helpers/files.ts';

const GIB = 1024 ** 3;
const RSS_LIMIT = 200_000_000;
const time = programOrSkip('/usr/bin/time', 'time');

describe.skipIf(time === undefined)('a 5 GiB file', () => {
  it('crosses up, publish and consume as three processes, identical, each under 200 MB', async () => {
    await using dir = await tempDir();
    const up = await startUp(dir.path, { measure: true });
    const source = join(dir.path, 'huge.bin');
    await writeRandomFile(source, 5 * GIB);
    const sent = await sha256Of(source);
    const options = { cwd: dir.path, env: up.env, measure: true };
    const published = await startCli(['publish', 'huge.bin', '--type', 'huge', '--json'], options).done;
    expect(published.code, published.stderr).toBe(0);
    await rm(source);
    const consumed = await startCli(['consume', '--out', 'received', '--max', '1', '--json'], options).done;
    expect(consumed.code, consumed.stderr).toBe(0);
    const [{ eventId }] = recordsOf(published, 'published');
    expect(await sha256Of(join(dir.path, 'received', eventId, 'files', 'huge.bin'))).toBe(sent);
    up.kill('SIGTERM');
    const stack = await up.done;
    expect(stack.code).toBe(0);
    const peaks = { up: stack.peakRssBytes, publish: published.peakRssBytes, consume: consumed.peakRssBytes };
    process.stderr.write(`peak RSS in bytes: ${JSON.stringify(peaks)}\n`);
    for (const peak of Object.values(peaks)) {
      expect(peak).toBeGreaterThan(30_000_000);
      expect(peak).toBeLessThan(RSS_LIMIT);
    }
  });
});
