import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import type { Target } from './target.ts';
import { ask, askAnonymously, askPresigned } from './wire/signed.ts';
import type { Ask, PresignAsk } from './wire/signed.ts';
import type { Reply } from './wire/send.ts';

/** What a case works with. Keys are its own to choose: it gets a prefix of its own. */
export interface World {
  readonly target: Target;
  /** Path style, one attempt, checksums only where they are asked for. */
  readonly s3: S3Client;
  /** A bucket that never had versions. */
  readonly plain: string;
  /** A bucket with versions. */
  readonly versioned: string;
  /** A key that no other case uses. */
  key(name?: string): string;
  /** A client with other settings. */
  client(config: S3ClientConfig): S3Client;
  /** A name that no bucket has. */
  bucketName(): string;
  /** A fresh, empty bucket. */
  bucket(options?: { readonly versioning?: boolean }): Promise<string>;
  /** Signed by header, by hand. */
  ask(wish: Ask): Promise<Reply>;
  /** Signed by query, by hand. */
  askPresigned(wish: PresignAsk): Promise<Reply>;
  /** Not signed. */
  askAnonymously(wish: Ask): Promise<Reply>;
}

const nothing = (): void => {};

/** Advice of the SDK for its users is no output of a test. */
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Makes the buckets. Call `clean` at the end: it removes every bucket that the cases made. */
export async function openWorld(target: Target): Promise<{ world: World; clean(): Promise<void> }> {
  const made: string[] = [];
  const clients: S3Client[] = [];
  const client = (config: S3ClientConfig = {}): S3Client => {
    const { endpoint, region, credentials } = target;
    const quiet = {
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    } as const;
    const usual = {
      endpoint,
      region,
      credentials,
      forcePathStyle: true,
      maxAttempts: 1,
      logger: SILENT,
      ...quiet,
    };
    const client = new S3Client({ ...usual, ...config });
    clients.push(client);
    return client;
  };
  const s3 = client();
  const bucketName = (): string => {
    const name = `conformance-${randomBytes(6).toString('hex')}`;
    made.push(name);
    return name;
  };
  const bucket = async ({ versioning = false } = {}): Promise<string> => {
    const Bucket = bucketName();
    await s3.send(new CreateBucketCommand({ Bucket, ...constraint(target) }));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    if (versioning) await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    return Bucket;
  };
  let count = 0;
  const world: World = {
    target,
    s3,
    plain: await bucket(),
    versioned: await bucket({ versioning: true }),
    key: (name = 'object') => `case-${++count}/${name}`,
    client,
    bucketName,
    bucket,
    ask: async (wish) => await ask(target, wish),
    askPresigned: async (wish) => await askPresigned(target, wish),
    askAnonymously: async (wish) => await askAnonymously(target, wish),
  };
  const clean = async (): Promise<void> => {
    for (const name of made) await removeBucket(s3, name);
    for (const client of clients) client.destroy();
  };
  return { world, clean };
}

/** us-east-1 is the one region that must not be named; others that are none of AWS's know only themselves. */
function constraint({ region, kind }: Target): object {
  if (region === 'us-east-1' || kind === 'radosgw') return {};
  return { CreateBucketConfiguration: { LocationConstraint: region } };
}

async function removeBucket(s3: S3Client, Bucket: string): Promise<void> {
  try {
    for (let isTruncated = true; isTruncated;) {
      const page = await s3.send(new ListObjectVersionsCommand({ Bucket }));
      for (const { Key, VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])])
        await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
      isTruncated = page.IsTruncated === true;
    }
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    for (const { Key, UploadId } of Uploads)
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    await s3.send(new DeleteBucketCommand({ Bucket }));
  } catch (error) {
    if ((error as Error).name !== 'NoSuchBucket') throw error;
  }
}
