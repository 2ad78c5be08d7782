import { createHash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { DeleteObjectCommand, GetObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import { systemClock, type Clock } from '../../shared/clock.ts';
import { crc32c, crc32cToBase64 } from '../../shared/crc32c.ts';
import { formatDigest, sameDigest } from '../../shared/digest.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import type { Records } from '../../shared/records/index.ts';
import type { UploadService } from './core.ts';
import { contradiction, SNIFF_BYTES } from './media-type.ts';
import type { StoredUpload, UploadRecord } from './record.ts';
import { uploadIdFromKey } from './upload-id.ts';

/** A version of an object that S3 says was made. */
export interface CreatedObject {
  readonly key: string;
  readonly versionId: string;
}

/** What a scanner says of a file. */
export type ScanVerdict = { readonly clean: true } | { readonly clean: false; readonly reason: string };

/** A file that waits for its scan. */
export interface ScannedFile {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  /** Its bytes, anew with every call. */
  readonly open: () => Promise<Readable>;
}

export interface IntakeOptions {
  readonly service: UploadService;
  /** Where later versions are audited: the control bucket. */
  readonly records: Records;
  /** Publishes the event of an accepted upload; called again with the same record after a crash. */
  readonly publish: (record: AcceptedRecord) => Promise<void>;
  /** Looks at a file before anything is published; until it has said `clean` nobody can fetch it. What it throws is tried again. @default - none */
  readonly scan?: (file: ScannedFile) => Promise<ScanVerdict>;
  /** After so long another takes a publish over that nobody finished, in milliseconds. @default 60_000 */
  readonly takeOverMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default silentLogger */
  readonly logger?: Logger;
}

/** A record whose version is pinned. */
export type AcceptedRecord = UploadRecord & { readonly accepted: NonNullable<UploadRecord['accepted']> };

/**
 * What became of a new version. `published`: it was accepted, and its event is out. `again`: the same news twice.
 * `late`: another version was accepted or refused before; this one was audited and deleted. `refused`: it is not what
 * was announced, and was deleted. `foreign`: no upload of ours.
 */
export type IntakeOutcome = 'published' | 'again' | 'late' | 'refused' | 'foreign';

/** Another intake is at the same upload; the news must come again. */
export class IntakeBusyError extends Error {
  override readonly name = 'IntakeBusyError';
}

/**
 * Takes in what browsers and partners have uploaded: verifies size, digest, kind and scan; pins the first version that
 * passes; publishes one event for it. S3 may tell a version twice and in any order, and a form can be sent again until
 * it expires: nothing that comes later changes what was published.
 *
 * States of a record: *open* → *accepted* (version pinned by a conditional write) → *published*; or *open* → *refused*.
 * A crash after *accepted* is finished by whoever gets the news again.
 */
export function createIntake(options: IntakeOptions): (created: CreatedObject) => Promise<IntakeOutcome> {
  const { service, publish, scan, clock = systemClock, takeOverMs = 60_000 } = options;
  const { s3, store, records } = service;
  const Bucket = store.bucket;
  const logger = redactingLogger(options.logger ?? silentLogger);
  const now = (): string => new Date(clock.nowMs()).toISOString();

  const remove = async ({ key, versionId }: CreatedObject): Promise<void> => {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: key, VersionId: versionId }));
  };

  const late = async (record: UploadRecord, created: CreatedObject): Promise<IntakeOutcome> => {
    const { uploadId, state } = record;
    const key = `uploads/audit/${uploadId}/${encodeURIComponent(created.versionId)}.json`;
    await options.records.create(key, JSON.stringify({ version: 1, uploadId, state, ...created, at: now() }));
    await remove(created);
    logger.warn({ uploadId, versionId: created.versionId, state }, 'later version of an upload removed');
    return 'late';
  };

  const finish = async (stored: StoredUpload, record: AcceptedRecord): Promise<IntakeOutcome> => {
    try {
      await publish(record);
    } catch (error) {
      // Let go, so that the next try need not wait until it may take over.
      const released = { ...record, accepted: { ...record.accepted, at: new Date(0).toISOString() } };
      await records.replace({ ...stored, record }, released);
      throw error;
    }
    const published = { ...record, state: 'published' as const, publishedAt: now() };
    // Whoever was faster has published the same event under the same id.
    await records.replace({ ...stored, record }, published);
    await records.close(record);
    logger.info({ uploadId: record.uploadId, eventId: record.eventId }, 'upload published');
    return 'published';
  };

  const settled = async (stored: StoredUpload, created: CreatedObject): Promise<IntakeOutcome> => {
    const { record } = stored;
    const { accepted, state, refusal } = record;
    if (state === 'refused' && refusal?.versionId === created.versionId) {
      await remove(created); // the first try may have died between the two
      return 'again';
    }
    if (accepted === undefined || accepted.versionId !== created.versionId)
      return await late(record, created);
    if (state === 'published') {
      await records.close(record);
      return 'again';
    }
    if (clock.nowMs() - Date.parse(accepted.at) < takeOverMs)
      throw new IntakeBusyError(`upload ${record.uploadId} is being published`);
    const mine = { ...record, accepted: { ...accepted, at: now(), by: randomUUID() } };
    const taken = await records.replace(stored, mine);
    if (taken === undefined) throw new IntakeBusyError(`upload ${record.uploadId} is being published`);
    return await finish(taken, mine);
  };

  const open = async (record: UploadRecord, versionId: string): Promise<Readable> => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: record.key, VersionId: versionId }));
    return Body as Readable;
  };

  const refuse = async (
    stored: StoredUpload,
    created: CreatedObject,
    { code, detail }: Refusal,
  ): Promise<IntakeOutcome> => {
    const { record } = stored;
    const refusal = { code, detail, versionId: created.versionId, at: now() };
    const refused = await records.replace(stored, { ...record, state: 'refused', refusal });
    if (refused === undefined) throw new IntakeBusyError(`upload ${record.uploadId} has changed`);
    await remove(created);
    await records.close(record);
    logger.warn({ uploadId: record.uploadId, code }, 'upload refused');
    return 'refused';
  };

  const take = async (stored: StoredUpload, created: CreatedObject): Promise<IntakeOutcome> => {
    const { record } = stored;
    const { versionId } = created;
    const seen = await inspect(record, await s3Read(s3, Bucket, created)).catch((error: unknown) => {
      if (error instanceof S3ServiceException && GONE.has(error.name)) return undefined;
      throw error;
    });
    if (seen === undefined) return 'again'; // removed by another intake
    const wrong = seen.wrong ?? (await scanned(record, versionId));
    if (wrong !== undefined) return await refuse(stored, created, wrong);
    const accepted = {
      versionId,
      etag: seen.etag,
      digest: seen.digest,
      crc32c: seen.crc32c,
      at: now(),
      by: randomUUID(),
    };
    const pinned = await records.replace(stored, { ...record, state: 'accepted', accepted });
    if (pinned === undefined) throw new IntakeBusyError(`upload ${record.uploadId} has changed`);
    return await finish(pinned, { ...record, state: 'accepted', accepted });
  };

  const scanned = async (record: UploadRecord, versionId: string): Promise<Refusal | undefined> => {
    if (scan === undefined) return undefined;
    const { key, name, mediaType, size } = record;
    const verdict = await scan({
      bucket: Bucket,
      key,
      versionId,
      name,
      mediaType,
      size,
      open: async () => await open(record, versionId),
    });
    return verdict.clean ? undefined : { code: 'scan', detail: `"${name}" was refused: ${verdict.reason}` };
  };

  return async (created) => {
    const uploadId = uploadIdFromKey(created.key);
    const stored = uploadId === undefined ? undefined : await records.get(uploadId);
    if (stored === undefined) {
      logger.warn({ key: created.key }, 'an object that no upload was opened for');
      return 'foreign';
    }
    return stored.record.state === 'open' ? await take(stored, created) : await settled(stored, created);
  };
}

/** What S3 says of a version that is not there any more. */
const GONE = new Set(['NoSuchKey', 'NoSuchVersion']);

interface Refusal {
  readonly code: string;
  readonly detail: string;
}

async function s3Read(
  s3: UploadService['s3'],
  Bucket: string,
  { key, versionId }: CreatedObject,
): Promise<{ body: Readable; size: number; etag: string }> {
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: key, VersionId: versionId }));
  return { body: got.Body as Readable, size: got.ContentLength ?? -1, etag: got.ETag ?? '' };
}

interface Seen {
  readonly etag: string;
  readonly digest: string;
  readonly crc32c: string;
  readonly wrong: Refusal | undefined;
}

/** Reads a payload once, in constant memory, and compares it with what was announced. */
async function inspect(
  { name, size, mediaType, digest: announced }: UploadRecord,
  { body, size: stored, etag }: { body: Readable; size: number; etag: string },
): Promise<Seen> {
  if (stored !== size) {
    body.destroy();
    const detail = `"${name}" has ${stored} bytes, announced were ${size}.`;
    return { etag, digest: '', crc32c: '', wrong: { code: 'size', detail } };
  }
  const hash = createHash('sha256');
  let crc = 0;
  const head: Buffer[] = [];
  let headBytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    hash.update(chunk);
    crc = crc32c(chunk, crc);
    if (headBytes < SNIFF_BYTES) {
      head.push(chunk.subarray(0, SNIFF_BYTES - headBytes));
      headBytes += chunk.byteLength;
    }
  }
  const digest = formatDigest(hash.digest());
  const seen = { etag, digest, crc32c: crc32cToBase64(crc) };
  if (announced !== undefined && !sameDigest(announced, digest)) {
    const detail = `"${name}" does not have the digest that was announced.`;
    return { ...seen, wrong: { code: 'digest', detail } };
  }
  const actual = await contradiction(Buffer.concat(head), mediaType);
  if (actual === undefined) return { ...seen, wrong: undefined };
  const detail = `"${name}" was announced as ${mediaType}, but its content is ${actual}.`;
  return { ...seen, wrong: { code: 'media-type', detail } };
}
