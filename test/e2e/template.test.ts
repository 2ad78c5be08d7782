import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTextFile } from '../../cli/environment.ts';
import { recordsOf, runCli, startCli, tempDir } from '../helpers/cli.ts';
import { writeRandomFile } from '../helpers/files.ts';
import { synth } from '../infra/synth.ts';

const TEMPLATE = synth().json;

describe('the commands, on an exchange of the synthesized template', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  const at = (name: string) => join(dir.path, name);
  beforeAll(async () => {
    dir = await tempDir();
    await writeFile(at('template.json'), JSON.stringify(TEMPLATE));
    await writeRandomFile(at('small.bin'), 300_000);
  });
  afterAll(() => dir[Symbol.asyncDispose]());

  it('the demo: everything goes wrong as ever, all arrives, and no policy refuses what is needed', async () => {
    const args = [
      'demo',
      at('small.bin'),
      '--template',
      at('template.json'),
      '--json',
      '--log-level',
      'warn',
    ];
    const { code, stdout, stderr } = await runCli(args);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('403 AccessDenied "Request has expired"');
    expect(stderr).toMatch(/asks the URL service for a fresh URL/);
    // A refusal that the program can live without is logged
    expect(stderr).not.toContain('not authorized');
    const [file] = recordsOf({ stdout }, 'demo-file');
    expect(file.receivedSha256).toBe(file.sentSha256);
    expect(file.refetches).toBeGreaterThanOrEqual(1);
    expect(file.repeatedBytes).toBe(0);
  });

  it('publish and consume, each as its role; one producer cannot speak for another', async () => {
    const args = ['up', '--template', at('template.json'), '--port', '0', '--url-service-port', '0'];
    const up = startCli([...args, '--dir', at('stack'), '--json']);
    try {
      const { envFiles } = JSON.parse(await up.waitFor(/"type":"up"/));
      expect(Object.keys(envFiles).sort()).toEqual([
        'consumer-archive',
        'consumer-ledger',
        'producer-billing',
        'producer-scanner',
        'replay',
        'revoker',
      ]);
      const as = (role: string) => ({ env: variablesIn(readTextFile('env', envFiles[role])) });
      const publish = ['publish', at('small.bin'), '--json', '--type', 'scan.made'];
      const published = await runCli(publish, as('producer-scanner'));
      expect(published.code, published.stderr).toBe(0);
      const [{ eventId }] = recordsOf(published, 'published');

      const forged = await runCli([...publish, '--source', 'scanner'], as('producer-billing'));
      expect([forged.code, forged.stderr]).toEqual([1, expect.stringMatching(/not authorized|Denied/)]);

      const consume = ['consume', '--consumer', 'archive', '--out', at('received'), '--max', '1', '--json'];
      const consumed = await runCli([...consume, '--idle-exit', '20s'], as('consumer-archive'));
      expect(consumed.code, consumed.stderr).toBe(0);
      const saved = recordsOf(consumed, 'saved');
      expect(saved.map((record) => record.eventId)).toEqual([eventId]);
    } finally {
      up.kill('SIGTERM');
      await up.done;
    }
  });

  it('say what is wrong with a file that is no template of an exchange', async () => {
    await writeFile(at('other.json'), JSON.stringify({ Resources: {} }));
    const { code, stderr } = await runCli(['demo', at('small.bin'), '--template', at('other.json')]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('expected the template of an exchange')]);
  });
});

function variablesIn(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]),
  );
}
