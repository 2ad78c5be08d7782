import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Error } from '../errors.ts';
import { BlobStore } from './blobs.ts';
import { Bucket, blobsOf } from './bucket.ts';
import type { BucketContext } from './bucket.ts';
import { Disk, listDirectory } from './disk.ts';
import type { Durability } from './disk.ts';
import { KeyLock } from './key-lock.ts';
import { readRecord } from './read-records.ts';
import type { BucketRecord } from './records.ts';
import { UploadStore } from './uploads.ts';

/*
 * The store on disk:
 *
 *   DIR/blobs/<1 hex>/<32 hex>                        bytes, named at random; an object is a list of blobs
 *   DIR/buckets/<bucket>/bucket.json                  name, date, versioning, policy, CORS, lifecycle
 *   DIR/buckets/<bucket>/versions/<1 hex>/<sha256 of the key>-<version id>.json
 *                                                     one version or delete marker: key, size, etag, blobs, …
 *   DIR/uploads/<upload id>/upload.json, <part>.json  a multipart upload in progress and its parts
 *   DIR/tmp/                                          files before their rename
 *
 * A version exists when its JSON file does. Bytes are written first, then the JSON is written aside and renamed
 * in: a crash at any point leaves the old state or the new one, and blobs that nothing names, which the next
 * start removes. With durability `power` each step is synced before the next. Completing an upload moves no byte: the version lists the parts' blobs.
 * A version names the upload it came from, so that an upload that a crash left half ended is recognised.
 *
 * Sixteen directories, not more: to make a file in a directory that was not touched of late costs several times
 * as much, and ext4 and its like find a name among a hundred thousand as quickly as among a hundred.
 *
 * No name on disk contains anything a client chose, but for bucket names, which have passed S3's rules
 * (`[a-z0-9.-]`, no leading dot, no `..`). The sorted index of keys is in memory and rebuilt at start.
 */

/** What the store needs. */
export interface StoreOptions {
  /** Made if it is not there. One store at a time may use it. */
  readonly dir: string;
  nowMs(): number;
  /** What an acknowledged write survives. */
  readonly durability: Durability;
}

/** Everything this S3 keeps. */
export class Store {
  readonly blobs: BlobStore;
  readonly uploads: UploadStore;
  readonly #dir: string;
  readonly #context: BucketContext;
  readonly #buckets = new Map<string, Bucket>();
  readonly #locks = new KeyLock();
  #sequence = 0;

  private constructor(options: StoreOptions) {
    const disk = new Disk(join(options.dir, 'tmp'), options.durability);
    this.#dir = join(options.dir, 'buckets');
    this.blobs = new BlobStore(join(options.dir, 'blobs'), disk);
    this.uploads = new UploadStore(join(options.dir, 'uploads'), disk, this.blobs);
    this.#context = {
      blobs: this.blobs,
      disk,
      nextSequence: () => (this.#sequence += 1),
      nowMs: () => options.nowMs(),
    };
  }

  /** Opens a directory: reads what is there and removes what a crash left half done. */
  static async open(options: StoreOptions): Promise<Store> {
    const store = new Store(options);
    await rm(join(options.dir, 'tmp'), { recursive: true, force: true });
    for (const name of ['tmp', 'blobs', 'buckets', 'uploads']) {
      await store.#context.disk.makeDirectory(join(options.dir, name));
    }
    await store.#load();
    return store;
  }

  /** @throws {S3Error} NoSuchBucket */
  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', { BucketName: name });
    return bucket;
  }

  hasBucket(name: string): boolean {
    return this.#buckets.has(name);
  }

  /** All buckets by name. */
  buckets(): Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Makes a bucket whose name has been checked. @throws {S3Error} BucketAlreadyOwnedByYou */
  async createBucket(name: string, versioned: boolean): Promise<void> {
    await this.#locks.run(name, async () => {
      if (this.#buckets.has(name)) throw new S3Error('BucketAlreadyOwnedByYou', { BucketName: name });
      const record: BucketRecord = {
        name,
        createdAtMs: this.#context.nowMs(),
        versioning: versioned ? 'Enabled' : 'Off',
      };
      const bucket = new Bucket(join(this.#dir, name), record, this.#context);
      await bucket.save();
      this.#buckets.set(name, bucket);
    });
  }

  /** Uploads in progress do not keep a bucket; they end with it. @throws {S3Error} NoSuchBucket or BucketNotEmpty */
  async deleteBucket(name: string): Promise<void> {
    await this.#locks.run(name, async () => {
      const bucket = this.bucket(name);
      await bucket.delete();
      this.#buckets.delete(name);
      for (const { uploadId, key } of this.uploads.inBucket(name)) {
        const upload = this.uploads.get(uploadId, name, key);
        await this.uploads.exclusive(uploadId, async () => await this.uploads.end(upload));
      }
    });
  }

  async #load(): Promise<void> {
    const referenced = new Set<string>();
    const completed = new Set<string>();
    for (const name of await listDirectory(this.#dir)) {
      const dir = join(this.#dir, name);
      const found = (await listDirectory(dir)).includes('bucket.json');
      const bucketRecord = found
        ? (readRecord(join(dir, 'bucket.json')) as BucketRecord | undefined)
        : undefined;
      if (bucketRecord === undefined) {
        await rm(dir, { recursive: true, force: true });
        continue;
      }
      const bucket = new Bucket(dir, bucketRecord, this.#context);
      await bucket.load();
      this.#buckets.set(name, bucket);
      for (const record of bucket.index.all()) {
        this.#sequence = Math.max(this.#sequence, record.sequence);
        for (const blob of blobsOf(record)) referenced.add(blob);
        if (record.uploadId !== undefined) completed.add(record.uploadId);
      }
    }
    await this.uploads.load(({ uploadId, bucket }) => completed.has(uploadId) || !this.#buckets.has(bucket));
    for (const { parts } of this.uploads.all()) {
      for (const { blob } of parts.values()) referenced.add(blob);
    }
    await this.blobs.sweep(referenced);
  }
}
