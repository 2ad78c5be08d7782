import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startExchange } from '../../cli/stack.ts';
import { silentLogger } from '../../shared/logger.ts';
import { recordsOf, runCli, startCli, tempDir } from '../helpers/cli.ts';
import { sha256Of, writeRandomFile } from '../helpers/files.ts';

const MIB = 1024 ** 2;
const SIZE = 1024 * MIB;
const KILLS = 10;
const CONNECTIONS = 4;
const PART = 8 * MIB;

describe('kill -9 of the consumer', () => {
  it('ten times at random points in 1 GiB, then a clean run: identical, one event.json, one part per connection lost per kill', async () => {
    await using dir = await tempDir();
    await using exchange = await startExchange({ dir: join(dir.path, 'stack'), logger: silentLogger });
    const env = { ...exchange.variables };
    const source = join(dir.path, 'big.bin');
    await writeRandomFile(source, SIZE);
    const published = await runCli(['publish', source, '--type', 'big', '--json'], { env });
    expect(published.code, published.stderr).toBe(0);
    const [{ eventId, attachments }] = recordsOf(published, 'published');

    // Slow enough that ten kills fall into the download.
    exchange.local.faults.add({
      match: { service: 's3', operation: 'GetObject', key: attachments[0].key },
      times: Infinity,
      faults: { kind: 'throttle', bytesPerSecond: 25_000_000 },
    });
    const out = join(dir.path, 'received');
    const args = [
      'consume',
      '--out',
      out,
      '--max',
      '1',
      '--visibility',
      '10s',
      '--connections',
      `${CONNECTIONS}`,
      '--json',
    ];
    for (let kill = 1; kill <= KILLS; kill++) {
      const before = bytesServed();
      const consumer = startCli(args, { env });
      // Somewhere between nothing and a tenth of the file after the body has begun to flow.
      const until = before + 1 + Math.floor(Math.random() * (SIZE / (KILLS + 2)));
      await exchange.local.spy.waitFor((record) => record.kind === 's3' && bytesServed() >= until, {
        timeoutMs: 60_000,
      });
      consumer.kill('SIGKILL');
      expect((await consumer.done).code).toBe(null);
    }
    const last = await runCli(args, { env });
    expect(last.code, last.stderr).toBe(0);
    expect(await sha256Of(join(out, eventId, 'files', 'big.bin'))).toBe(await sha256Of(source));
    expect((await readdir(out)).sort()).toEqual(['.waybill-handled', eventId]);
    expect((await readdir(join(out, eventId))).sort()).toEqual(['event.json', 'files']);
    const [{ files }] = recordsOf(last, 'saved');
    expect(files[0].journalBytes).toBeGreaterThan(0);
    process.stderr.write(`fetched again after ${KILLS} kills: ${bytesServed() - SIZE} bytes\n`);
    expect(bytesServed() - SIZE).toBeLessThanOrEqual(KILLS * CONNECTIONS * PART);

    function bytesServed(): number {
      return exchange.local.spy
        .records('s3')
        .filter(({ operation, key }: any) => operation === 'GetObject' && key === attachments[0].key)
        .reduce((sum: number, { bytes }: any) => sum + bytes, 0);
    }
  });
});
