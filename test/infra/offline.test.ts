import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { UPLOADS } from './everything.ts';

const scratch = mkdtempSync(join(tmpdir(), 'waybill-synth-'));
/** How long the CDK took for what: of no deployment, and never the same twice. */
const TIMES = 'performance-counters.json';
/** The project's own exchange, with uploads and their page: the page is built, too. */
const exchange = {
  ...JSON.parse(readFileSync('exchange.json', 'utf8')),
  uploads: UPLOADS,
};
const exchangeFile = join(scratch, 'exchange.json');
writeFileSync(exchangeFile, JSON.stringify(exchange));
const cdk = join('node_modules', 'aws-cdk', 'bin', 'cdk');

/** A namespace without any network, where the kernel lets us make one; elsewhere proxies that lead nowhere. */
function withoutNetwork(): readonly string[] {
  try {
    execFileSync('unshare', ['-rn', 'true'], { stdio: 'ignore' });
    return ['unshare', '-rn'];
  } catch {
    const nowhere = 'http://127.0.0.1:9';
    return ['env', `HTTPS_PROXY=${nowhere}`, `HTTP_PROXY=${nowhere}`];
  }
}

/** Synthesizes as a user does, with nothing in the environment but where programs and a home are. */
async function synthInto(directory: string): Promise<ReadonlyMap<string, string>> {
  const [command, ...before] = withoutNetwork();
  const home = mkdtempSync(join(scratch, 'home-'));
  const path = `${dirname(process.execPath)}:/usr/bin:/bin`;
  const env = ['env', '-i', `PATH=${path}`, `HOME=${home}`, `TMPDIR=${scratch}`];
  const quietly = ['--quiet', '--no-version-reporting', '--no-notices'];
  const flags = ['synth', ...quietly, '--context', `exchange=${exchangeFile}`, '--output', directory];
  await promisify(execFile)(command!, [...before, ...env, process.execPath, cdk, ...flags]);
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== TIMES,
  );
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [relative(directory, file), readFileSync(file, 'utf8')] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

describe('npx cdk synth', () => {
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it('needs no network, no credentials and no Docker, and makes the same twice', async () => {
    const [first, second] = await Promise.all([
      synthInto(join(scratch, 'first')),
      synthInto(join(scratch, 'second')),
    ]);
    expect([...first.keys()]).toEqual(
      expect.arrayContaining([
        'Waybill.template.json',
        expect.stringMatching(/^asset\..*index\.mjs$/),
        expect.stringMatching(/^asset\..*assets\/index-.*\.js$/),
      ]),
    );
    expect([...second.keys()]).toEqual([...first.keys()]);
    for (const [file, text] of first) expect(second.get(file), file).toBe(text);
    // Where it was made is in none of it: another machine makes the same.
    for (const [file, text] of first)
      if (file.endsWith('.template.json')) expect(text).not.toContain(process.cwd());
  }, 240_000);
});
