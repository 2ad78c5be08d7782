import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { BUCKET } from './target.ts';
import type { Target } from './target.ts';

/** Megabytes (10^6 bytes) in a second. */
export interface TransferRates {
  readonly up: number;
  readonly down: number;
}

/** Size of every part but the last. */
export const PART_BYTES = 16 * 1024 ** 2;
const CONCURRENT_PARTS = 4;
const MEGABYTE = 1_000_000;

/** Rates of one large object: up by the SDK in parts, four at a time; down by curl to nowhere. */
export async function measureTransfer(target: Target, sizeBytes: number): Promise<TransferRates> {
  const { endpoint, region, credentials } = target;
  const client = new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  const at = { Bucket: BUCKET, Key: 'large' };
  const startedMs = performance.now();
  await uploadInParts(client, at, sizeBytes);
  const up = sizeBytes / MEGABYTE / ((performance.now() - startedMs) / 1000);
  const url = await getSignedUrl(client, new GetObjectCommand(at), { expiresIn: 3600 });
  client.destroy();
  return { up, down: await download(url, sizeBytes) };
}

/** Sends `sizeBytes` in parts, each the same bytes. */
export async function uploadInParts(
  client: S3Client,
  at: { readonly Bucket: string; readonly Key: string },
  sizeBytes: number,
  bytes: Uint8Array = randomBytes(PART_BYTES),
): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
  const count = Math.ceil(sizeBytes / PART_BYTES);
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const queue = numbers.values();
  const etags = new Map<number, string | undefined>();
  await Promise.all(
    Array.from({ length: CONCURRENT_PARTS }, async () => {
      for (const PartNumber of queue) {
        const Body = bytes.subarray(0, Math.min(PART_BYTES, sizeBytes - (PartNumber - 1) * PART_BYTES));
        const { ETag } = await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
        etags.set(PartNumber, ETag);
      }
    }),
  );
  const Parts = numbers.map((PartNumber) => ({ PartNumber, ETag: etags.get(PartNumber) }));
  await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
}

async function download(url: string, sizeBytes: number): Promise<number> {
  const format = '%{http_code} %{size_download} %{time_total}';
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-o', '/dev/null', '-w', format, url]);
  const [status, bytes, seconds] = stdout.split(' ').map(Number);
  if (status !== 200 || bytes !== sizeBytes || seconds === undefined)
    throw new Error(`curl: got status ${status} and ${bytes} bytes`);
  return sizeBytes / MEGABYTE / seconds;
}
