import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { idOf } from './ledger.ts';
import type { KnownUpload, Ledger } from './ledger.ts';
import { freshBytes, pick, sha256 } from './random.ts';

const WORKERS = 6;
const KEYS = 4;
const SIZES = [0, 1, 900, 65_536, 65_536, 300_000, 1_300_000] as const;
const PART_BYTES = 5 * 1024 ** 2;
const filler = freshBytes(PART_BYTES);

/** What a worker has at hand. Each owns its keys, so that it alone knows what they may hold. */
interface Worker {
  readonly s3: S3Client;
  readonly ledger: Ledger;
  readonly random: () => number;
  readonly own: readonly string[];
  readonly round: number;
}

/** Writes until the stack is gone; resolves then. */
export async function runLoad(
  s3: S3Client,
  ledger: Ledger,
  random: () => number,
  round: number,
  gone: () => boolean,
): Promise<void> {
  const workers = Array.from({ length: WORKERS }, async (_, number) => {
    const own = Array.from({ length: KEYS }, (_, index) => `w${number}/k${index}`);
    const worker = { s3, ledger, random, own, round };
    while (!gone()) {
      try {
        await pick(random, OPERATIONS)(worker);
      } catch (error) {
        if (!gone() && !/ECONN|socket|EPIPE|aborted|hang up/i.test(String(error))) throw error;
        return;
      }
    }
  });
  await Promise.all(workers);
}

async function put({ s3, ledger, random, own }: Worker): Promise<void> {
  const at = { Bucket: pick(random, ['plain', 'kept']), Key: pick(random, own) };
  const Body = freshBytes(pick(random, SIZES));
  const tag = random() < 0.3 ? `t${Math.floor(random() * 1000)}` : '';
  const content = { sha256: sha256(Body), tag };
  const Tagging = tag === '' ? undefined : `tag=${tag}`;
  const { VersionId } = await ledger.write(
    idOf(at.Bucket, at.Key),
    content,
    async () =>
      await s3.send(new PutObjectCommand({ ...at, Body, ...(Tagging === undefined ? {} : { Tagging }) })),
  );
  noteVersion(ledger, at, VersionId, content);
}

async function copy({ s3, ledger, random, own }: Worker): Promise<void> {
  const from = { bucket: pick(random, ['plain', 'kept']), key: pick(random, own) };
  const [content, ...others] = ledger.possible(idOf(from.bucket, from.key));
  const at = { Bucket: pick(random, ['plain', 'kept']), Key: pick(random, own) };
  if (content === undefined || others.length > 0 || idOf(at.Bucket, at.Key) === idOf(from.bucket, from.key))
    return;
  const { VersionId } = await ledger.write(
    idOf(at.Bucket, at.Key),
    content,
    async () => await s3.send(new CopyObjectCommand({ ...at, CopySource: `${from.bucket}/${from.key}` })),
  );
  noteVersion(ledger, at, VersionId, content);
}

async function remove({ s3, ledger, random, own }: Worker): Promise<void> {
  const at = { Bucket: pick(random, ['plain', 'kept']), Key: pick(random, own) };
  await ledger.write(
    idOf(at.Bucket, at.Key),
    undefined,
    async () => await s3.send(new DeleteObjectCommand(at)),
  );
}

async function removeVersion({ s3, ledger, own }: Worker): Promise<void> {
  const mine = [...ledger.versions.values()].filter(
    ({ key, possible }) => own.includes(key) && possible[0] !== undefined,
  );
  if (mine.length < 8) return;
  const [version] = mine; // the oldest, which is not its key's current one for sure
  const current = mine.filter(({ key }) => key === version!.key).length === 1;
  if (version === undefined || current) return;
  const { bucket: Bucket, key: Key, versionId: VersionId } = version;
  version.possible.push(undefined);
  await ledger.attempt(async () => await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId })));
  version.possible = [undefined];
}

async function tag({ s3, ledger, random, own }: Worker): Promise<void> {
  const at = { Bucket: 'plain', Key: pick(random, own) };
  const [content, ...others] = ledger.possible(idOf(at.Bucket, at.Key));
  if (content === undefined || others.length > 0) return;
  const Value = `r${Math.floor(random() * 1000)}`;
  await ledger.write(
    idOf(at.Bucket, at.Key),
    { ...content, tag: Value },
    async () =>
      await s3.send(new PutObjectTaggingCommand({ ...at, Tagging: { TagSet: [{ Key: 'tag', Value }] } })),
  );
}

/** Everybody wants the same new key: one may have it. */
async function race({ s3, ledger, random, round }: Worker): Promise<void> {
  const key = `race/${round}-${Math.floor(random() * 6)}`;
  const Body = freshBytes(500);
  const content = { sha256: sha256(Body), tag: '' };
  const entry = ledger.races.get(key) ?? { attempts: [], winner: undefined };
  ledger.races.set(key, entry);
  entry.attempts.push(content);
  try {
    await s3.send(new PutObjectCommand({ Bucket: 'plain', Key: key, Body, IfNoneMatch: '*' }));
  } catch (error) {
    if (
      (error as Error).name !== 'PreconditionFailed' &&
      (error as Error).name !== 'ConditionalRequestConflict'
    )
      throw error;
    entry.attempts.splice(entry.attempts.indexOf(content), 1);
    return;
  }
  if (entry.winner !== undefined) throw new Error(`two clients created ${key}`);
  entry.winner = content;
  ledger.acknowledged += 1;
}

async function beginUpload({ s3, ledger, random, own }: Worker): Promise<void> {
  const at = { Bucket: pick(random, ['plain', 'kept']), Key: pick(random, own) };
  const mine = [...ledger.uploads.values()].filter(({ key }) => own.includes(key));
  if (mine.length >= 3) return;
  const { UploadId } = await ledger.attempt(async () => await s3.send(new CreateMultipartUploadCommand(at)));
  const upload: KnownUpload = {
    bucket: at.Bucket,
    key: at.Key,
    uploadId: UploadId!,
    parts: new Map(),
    ending: false,
  };
  ledger.uploads.set(upload.uploadId, upload);
  await sendPart(s3, ledger, upload, 1, PART_BYTES);
}

async function addPart({ s3, ledger, random, own }: Worker): Promise<void> {
  const upload = pickUpload(ledger, random, own);
  if (upload === undefined) return;
  const partNumber = upload.parts.has(1) ? pick(random, [2, 2, 1]) : 1;
  await sendPart(
    s3,
    ledger,
    upload,
    partNumber,
    partNumber === 1 ? PART_BYTES : 1 + Math.floor(random() * 100_000),
  );
}

async function endUpload({ s3, ledger, random, own }: Worker): Promise<void> {
  const upload = pickUpload(ledger, random, own);
  if (upload === undefined || ![...upload.parts.values()].every(({ length }) => length === 1)) return;
  const at = { Bucket: upload.bucket, Key: upload.key, UploadId: upload.uploadId };
  upload.ending = true;
  if (upload.parts.size === 0 || random() < 0.2) {
    await ledger.attempt(async () => await s3.send(new AbortMultipartUploadCommand(at)));
  } else {
    await completeUpload(s3, ledger, upload);
  }
  ledger.uploads.delete(upload.uploadId);
}

/** Completes an upload all of whose parts are certain. */
export async function completeUpload(s3: S3Client, ledger: Ledger, upload: KnownUpload): Promise<void> {
  const at = { Bucket: upload.bucket, Key: upload.key, UploadId: upload.uploadId };
  const parts = [...upload.parts].sort(([a], [b]) => a - b);
  const content = { sha256: sha256(Buffer.concat(parts.map(([, [bytes]]) => bytes!))), tag: '' };
  const Parts = parts.map(([PartNumber, [bytes]]) => ({ PartNumber, ETag: md5(bytes!) }));
  const { VersionId } = await ledger.write(
    idOf(at.Bucket, at.Key),
    content,
    async () => await s3.send(new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts } })),
  );
  noteVersion(ledger, at, VersionId, content);
}

async function sendPart(
  s3: S3Client,
  ledger: Ledger,
  upload: KnownUpload,
  PartNumber: number,
  sizeBytes: number,
): Promise<void> {
  const Body = Buffer.concat([
    freshBytes(Math.min(16, sizeBytes)),
    filler.subarray(0, Math.max(0, sizeBytes - 16)),
  ]);
  const before = upload.parts.get(PartNumber);
  if (before !== undefined) before.push(Body);
  const at = { Bucket: upload.bucket, Key: upload.key, UploadId: upload.uploadId, PartNumber };
  await ledger.attempt(async () => await s3.send(new UploadPartCommand({ ...at, Body })));
  upload.parts.set(PartNumber, [Body]);
}

function pickUpload(ledger: Ledger, random: () => number, own: readonly string[]): KnownUpload | undefined {
  const mine = [...ledger.uploads.values()].filter(({ key, ending }) => own.includes(key) && !ending);
  return mine.length === 0 ? undefined : pick(random, mine);
}

function noteVersion(
  ledger: Ledger,
  { Bucket, Key }: { Bucket: string; Key: string },
  versionId: string | undefined,
  content: { sha256: string; tag: string },
): void {
  if (versionId === undefined) return;
  ledger.versions.set(versionId, { bucket: Bucket, key: Key, versionId, possible: [content] });
}

export const md5 = (bytes: Buffer): string => `"${createHash('md5').update(bytes).digest('hex')}"`;

const OPERATIONS = [
  put,
  put,
  put,
  put,
  copy,
  remove,
  removeVersion,
  tag,
  tag,
  race,
  race,
  beginUpload,
  addPart,
  endUpload,
];
