import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { idOf, isSame } from './ledger.ts';
import type { Content, KnownUpload, Ledger } from './ledger.ts';
import { md5 } from './load.ts';
import { sha256 } from './random.ts';

/** Versions that `recent` looks at, the newest, and keys that were raced for. */
const RECENT = 40;
/** Reads at once. */
const LANES = 4;

/**
 * Fails unless all that was acknowledged is there, and nothing that cannot be; then the ledger is certain again.
 * Of versions, and of keys that were raced for, `recent` looks at the newest and at those whose fate was not certain.
 */
export async function verify(s3: S3Client, ledger: Ledger, scope: 'recent' | 'all'): Promise<void> {
  await verifyUploads(s3, ledger);
  const raced = [...ledger.keys.keys()].filter((id) => id.startsWith('plain/race/'));
  const settled = new Set(scope === 'recent' ? raced.slice(0, -RECENT) : []);
  await inLanes(
    [...ledger.keys].filter(([id]) => !settled.has(id)),
    async ([id, possible]) => {
      const content = await read(s3, id);
      expectOneOf(id, content, possible);
      ledger.keys.set(id, [content]);
    },
  );
  await inLanes([...ledger.races], async ([key, { attempts, winner }]) => {
    const id = idOf('plain', key);
    const content = await read(s3, id);
    expectOneOf(id, content, winner === undefined ? [undefined, ...attempts] : [winner]);
    ledger.races.delete(key);
    ledger.keys.set(id, [content]);
  });
  const versions = [...ledger.versions.values()];
  await inLanes(
    versions.filter(
      ({ possible }, index) => scope === 'all' || index >= versions.length - RECENT || possible.length > 1,
    ),
    async (version) => {
      const id = idOf(version.bucket, version.key);
      const content = await read(s3, id, version.versionId);
      expectOneOf(`${id} version ${version.versionId}`, content, version.possible);
      if (content === undefined) ledger.versions.delete(version.versionId);
      else version.possible = [content];
    },
  );
  for (const bucket of ['plain', 'kept']) {
    const wanted = [...ledger.keys].flatMap(([id, [content]]) =>
      content !== undefined && id.startsWith(`${bucket}/`) ? [id] : [],
    );
    const listed = await listKeys(s3, bucket);
    expect(listed.map((key) => idOf(bucket, key))).toEqual(wanted.sort());
  }
}

/** Fails if the directory of a stack that has just started holds anything that nothing refers to. */
export async function verifySwept(dir: string): Promise<void> {
  expect(await readdir(join(dir, 's3', 'tmp'))).toEqual([]);
  const referenced = new Set<string>();
  for (const path of await filesBelow(join(dir, 's3'))) {
    if (!path.endsWith('.json')) continue;
    const record = JSON.parse(await readFile(path, 'utf8')) as { blob?: string; parts?: { blob: string }[] };
    for (const { blob } of record.parts ?? []) referenced.add(blob);
    if (record.blob !== undefined) referenced.add(record.blob);
  }
  const blobs = (await filesBelow(join(dir, 's3', 'blobs'))).map((path) => basename(path));
  expect(blobs.sort()).toEqual([...referenced].sort());
}

async function verifyUploads(s3: S3Client, ledger: Ledger): Promise<void> {
  const listed = new Set<string>();
  for (const Bucket of ['plain', 'kept']) {
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    for (const { UploadId } of Uploads) listed.add(UploadId!);
  }
  for (const upload of ledger.uploads.values()) {
    if (!listed.has(upload.uploadId)) {
      expect(upload.ending, `upload ${upload.uploadId} of ${upload.key} is lost`).toBe(true);
      ledger.uploads.delete(upload.uploadId);
      continue;
    }
    upload.ending = false;
    await verifyParts(s3, upload);
  }
}

async function verifyParts(s3: S3Client, upload: KnownUpload): Promise<void> {
  const at = { Bucket: upload.bucket, Key: upload.key, UploadId: upload.uploadId };
  const { Parts = [] } = await s3.send(new ListPartsCommand(at));
  const etags = new Map(Parts.map(({ PartNumber, ETag }) => [PartNumber, ETag]));
  for (const [partNumber, possible] of upload.parts) {
    const found = possible.filter((bytes) => md5(bytes) === etags.get(partNumber));
    expect(found.length, `part ${partNumber} of ${upload.uploadId}`).toBe(1);
    upload.parts.set(partNumber, found);
  }
}

/** Does some work for each item, a few at a time. */
async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const lane = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** What a key, or one version of it, holds; GET checks that the body is whole. */
async function read(s3: S3Client, id: string, VersionId?: string): Promise<Content> {
  const [Bucket = '', ...rest] = id.split('/');
  const at = { Bucket, Key: rest.join('/'), ...(VersionId === undefined ? {} : { VersionId }) };
  try {
    const { Body, TagCount } = await s3.send(new GetObjectCommand(at));
    const content = { sha256: sha256(await Body!.transformToByteArray()), tag: '' };
    if (TagCount === undefined) return content;
    const { TagSet } = await s3.send(new GetObjectTaggingCommand(at));
    return { ...content, tag: TagSet?.[0]?.Value ?? '' };
  } catch (error) {
    if (/^NoSuch(Key|Version)$/.test((error as Error).name)) return undefined;
    throw error;
  }
}

function expectOneOf(id: string, content: Content, possible: readonly Content[]): void {
  const fits = possible.some((each) => isSame(each, content));
  expect(fits, `${id} holds ${JSON.stringify(content)}, expected one of ${JSON.stringify(possible)}`).toBe(
    true,
  );
}

async function listKeys(s3: S3Client, Bucket: string): Promise<string[]> {
  const keys: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket, ...(ContinuationToken === undefined ? {} : { ContinuationToken }) }),
    );
    for (const { Key } of page.Contents ?? []) keys.push(Key!);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return keys;
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}
