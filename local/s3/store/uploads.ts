import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Error } from '../errors.ts';
import type { BlobStore } from './blobs.ts';
import { DirectoryMaker, listDirectory, readJson, syncDirectory, writeJsonDurably } from './durable-file.ts';
import { KeyLock } from './key-lock.ts';
import type { UploadPart, UploadRecord } from './records.ts';

/** An upload in progress. */
export interface Upload {
  readonly record: UploadRecord;
  readonly parts: Map<number, UploadPart>;
}

/** Multipart uploads in progress: a directory each, one JSON file for the upload and one for every part. */
export class UploadStore {
  readonly #dir: string;
  readonly #temporaryDir: string;
  readonly #blobs: BlobStore;
  readonly #directories = new DirectoryMaker();
  readonly #uploads = new Map<string, Upload>();
  readonly #locks = new KeyLock();

  constructor(dir: string, temporaryDir: string, blobs: BlobStore) {
    this.#dir = dir;
    this.#temporaryDir = temporaryDir;
    this.#blobs = blobs;
  }

  /** Reads the uploads from disk; those in `completed` became objects just before a crash and are dropped. */
  async load(completed: ReadonlySet<string>): Promise<void> {
    for (const uploadId of await listDirectory(this.#dir)) {
      const dir = join(this.#dir, uploadId);
      const names = await listDirectory(dir);
      if (completed.has(uploadId) || !names.includes('upload.json')) {
        await rm(dir, { recursive: true, force: true });
        continue;
      }
      const record = await readJson<UploadRecord>(join(dir, 'upload.json'));
      const parts = await Promise.all(
        names
          .filter((name) => name !== 'upload.json')
          .map(async (name) => await readJson<UploadPart>(join(dir, name))),
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
    await this.#directories.ensure(dir);
    await writeJsonDurably(join(dir, 'upload.json'), full, this.#temporaryDir);
    await syncDirectory(dir);
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
      await writeJsonDurably(join(dir, `${part.partNumber}.json`), part, this.#temporaryDir);
      upload.parts.set(part.partNumber, part);
      if (replaced !== undefined) await this.#blobs.remove([replaced.blob]);
    });
  }

  /** Runs `work` while no part can be added and the upload cannot end otherwise. */
  async exclusive<T>(uploadId: string, work: () => Promise<T>): Promise<T> {
    return await this.#locks.run(uploadId, work);
  }

  /** Forgets an upload and removes its bytes, but for the blobs in `kept`. Call it inside `exclusive`. */
  async end(upload: Upload, kept: ReadonlySet<string> = new Set()): Promise<void> {
    this.#uploads.delete(upload.record.uploadId);
    await rm(join(this.#dir, upload.record.uploadId), { recursive: true, force: true });
    const blobs = [...upload.parts.values()].map(({ blob }) => blob);
    await this.#blobs.remove(blobs.filter((blob) => !kept.has(blob)));
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
