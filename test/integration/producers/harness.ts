import { generateKeyPairSync } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { startLocal, type LocalStack, type LocalBucket } from '../../../local/index.ts';
import { createPublisher, type Publisher, type PublisherOptions } from '../../../producers/index.ts';
import {
  createClaimCheckSigner,
  createClaimCheckVerifier,
  type ClaimCheckSigner,
} from '../../../shared/claim-check.ts';
import type { WaybillEvent } from '../../../shared/events/index.ts';

export const MIB = 1024 ** 2;

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
export const signer = createClaimCheckSigner({ issuer: 'billing', kid: 'k1', privateKey });
export const verifier = createClaimCheckVerifier({
  keys: [
    {
      kid: 'k1',
      issuer: 'billing',
      publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      prefixes: ['payloads/billing/'],
    },
  ],
});

/** A stack with a bucket, a bus, and a queue that gets everything. */
export async function startStack(bucket: LocalBucket = { name: 'payloads' }): Promise<LocalStack> {
  return await startLocal({
    buckets: [bucket],
    buses: ['waybill'],
    queues: [{ name: 'orders' }],
    rules: [{ bus: 'waybill', name: 'all', pattern: { source: [{ prefix: '' }] }, queue: 'orders' }],
  });
}

/** A publisher against a stack: small parts, quick retries. */
export function publisherFor(
  stack: LocalStack,
  options: Partial<PublisherOptions> = {},
  signedBy: ClaimCheckSigner | null = signer,
): Publisher {
  const retry = { backoffBaseMs: 1, backoffCapMs: 5 };
  return createPublisher({
    producer: 'billing',
    bus: 'waybill',
    ...(signedBy === null ? {} : { signer: signedBy }),
    stores: { main: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint } },
    endpoint: stack.endpoint,
    credentials: stack.credentials,
    retry,
    ...options,
    upload: { partSizeBytes: 5 * MIB, multipartThresholdBytes: 5 * MIB, retry, ...options.upload },
  });
}

export function s3For(stack: LocalStack): S3Client {
  return new S3Client(stack.clientOptions());
}

/** The stored bytes of an attachment, by its presigned URL. */
export async function download(event: WaybillEvent, index: number): Promise<Buffer> {
  const response = await fetch(event.data.attachments[index]!.access!.url.reveal());
  if (response.status !== 200) throw new Error(`GET answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

/** Bytes that differ from part to part. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0, value = seed; at < length; at += 4096) {
    value = (value * 1_103_515_245 + 12_345) % 2_147_483_648;
    bytes.fill(value % 256, at, Math.min(at + 4096, length));
  }
  return bytes;
}

/** Chunks of a buffer, as a stream has them. */
export async function* chunksOf(bytes: Buffer, chunkBytes = 100_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
