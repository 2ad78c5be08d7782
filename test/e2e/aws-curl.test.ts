import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programOrSkip, recordsOf, runCli, startUp, tempDir } from '../helpers/cli.ts';
import { sha256Of, writeRandomFile } from '../helpers/files.ts';

const exec = promisify(execFile);
const aws = programOrSkip('/usr/bin/aws', 'awscli');
const curl = programOrSkip('/usr/bin/curl', 'curl');
const MIB = 1024 ** 2;

let dir: Awaited<ReturnType<typeof tempDir>>;
let up: Awaited<ReturnType<typeof startUp>>;

beforeAll(async () => {
  dir = await tempDir();
  up = await startUp(dir.path);
  await writeRandomFile(join(dir.path, 'up.bin'), 64 * MIB);
  await writeFile(join(dir.path, 'small.txt'), 'hello from a partner\n');
});
afterAll(async () => {
  up.kill('SIGTERM');
  await up.done;
  await dir[Symbol.asyncDispose]();
});

/** Runs a program; a failure is a result here, not an exception. */
async function run(
  program: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, ...up.env, AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null' };
  try {
    return { code: 0, ...(await exec(program, [...args], { cwd: dir.path, env, maxBuffer: 64 * MIB })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

async function presign(
  ...args: string[]
): Promise<{ url: string; headers: Record<string, string>; fields: Record<string, string> }> {
  const result = await runCli(['presign', ...args, '--json'], { cwd: dir.path, env: up.env });
  expect(result.code, result.stderr).toBe(0);
  return recordsOf(result, 'presigned')[0];
}

const status = (args: readonly string[]) =>
  run('/usr/bin/curl', ['-sS', '--noproxy', '*', '-w', '\n%{http_code}', ...args]).then(({ stdout }) => {
    const at = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) };
  });

describe.skipIf(aws === undefined)('aws s3 cp', () => {
  it('moves 64 MiB up and down unchanged', async () => {
    const endpoint = ['--endpoint-url', up.env['AWS_ENDPOINT_URL'] ?? ''];
    const sent = await run('/usr/bin/aws', [
      ...endpoint,
      's3',
      'cp',
      'up.bin',
      's3://waybill-payloads/cli/up copy+ü.bin',
    ]);
    expect(sent.code, sent.stderr).toBe(0);
    const back = await run('/usr/bin/aws', [
      ...endpoint,
      's3',
      'cp',
      's3://waybill-payloads/cli/up copy+ü.bin',
      'down.bin',
    ]);
    expect(back.code, back.stderr).toBe(0);
    expect(await sha256Of(join(dir.path, 'down.bin'))).toBe(await sha256Of(join(dir.path, 'up.bin')));
  });

  it('lists what is there', async () => {
    const listed = await run('/usr/bin/aws', [
      '--endpoint-url',
      up.env['AWS_ENDPOINT_URL'] ?? '',
      's3',
      'ls',
      's3://waybill-payloads/cli/',
    ]);
    expect(listed.stdout).toMatch(/67108864 up copy\+ü\.bin/);
  });
});

describe.skipIf(curl === undefined)('curl with waybill presign', () => {
  it('PUT, then GET, then the same PUT again is refused: keys are write-once', async () => {
    const put = await presign('put', 's3://waybill-payloads/in/small.txt', '--content-type', 'text/plain');
    const headers = Object.entries(put.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    expect((await status(['-T', 'small.txt', ...headers, put.url])).status).toBe(200);
    const get = await presign('get', 's3://waybill-payloads/in/small.txt');
    expect(await status([get.url])).toEqual({ status: 200, body: 'hello from a partner\n' });
    expect(await status(['-T', 'small.txt', ...headers, put.url])).toMatchObject({ status: 412 });
  });

  it('PUT with another content type, or without the signed one, is refused', async () => {
    const put = await presign(
      'put',
      's3://waybill-payloads/in/typed.txt',
      '--content-type',
      'text/plain',
      '--overwrite',
    );
    const answer = await status(['-T', 'small.txt', '-H', 'content-type: text/html', put.url]);
    expect(answer).toMatchObject({ status: 403, body: expect.stringContaining('SignatureDoesNotMatch') });
  });

  it('the curl line that presign prints works as printed', async () => {
    const printed = await runCli(['presign', 'put', "s3://waybill-payloads/in/o'clock.txt", '--overwrite'], {
      cwd: dir.path,
      env: up.env,
    });
    const line = printed.stderr
      .split('\n')
      .find((each) => each.startsWith('curl'))!
      .replace('FILE', 'small.txt');
    expect((await run('/bin/sh', ['-c', line])).code).toBe(0);
    const post = await runCli(['presign', 'post', 's3://waybill-payloads/in/form2.txt'], {
      cwd: dir.path,
      env: up.env,
    });
    const form = post.stderr
      .split('\n')
      .find((each) => each.startsWith('curl'))!
      .replace('FILE', 'small.txt');
    expect((await run('/bin/sh', ['-c', form])).code).toBe(0);
    const got = await runCli(['presign', 'get', 's3://waybill-payloads/in/form2.txt'], {
      cwd: dir.path,
      env: up.env,
    });
    const fetched = got.stderr.split('\n').find((each) => each.startsWith('curl'))!;
    expect((await run('/bin/sh', ['-c', fetched])).code).toBe(0);
    expect((await stat(join(dir.path, 'form2.txt'))).size).toBe(21);
  });

  it('POST form within its policy is taken, beyond it refused', async () => {
    const post = await presign('post', 's3://waybill-payloads/in/form.txt', '--max-size', '1kB');
    const form = (fields: Record<string, string>): string[] =>
      Object.entries(fields).flatMap(([name, value]) => ['-F', `${name}=${value}`]);
    expect((await status([...form(post.fields), '-F', 'file=@small.txt', post.url])).status).toBe(201);
    const large = await status([...form(post.fields), '-F', 'file=@up.bin', post.url]);
    expect(large).toMatchObject({ status: 400, body: expect.stringContaining('EntityTooLarge') });
    const moved = await status([
      ...form({ ...post.fields, key: 'in/elsewhere.txt' }),
      '-F',
      'file=@small.txt',
      post.url,
    ]);
    expect(moved).toMatchObject({ status: 403, body: expect.stringContaining('AccessDenied') });
    const forged = await status([
      ...form({ ...post.fields, Policy: Buffer.from('{"conditions":[]}').toString('base64') }),
      '-F',
      'file=@small.txt',
      post.url,
    ]);
    expect(forged.status).toBe(403);
  });

  it('an expired URL is refused with the words of S3', async () => {
    const get = await presign('get', 's3://waybill-payloads/in/small.txt', '--expires', '1s');
    let answer = await status([get.url]);
    for (let tries = 0; answer.status === 200 && tries < 50; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = await status([get.url]);
    }
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('<Code>AccessDenied</Code><Message>Request has expired</Message>');
  });

  let whole: ReturnType<typeof presign> | undefined;
  it.each<[string, (url: string) => string]>([
    ['another signature', (url) => url.replace(/(X-Amz-Signature=)[0-9a-f]{8}/, '$100000000')],
    ['a longer life', (url) => url.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=604800')],
    ['another key', (url) => url.replace('small.txt', 'other.txt')],
    ['a query added', (url) => `${url}&response-content-type=text/html`],
  ])('a URL tampered with (%s) is refused', async (_what, tamper) => {
    const get = await (whole ??= presign('get', 's3://waybill-payloads/in/small.txt'));
    const answer = await status([tamper(get.url)]);
    expect(answer).toMatchObject({ status: 403, body: expect.stringContaining('SignatureDoesNotMatch') });
  });
});
