import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programOrSkip, recordsOf, runCli, startUp, tempDir } from '../helpers/cli.ts';
import { sha256Of, writeRandomFile } from '../helpers/files.ts';

const exec = promisify(execFile);
const absent = [programOrSkip('/usr/bin/curl', 'curl'), programOrSkip('/usr/bin/jq', 'jq')].includes(
  undefined,
);

let dir: Awaited<ReturnType<typeof tempDir>>;
let up: Awaited<ReturnType<typeof startUp>>;
let recipes: Map<string, string>;

beforeAll(async () => {
  dir = await tempDir();
  up = await startUp(dir.path);
  await copyFile(join(dir.path, 'up.env'), join(dir.path, '.waybill.env'));
  await writeFile(join(dir.path, 'report.txt'), 'hello from a partner\n');
  await writeRandomFile(join(dir.path, 'video.bin'), 18 * 1024 ** 2 + 7);
  const text = await readFile(join(import.meta.dirname, '../../README.md'), 'utf8');
  recipes = new Map(
    [...text.matchAll(/<!-- recipe: (\S+) -->\s*```sh\n([\s\S]*?)```/g)].map(([, name = '', code = '']) => [
      name,
      code,
    ]),
  );
});
afterAll(async () => {
  up.kill('SIGTERM');
  await up.done;
  await dir[Symbol.asyncDispose]();
});

describe.skipIf(absent)('the curl recipes of the README, word for word', () => {
  it.each([
    ['put', 'report.txt'],
    ['post', 'report.txt'],
    ['multipart', 'video.bin'],
  ])('%s: the file arrives at a consumer', async (name, file) => {
    const code = recipes.get(name);
    expect(code).toBeDefined();
    const env = { PATH: process.env['PATH'], NO_PROXY: '*' };
    await exec('/bin/bash', ['-euo', 'pipefail', '-c', code ?? ''], { cwd: dir.path, env });
    const consumed = await runCli(
      ['consume', '--out', `received-${name}`, '--idle-exit', '3s', '--max', '1', '--json'],
      { cwd: dir.path, env: up.env },
    );
    expect(consumed.code, consumed.stderr).toBe(0);
    const [saved] = recordsOf(consumed, 'saved');
    expect(saved).toBeDefined();
    expect(await sha256Of(saved.files[0].path)).toBe(await sha256Of(join(dir.path, file)));
  });
});
