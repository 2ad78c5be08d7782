import { createHash } from 'node:crypto';
import { AwsChunkedDecoder } from './aws-chunked.ts';
import { createChecksum } from './checksum.ts';
import type { ChecksumAlgorithm } from './checksum.ts';
import { readChecksumClaim } from './checksum-claim.ts';
import type { ChecksumClaim } from './checksum-claim.ts';
import { S3Error, invalidArgument, invalidRequest } from './errors.ts';
import { MAX_DOCUMENT_BYTES } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import type { BlobStore } from './store/blobs.ts';

/**
 * Largest single upload or part, in bytes.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
export const MAX_SINGLE_UPLOAD_BYTES = 5 * 1024 ** 3;

/** What is known of a body after all of it was received and verified. */
export interface BodyFacts {
  readonly sizeBytes: number;
  /** Hex. */
  readonly md5: string;
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
}

/** Settings of one reception. */
export interface ReceiveOptions {
  /** @default 5 GiB */
  readonly maxBytes?: number;
  /** Computed if the client claims no checksum. */
  readonly computeChecksum?: ChecksumAlgorithm;
  /** The checksum headers speak of something else than this body. @default false */
  readonly foreignChecksum?: boolean;
}

/**
 * Receives a body into a new blob, verifying all that the client claims of it: length, Content-MD5,
 * x-amz-content-sha256, chunk signatures and checksums in headers or trailers.
 * @throws {S3Error} if a claim is wrong; nothing is kept then.
 */
export async function receiveBlob(
  exchange: Exchange,
  blobs: BlobStore,
  options: ReceiveOptions = {},
): Promise<BodyFacts & { readonly blob: string }> {
  const plan = planBody(exchange, options);
  const writer = await blobs.create();
  try {
    const facts = await receive(exchange, plan, async (chunk) => await writer.write(chunk));
    const { blob } = await writer.finish();
    return { ...facts, blob };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** Receives a small body as text, with the same verification. @throws {S3Error} */
export async function receiveText(exchange: Exchange, options: ReceiveOptions = {}): Promise<string> {
  const plan = planBody(exchange, { maxBytes: MAX_DOCUMENT_BYTES, ...options });
  const chunks: Uint8Array[] = [];
  await receive(exchange, plan, (chunk) => void chunks.push(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** True if the client claims an MD5 or a checksum for its body. */
export function claimsIntegrity(exchange: Exchange): boolean {
  return exchange.header('content-md5') !== undefined || readChecksumClaim(exchange) !== undefined;
}

interface BodyPlan {
  readonly decoder: AwsChunkedDecoder | undefined;
  readonly sizeBytes: number;
  readonly md5: Buffer | undefined;
  readonly sha256: string | undefined;
  readonly claim: ChecksumClaim | undefined;
  readonly algorithm: ChecksumAlgorithm | undefined;
}

function planBody(exchange: Exchange, options: ReceiveOptions): BodyPlan {
  const payloadHash =
    exchange.auth?.payloadHash ?? exchange.header('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD';
  const framed = payloadHash.startsWith('STREAMING-') || isAwsChunked(exchange);
  const sizeBytes = declaredSize(exchange, framed);
  const maxBytes = options.maxBytes ?? MAX_SINGLE_UPLOAD_BYTES;
  if (sizeBytes > maxBytes) {
    const details = { ProposedSize: String(sizeBytes), MaxSizeAllowed: String(maxBytes) };
    throw new S3Error('EntityTooLarge', details);
  }
  const claim = options.foreignChecksum === true ? undefined : readChecksumClaim(exchange);
  return {
    decoder: framed ? createDecoder(exchange, payloadHash) : undefined,
    sizeBytes,
    md5: contentMd5(exchange),
    sha256: /^[0-9a-f]{64}$/.test(payloadHash) ? payloadHash : undefined,
    claim,
    algorithm: claim?.algorithm ?? options.computeChecksum,
  };
}

async function receive(
  exchange: Exchange,
  plan: BodyPlan,
  sink: (chunk: Uint8Array) => Promise<void> | void,
): Promise<BodyFacts> {
  const md5 = createHash('md5');
  const sha256 = plan.sha256 === undefined ? undefined : createHash('sha256');
  const checksum = plan.algorithm === undefined ? undefined : createChecksum(plan.algorithm);
  let sizeBytes = 0;
  const take = async (chunk: Buffer): Promise<void> => {
    sizeBytes += chunk.length;
    if (sizeBytes > plan.sizeBytes) throw new S3Error('IncompleteBody');
    md5.update(chunk);
    sha256?.update(chunk);
    checksum?.update(chunk);
    await sink(chunk);
  };
  // The default iterator would destroy the socket on an early exit, and the client would never see why.
  for await (const chunk of exchange.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (plan.decoder === undefined) await take(chunk);
    else for (const piece of plan.decoder.decode(chunk)) await take(piece);
  }
  plan.decoder?.finish();
  if (sizeBytes !== plan.sizeBytes) throw new S3Error('IncompleteBody');
  const digest = md5.digest();
  if (plan.md5 !== undefined && !plan.md5.equals(digest)) {
    const details = {
      ExpectedDigest: plan.md5.toString('base64'),
      CalculatedDigest: digest.toString('base64'),
    };
    throw new S3Error('BadDigest', details);
  }
  verifySha256(plan.sha256, sha256?.digest('hex'));
  const facts = { sizeBytes, md5: digest.toString('hex') };
  if (plan.algorithm === undefined || checksum === undefined) return facts;
  const value = checksum.digest();
  verifyClaim(plan, value);
  return { ...facts, checksum: { algorithm: plan.algorithm, value } };
}

function verifySha256(claimed: string | undefined, computed: string | undefined): void {
  if (claimed === undefined || computed === undefined || claimed === computed) return;
  throw new S3Error('XAmzContentSHA256Mismatch', {
    ClientComputedContentSHA256: claimed,
    S3ComputedContentSHA256: computed,
  });
}

function verifyClaim(plan: BodyPlan, computed: string): void {
  const { claim, decoder } = plan;
  if (claim === undefined) return;
  const expected = claim.trailer === undefined ? claim.value : decoder?.trailers.get(claim.trailer);
  if (expected === undefined) throw new S3Error('MalformedTrailerError');
  if (expected !== computed) throw badChecksum(claim.algorithm);
}

/** The refusal of bytes that do not have the checksum the client names. */
export function badChecksum(algorithm: ChecksumAlgorithm): S3Error {
  const message = `The ${algorithm} you specified did not match the calculated checksum.`;
  return new S3Error('BadDigest', {}, { message });
}

function isAwsChunked(exchange: Exchange): boolean {
  return (exchange.header('content-encoding') ?? '').split(',').some((item) => item.trim() === 'aws-chunked');
}

function declaredSize(exchange: Exchange, framed: boolean): number {
  const name = framed ? 'x-amz-decoded-content-length' : 'content-length';
  const text = exchange.header(name);
  if (text === undefined) throw new S3Error('MissingContentLength');
  if (!/^\d{1,15}$/.test(text)) throw invalidArgument(`${name} must be a number`, name, text);
  return Number(text);
}

function createDecoder(exchange: Exchange, payloadHash: string): AwsChunkedDecoder {
  switch (payloadHash) {
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return new AwsChunkedDecoder({ trailers: true });
    case 'UNSIGNED-PAYLOAD':
      return new AwsChunkedDecoder({ trailers: exchange.header('x-amz-trailer') !== undefined });
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': {
      if (exchange.auth === undefined) throw new S3Error('AccessDenied');
      return new AwsChunkedDecoder({ seed: exchange.auth, trailers: payloadHash.endsWith('-TRAILER') });
    }
    default:
      throw invalidRequest(`The value of x-amz-content-sha256 header is invalid for an aws-chunked body.`);
  }
}

function contentMd5(exchange: Exchange): Buffer | undefined {
  const text = exchange.header('content-md5');
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== text)
    throw new S3Error('InvalidDigest', { 'Content-MD5': text });
  return bytes;
}
