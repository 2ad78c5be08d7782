import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordsOf, runCli, startCli, tempDir } from '../helpers/cli.ts';
import { writeRandomFile } from '../helpers/files.ts';

describe('waybill demo', () => {
  it("sends this machine's node executable: 403, refetch, resume, identical", async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--json'], { cwd: process.cwd() });
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('403 AccessDenied "Request has expired"');
    expect(stderr).toMatch(/asks the URL service for a fresh URL/);
    expect(stderr).toMatch(/resumes at byte \d+/);
    const files = recordsOf({ stdout }, 'demo-file');
    expect(files).toHaveLength(2);
    for (const file of files) {
      expect(file.receivedSha256).toBe(file.sentSha256);
      expect(file.refetches).toBeGreaterThanOrEqual(1);
      expect(file.resumedAtBytes.length).toBeGreaterThanOrEqual(1);
      expect(file.repeatedBytes).toBeLessThanOrEqual(8 * 1024 ** 2);
    }
  });

  it.concurrent.each(['silent', 'error', 'warn', 'info', 'debug', 'trace'])(
    'shows no signature, claim check or key at log level %s',
    async (level) => {
      await using dir = await tempDir();
      const file = join(dir.path, 'small.bin');
      await writeRandomFile(file, 300_000);
      const { code, stdout, stderr } = await runCli([
        'demo',
        file,
        '--dir',
        dir.path,
        '--log-level',
        level,
        '--json',
      ]);
      const output = stdout + stderr;
      expect(code, stderr).toBe(0);
      const { secretAccessKey } = JSON.parse(await readFile(join(dir.path, 'credentials.json'), 'utf8'));
      const { privateKey } = JSON.parse(await readFile(join(dir.path, 'signing-key.json'), 'utf8'));
      const id = /event ([0-9a-f-]{36})/.exec(output)?.[1];
      const kept = JSON.parse(await readFile(join(dir.path, 'received', `${id}`, 'event.json'), 'utf8'));
      const claimCheck: string = kept.data.attachments[0].claimCheck;
      expect(claimCheck.length).toBeGreaterThan(100);
      for (const secret of [
        secretAccessKey,
        privateKey.d,
        claimCheck,
        claimCheck.split('.')[2],
        'X-Amz-Signature=',
        'X-Amz-Credential=',
      ]) {
        expect(output).not.toContain(secret);
      }
      expect(output).not.toMatch(/Signature=[0-9a-f]{16}/i);
      expect(output).not.toMatch(/eyJ[\w-]+\.[\w-]+\./);
    },
  );

  it('--open serves the page, says its address where there is no browser, and goes on until it is stopped', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'small.bin');
    await writeRandomFile(file, 300_000);
    const demo = startCli(['demo', file, '--open', '--json']);
    const line = await demo.waitFor(/No browser here/);
    const page = await fetch(/http\S+/.exec(line)?.[0] ?? '');
    expect(await page.text()).toContain('<title>Waybill</title>');
    await demo.waitFor(/All 1 identical/);
    await demo.waitFor(/Ctrl-C stops it/);
    demo.kill('SIGINT');
    const { code, stdout, stderr } = await demo.done;
    expect(code, stderr).toBe(0);
    expect(recordsOf({ stdout }, 'page')).toMatchObject([{ opened: false }]);
  });

  it('keeps quiet about nothing: a missing file is misuse', async () => {
    const { code, stderr } = await runCli(['demo', 'nowhere.bin']);
    expect([code, stderr]).toEqual([2, 'waybill: "nowhere.bin": no such file or directory\n']);
  });
});
