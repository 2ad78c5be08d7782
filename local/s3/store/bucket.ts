import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { S3Error } from '../errors.ts';
import type { BlobStore } from './blobs.ts';
import { UnsyncedError, listDirectory } from './disk.ts';
import type { Disk } from './disk.ts';
import { KeyIndex } from './key-index.ts';
import { KeyLock } from './key-lock.ts';
import { readRecords } from './read-records.ts';
import type { BucketRecord, ObjectDraft, Versioning, VersionRecord } from './records.ts';

/** What a bucket needs of the store around it. */
export interface BucketContext {
  readonly blobs: BlobStore;
  readonly disk: Disk;
  readonly nextSequence: () => number;
  readonly nowMs: () => number;
}

/** What a delete did. */
export interface DeleteOutcome {
  /** A marker was written, or a marker was the version removed. */
  readonly deleteMarker: boolean;
  readonly versionId?: string;
}

/** Decides, inside the key's lock, whether the write may happen; throws an S3Error if not. */
export type WriteCondition = (current: VersionRecord | undefined) => void;

/** One bucket: its versions on disk, one JSON file each, and their index in memory. */
export class Bucket {
  readonly index = new KeyIndex();
  readonly #dir: string;
  readonly #context: BucketContext;
  readonly #locks = new KeyLock();
  #record: BucketRecord;
  #deleted = false;

  constructor(dir: string, record: BucketRecord, context: BucketContext) {
    this.#dir = dir;
    this.#record = record;
    this.#context = context;
  }

  get name(): string {
    return this.#record.name;
  }

  get record(): BucketRecord {
    return this.#record;
  }

  /** Reads every version from disk into the index. */
  async load(): Promise<void> {
    const root = join(this.#dir, 'versions');
    for (const shard of await listDirectory(root)) {
      const dir = join(root, shard);
      const records = await readRecords<VersionRecord>(dir, await listDirectory(dir));
      for (const record of records) this.index.put(record);
    }
  }

  /** Writes the bucket's own record. */
  async save(): Promise<void> {
    const { disk } = this.#context;
    await disk.ensureDirectory(this.#dir);
    await disk.writeJson(join(this.#dir, 'bucket.json'), this.#record);
    await disk.syncDirectory(this.#dir);
  }

  async setVersioning(versioning: Versioning): Promise<void> {
    this.#record = { ...this.#record, versioning };
    await this.save();
  }

  /** Sets configurations of the bucket or, with undefined, removes them. */
  async configure(change: Partial<Pick<BucketRecord, 'policy' | 'cors' | 'lifecycle'>>): Promise<void> {
    // One change at a time: the lock of a key that no object has
    await this.#locks.run('', async () => {
      if (this.#deleted) throw new S3Error('NoSuchBucket', { BucketName: this.name });
      this.#record = { ...this.#record, ...change };
      await this.save();
    });
  }

  /** The newest version, which may be a delete marker. */
  current(key: string): VersionRecord | undefined {
    return this.index.versionsOf(key)[0];
  }

  version(key: string, versionId: string): VersionRecord | undefined {
    return this.index.versionsOf(key).find((record) => record.versionId === versionId);
  }

  /**
   * Makes a draft the newest version of its key, atomically: `condition` and the write are one step for others.
   * @param settle runs once the version is there, before anybody may replace or delete it
   * @throws {S3Error} whatever `condition` throws; NoSuchBucket if the bucket went meanwhile.
   * @throws {UnsyncedError} after the version has become visible
   */
  async publish(
    draft: ObjectDraft,
    condition: WriteCondition,
    settle?: () => Promise<void>,
  ): Promise<VersionRecord> {
    return await this.#locks.run(draft.key, async () => {
      condition(this.#live(draft.key));
      return await this.#append({ ...draft, deleteMarker: false }, settle);
    });
  }

  /** Deletes the way S3 does without a version: a marker where versions are kept, else the bytes. */
  async deleteCurrent(key: string, condition: WriteCondition): Promise<DeleteOutcome> {
    return await this.#locks.run(key, async () => {
      condition(this.#live(key));
      if (this.#record.versioning === 'Off') {
        await this.#erase(key, 'null');
        return { deleteMarker: false };
      }
      const marker = { key, etag: '', sizeBytes: 0, parts: [], headers: {}, user: {}, tags: {} };
      const { versionId } = await this.#append({ ...marker, deleteMarker: true });
      return { deleteMarker: true, versionId };
    });
  }

  /**
   * Removes one version for good. Removing one that does not exist succeeds, as in S3.
   * @param condition sees the version as it is @default - always
   */
  async deleteVersion(
    key: string,
    versionId: string,
    condition: WriteCondition = () => {},
  ): Promise<DeleteOutcome> {
    return await this.#locks.run(key, async () => {
      condition(this.version(key, versionId));
      const gone = await this.#erase(key, versionId);
      return { deleteMarker: gone?.deleteMarker ?? false, versionId };
    });
  }

  /** Replaces the tags of a version. @throws {S3Error} whatever `find` throws. */
  async setTags(
    key: string,
    tags: Readonly<Record<string, string>>,
    find: () => VersionRecord,
  ): Promise<VersionRecord> {
    return await this.#locks.run(key, async () => {
      const record = { ...find(), tags };
      await this.#write(record);
      return record;
    });
  }

  /** Removes the empty bucket; writes that are still under way then fail. @throws {S3Error} BucketNotEmpty */
  async delete(): Promise<void> {
    this.#refuseUnlessEmpty();
    this.#deleted = true;
    try {
      await this.#locks.idle(); // a write that had begun ends first, and may have filled the bucket
      this.#refuseUnlessEmpty();
      const removeRest = await this.#context.disk.detachDirectory(this.#dir);
      await removeRest();
    } catch (error) {
      if (!(error instanceof UnsyncedError)) this.#deleted = false;
      throw error;
    }
  }

  #refuseUnlessEmpty(): void {
    if (!this.index.isEmpty) throw new S3Error('BucketNotEmpty', { BucketName: this.name });
  }

  #live(key: string): VersionRecord | undefined {
    if (this.#deleted) throw new S3Error('NoSuchBucket', { BucketName: this.name });
    const current = this.current(key);
    return current?.deleteMarker === true ? undefined : current;
  }

  async #append(
    draft: ObjectDraft & { deleteMarker: boolean },
    settle?: () => Promise<void>,
  ): Promise<VersionRecord> {
    const versionId = this.#record.versioning === 'Enabled' ? newVersionId() : 'null';
    const replaced = this.version(draft.key, versionId);
    const { nextSequence, nowMs } = this.#context;
    const record = { ...draft, versionId, sequence: nextSequence(), modifiedAtMs: nowMs() };
    await this.#write(record, settle);
    if (replaced !== undefined) await this.#context.blobs.remove(blobsOf(replaced));
    return record;
  }

  async #write(record: VersionRecord, settle?: () => Promise<void>): Promise<void> {
    const { disk } = this.#context;
    const path = this.#path(record.key, record.versionId);
    await disk.ensureDirectory(dirname(path));
    await disk.writeJson(path, record);
    this.index.put(record);
    try {
      await disk.syncDirectory(dirname(path));
    } finally {
      await settle?.();
    }
  }

  async #erase(key: string, versionId: string): Promise<VersionRecord | undefined> {
    const record = this.version(key, versionId);
    if (record === undefined) return undefined;
    const path = this.#path(key, versionId);
    await rm(path, { force: true });
    this.index.remove(key, versionId);
    await this.#context.disk.syncDirectory(dirname(path));
    await this.#context.blobs.remove(blobsOf(record));
    return record;
  }

  /** Both parts of the name are safe: a hash, and an id that a record of ours holds. */
  #path(key: string, versionId: string): string {
    const hash = createHash('sha256').update(key).digest('hex');
    return join(this.#dir, 'versions', hash.slice(0, 1), `${hash}-${versionId}.json`);
  }
}

/** The blobs a version consists of. */
export function blobsOf(record: VersionRecord): string[] {
  return record.parts.map(({ blob }) => blob);
}

/** 32 URL-safe characters, like S3's. */
function newVersionId(): string {
  return randomBytes(24).toString('base64url');
}
