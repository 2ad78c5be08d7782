import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Error } from '../errors.ts';
import type { BlobStore } from './blobs.ts';
import { listDirectory } from './disk.ts';
import type { Disk } from './disk.ts';
import { KeyLock } from './key-lock.ts';
import { readRecord, readRecords } from './read-records.ts';
import type { UploadPart, UploadRecord } from './records.ts';

/** An upload in progress. */
export interface Upload {
  readonly record: UploadRecord;
  readonly parts: Map<number, UploadPart>;
}

/** Multipart uploads in progress: a directory each, one JSON file for the upload and one for every part. */
export class UploadStore {
  readonly #dir: string;
  readonly #disk: Disk;
  readonly #blobs: BlobStore;
  readonly #uploads = new Map<string, Upload>();
  readonly #locks = new KeyLock();

  constructor(dir: string, disk: Disk, blobs: BlobStore) {
    this.#dir = dir;
    this.#disk = disk;
    this.#blobs = blobs;
  }

  /**
   * Reads the uploads from disk.
   * @param isOver tells which ended just before a crash: they became objects, or their bucket went
   */
  async load(isOver: (record: UploadRecord) => boolean): Promise<void> {
    for (const uploadId of await listDirectory(this.#dir)) {
      const dir = join(this.#dir, uploadId);
      const names = await listDirectory(dir);
      const record = names.includes('upload.json')
        ? (readRecord(join(dir, 'upload.json')) as UploadRecord | undefined)
        : undefined;
      if (record === undefined || isOver(record)) {
        await rm(dir, { recursive: true, force: true });
        continue;
      }
      const parts = await readRecords<UploadPart>(
        dir,
        names.filter((name) => name !== 'upload.json'),
      );
      this.#uploads.set(uploadId, {
        record,
        parts: new Map(parts.map((part) => [part.partNumber, part])),
      });
    }
  }

  async create(record: Omit<UploadRecord, 'uploadId'>): Promise<UploadRecord> {
    const uploadId = randomBytes(48).toString('base64url');
    const full = { ...record, uploadId };
    const dir = join(this.#dir, uploadId);
    await this.#disk.makeDirectory(dir);
    await this.#disk.writeJson(join(dir, 'upload.json'), full);
    await this.#disk.syncDirectory(dir);
    this.#uploads.set(uploadId, { record: full, parts: new Map() });
    return full;
  }

  /** @throws {S3Error} NoSuchUpload, also if the upload is for another bucket or key. */
  get(uploadId: string, bucket: string, key: string): Upload {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined || upload.record.bucket !== bucket || upload.record.key !== key) {
      throw new S3Error('NoSuchUpload', { UploadId: uploadId });
    }
    return upload;
  }

  /**
   * Stores a part, in the place of an earlier one with its number.
   * @throws {S3Error} NoSuchUpload if the upload ended while the part's bytes were on their way.
   */
  async putPart(upload: Upload, part: UploadPart): Promise<void> {
    const { uploadId, bucket, key } = upload.record;
    await this.exclusive(uploadId, async () => {
      this.get(uploadId, bucket, key);
      const replaced = upload.parts.get(part.partNumber);
      const dir = join(this.#dir, uploadId);
      await this.#disk.writeJson(join(dir, `${part.partNumber}.json`), part);
      upload.parts.set(part.partNumber, part);
      await this.#disk.syncDirectory(dir);
      if (replaced !== undefined) await this.#blobs.remove([replaced.blob]);
    });
  }

  /** Runs `work` while no part can be added and the upload cannot end otherwise. */
  async exclusive<T>(uploadId: string, work: () => Promise<T>): Promise<T> {
    return await this.#locks.run(uploadId, work);
  }

  /**
   * Forgets an upload, in one step on disk; its bytes stay. Call it inside `exclusive`.
   * @returns removes the bytes, but for the blobs in `kept`; if it never runs, the next start does
   */
  async detach(upload: Upload): Promise<(kept?: ReadonlySet<string>) => Promise<void>> {
    const { uploadId } = upload.record;
    this.#uploads.delete(uploadId);
    const removeRecords = await this.#disk.detachDirectory(join(this.#dir, uploadId));
    return async (kept = new Set()) => {
      const blobs = [...upload.parts.values()].map(({ blob }) => blob);
      await this.#blobs.remove(blobs.filter((blob) => !kept.has(blob)));
      await removeRecords();
    };
  }

  /** Forgets an upload and removes its bytes. Call it inside `exclusive`. */
  async end(upload: Upload): Promise<void> {
    const removeBytes = await this.detach(upload);
    await removeBytes();
  }

  /** Every upload in progress in a bucket, in no order. */
  inBucket(bucket: string): UploadRecord[] {
    return [...this.#uploads.values()]
      .map(({ record }) => record)
      .filter((record) => record.bucket === bucket);
  }

  *all(): Generator<Upload> {
    yield* this.#uploads.values();
  }
}
