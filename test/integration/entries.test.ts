import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalStack } from '../../local/index.ts';
import { MIB, pattern, s3For, startStack } from './producers/harness.ts';

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Tells every module that is imported; what is required stands in `require.cache`. */
const TELL = `
  import { appendFileSync } from 'node:fs';
  export async function load(url, context, next) {
    appendFileSync(process.env.IMPORTED, url + '\\n');
    return await next(url, context);
  }`;
const REGISTER = `
  import { register } from 'node:module';
  register(${JSON.stringify(dataUrl(TELL))});`;

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** What runs the TypeScript sources, not what they load. */
const RUNNER = new Set(['tsx', 'esbuild', '@esbuild/linux-x64', 'get-tsconfig', 'resolve-pkg-maps']);

/** The native CRC32C (a package, and one that holds it for this machine), and OpenTelemetry's facade. */
const ALLOWED = /^@node-rs\/crc32|^@opentelemetry\/api$/;

/** Runs a program that gets `job`, in a process of its own; returns what it said and the packages that it loaded. */
async function run(
  dir: string,
  program: string,
  job: object,
): Promise<{ said: unknown; packages: string[] }> {
  const imported = join(dir, 'imported');
  await writeFile(imported, '');
  const code = `
    const job = ${JSON.stringify(job)};
    ${program}
    const { createRequire } = await import('node:module');
    console.log(JSON.stringify({ said, required: Object.keys(createRequire('/').cache) }));`;
  const { stdout } = await exec(
    process.execPath,
    ['--import', 'tsx', '--import', dataUrl(REGISTER), '--input-type=module', '-e', code],
    { cwd: ROOT, env: { ...process.env, IMPORTED: imported } },
  );
  const { said, required } = JSON.parse(stdout) as { said: unknown; required: string[] };
  const paths = [...(await readFile(imported, 'utf8')).split('\n'), ...required];
  const packages = paths.flatMap((path) => /.*\/node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1] ?? []);
  return { said, packages: [...new Set(packages)].filter((name) => !RUNNER.has(name)).sort() };
}

/** A library is loaded by every process that uses it, and most of them are short. */
describe('what a transfer loads', () => {
  let stack: LocalStack;
  let s3: S3Client;
  let dir: string;
  beforeAll(async () => {
    stack = await startStack();
    s3 = s3For(stack);
    dir = await mkdtemp(join(tmpdir(), 'waybill-entries-'));
    await writeFile(join(dir, 'source'), pattern(17 * MIB));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
    s3.destroy();
    await stack.close();
  });

  it('by waybill/upload and waybill/download: no SDK, schema or HTTP library', async () => {
    const { endpoint, credentials, region } = stack;
    const target = { bucket: 'payloads', key: 'k', mediaType: 'text/plain' };
    const store = { bucket: 'payloads', region, endpoint };
    const uploaded = await run(
      dir,
      `const { createUploadTransport, fileSource, resolveStores, upload } = await import('./producers/upload/index.ts');
      const store = resolveStores({ main: job.store }).get('main');
      const transport = createUploadTransport({ store, credentials: job.credentials });
      const said = await upload(fileSource(job.path), job.target, { transport });
      transport.close();`,
      { path: join(dir, 'source'), store, target, credentials },
    );
    expect(uploaded.said).toMatchObject({ size: 17 * MIB, parts: 3 });
    expect(uploaded.packages).toContain('@node-rs/crc32');
    expect(uploaded.packages.filter((name) => !ALLOWED.test(name))).toEqual([]);

    const { versionId, digest, crc32c, etag } = uploaded.said as Record<string, string>;
    const get = new GetObjectCommand({ Bucket: 'payloads', Key: 'k', VersionId: versionId });
    const nowMs = Date.now();
    const attachment = {
      id: 'a',
      name: 'k',
      size: 17 * MIB,
      digest,
      checksum: { algorithm: 'CRC32C', value: crc32c, type: 'FULL_OBJECT' },
      store: 'main',
      key: 'k',
      versionId,
      etag,
      issuedAt: new Date(nowMs).toISOString(),
      expiresAt: new Date(nowMs + 900_000).toISOString(),
    };
    const downloaded = await run(
      dir,
      `const { download, SecretUrl } = await import('./consumers/download/index.ts');
      const { issuedAt, expiresAt, ...rest } = job.attachment;
      const access = { method: 'GET', url: new SecretUrl(job.url), issuedAt, expiresAt };
      const said = await download({ ...rest, access }, { path: job.path }, { stores: { main: job.store } });`,
      { path: join(dir, 'copy'), store, attachment, url: await getSignedUrl(s3, get, { expiresIn: 900 }) },
    );
    expect(downloaded.said).toMatchObject({ digest, verified: { sha256: true, crc32c: true } });
    expect(downloaded.packages.filter((name) => !ALLOWED.test(name))).toEqual([]);
  });
});
