import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../helpers/cli.ts';
import { startChild } from '../helpers/local-kill/child.ts';
import { peakRssBytes } from '../helpers/process-memory.ts';

const OBJECTS = 100_000;
const FOLDERS = 100;

/** Keys in the order of their UTF-8 bytes; the last folders hold what UTF-16 would order differently. */
const KEYS = Array.from({ length: OBJECTS }, (_, index) => {
  const folder = String(index % FOLDERS).padStart(2, '0');
  const special = index % FOLDERS < 98 ? '' : index % 2 === 0 ? '\uffee' : '\u{1f4e6}';
  return `f${folder}/${special}${index}`;
});

describe('a hundred thousand objects', () => {
  it('are there soon after a start, list in order, in little memory', async () => {
    await using dir = await tempDir();
    const seeded = await startChild(dir.path, 0, 'dist');
    await seeded.kill();
    writeRecords(join(dir.path, 's3', 'buckets', 'plain', 'versions'));

    const startedMs = performance.now();
    const stack = await startChild(dir.path, 0, 'dist');
    const startMs = performance.now() - startedMs;
    const s3 = clientFor(stack.port);
    try {
      const atStart = await peakRssBytes(stack.pid);
      const sorted = [...KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const listStartedMs = performance.now();
      expect(await listAll(s3)).toEqual(sorted);
      const listMs = performance.now() - listStartedMs;
      expect(await listVersions(s3)).toEqual(sorted);
      expect(await listFolders(s3)).toEqual([...new Set(sorted.map((key) => key.slice(0, 4)))]);
      const Prefix = 'f99/\u{1f4e6}1';
      const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: 'plain', Prefix, MaxKeys: 7 }));
      expect(Contents?.map(({ Key }) => Key)).toEqual(
        sorted.filter((key) => key.startsWith(Prefix)).slice(0, 7),
      );
      await s3.send(new PutObjectCommand({ Bucket: 'plain', Key: 'f50/!first', Body: 'x' }));
      await s3.send(new DeleteObjectCommand({ Bucket: 'plain', Key: sorted[0]! }));
      const page = await s3.send(new ListObjectsV2Command({ Bucket: 'plain', MaxKeys: 1 }));
      expect(page.Contents?.[0]?.Key).toBe(sorted[1]);
      const peak = await peakRssBytes(stack.pid);
      process.stderr.write(
        `100,000 objects: start ${startMs.toFixed(0)} ms, listed in ${listMs.toFixed(0)} ms, ` +
          `peak RSS ${(atStart / 1e6).toFixed(0)} MB after the start, ${(peak / 1e6).toFixed(0)} MB at the end\n`,
      );
      expect(startMs).toBeLessThan(20_000);
      expect(peak).toBeLessThan(400_000_000);
    } finally {
      s3.destroy();
      await stack.kill();
    }
  });
});

/** Empty objects as the store writes them: to put them one by one would take minutes and prove no more. */
function writeRecords(root: string): void {
  for (const [index, key] of KEYS.entries()) {
    const hash = createHash('sha256').update(key).digest('hex');
    const dir = join(root, hash.slice(0, 1));
    if (index < 1_000) mkdirSync(dir, { recursive: true });
    const record = {
      key,
      headers: { 'content-type': 'application/octet-stream' },
      user: {},
      tags: {},
      etag: 'd41d8cd98f00b204e9800998ecf8427e',
      sizeBytes: 0,
      parts: [],
      checksum: { algorithm: 'CRC32', value: 'AAAAAA==', type: 'FULL_OBJECT' },
      deleteMarker: false,
      versionId: 'null',
      sequence: index + 1,
      modifiedAtMs: 1_700_000_000_000 + index,
    };
    writeFileSync(join(dir, `${hash}-null.json`), JSON.stringify(record));
  }
}

async function listAll(s3: S3Client): Promise<string[]> {
  const keys: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const more = ContinuationToken === undefined ? {} : { ContinuationToken };
    const page = await s3.send(new ListObjectsV2Command({ Bucket: 'plain', ...more }));
    for (const { Key } of page.Contents ?? []) keys.push(Key!);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return keys;
}

async function listVersions(s3: S3Client): Promise<string[]> {
  const keys: string[] = [];
  let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (marker !== undefined) {
    const page: Awaited<ReturnType<typeof sendPage>> = await sendPage(s3, marker);
    for (const { Key } of page.Versions ?? []) keys.push(Key!);
    marker =
      page.IsTruncated === true
        ? { KeyMarker: page.NextKeyMarker!, VersionIdMarker: page.NextVersionIdMarker! }
        : undefined;
  }
  return keys;
}

async function sendPage(s3: S3Client, marker: { KeyMarker?: string; VersionIdMarker?: string }) {
  return await s3.send(new ListObjectVersionsCommand({ Bucket: 'plain', ...marker }));
}

async function listFolders(s3: S3Client): Promise<string[]> {
  const folders: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const more = ContinuationToken === undefined ? {} : { ContinuationToken };
    const options = { Bucket: 'plain', Delimiter: '/', MaxKeys: 30 };
    const page = await s3.send(new ListObjectsV2Command({ ...options, ...more }));
    for (const { Prefix } of page.CommonPrefixes ?? []) folders.push(Prefix!);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return folders;
}

function clientFor(port: number): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDKILL', secretAccessKey: 'secret' },
    forcePathStyle: true,
  });
}
