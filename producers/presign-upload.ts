import { PutObjectCommand, UploadPartCommand, type S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { systemClock } from '../shared/clock.ts';
import { MAX_PART_BYTES, MAX_PARTS } from '../shared/limits.ts';
import { nonEmptyString, numberInRange } from '../shared/options.ts';
import { createSigningPlanner, type PresignerOptions } from '../shared/presign-signer.ts';
import { datesOf } from '../shared/presign.ts';
import { Secret, SecretUrl } from '../shared/secret.ts';
import { parseAmzDate } from '../shared/sigv4-encoding.ts';

/** Largest object of one PUT or POST, in bytes (5 GiB). @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html */
const MAX_SINGLE_UPLOAD_BYTES = MAX_PART_BYTES;

/** One PUT to sign. */
export interface PresignPutRequest {
  readonly key: string;
  /** Signed: the sender must send exactly this. @default - the sender's choice, unsigned */
  readonly contentType?: string | undefined;
  /** Exact length in bytes, signed. @default - any */
  readonly sizeBytes?: number | undefined;
  /** Life asked for, 1 to 604,800 s; a session that ends earlier shortens it. @default 900 */
  readonly ttlSeconds?: number | undefined;
  /** Checksums in Base64 that S3 verifies against the body; signed as headers, since in the query S3 ignores them. */
  readonly checksums?: { readonly sha256?: string; readonly crc32c?: string } | undefined;
  /** Signs `If-None-Match: *`: a key that exists is not overwritten. @default true */
  readonly writeOnce?: boolean | undefined;
}

/** A signed PUT. */
export interface PresignedPut {
  readonly method: 'PUT';
  readonly url: SecretUrl;
  /** Headers that must be sent exactly so; `host` goes without saying. */
  readonly headers: Readonly<Record<string, string>>;
  readonly issuedAt: string;
  readonly expiresAt: string;
}

/** One POST form to sign: an exact key, or any key with a given beginning. */
export type PresignPostRequest = (
  | { readonly key: string; readonly startsWith?: undefined }
  | { readonly key?: undefined; readonly startsWith: string }
) & {
  /** Largest upload, in bytes. */
  readonly maxSizeBytes: number;
  /** Smallest upload, in bytes. @default 0 */
  readonly minSizeBytes?: number | undefined;
  /** Exact Content-Type, a condition of the form. @default - no such field allowed */
  readonly contentType?: string | undefined;
  /** Life asked for, 1 to 604,800 s; a session that ends earlier shortens it. @default 900 */
  readonly ttlSeconds?: number | undefined;
};

/** One part of a multipart upload to sign. */
export interface PresignPartRequest {
  readonly key: string;
  readonly uploadId: string;
  /** 1 to 10,000. */
  readonly partNumber: number;
  /** Exact length in bytes, signed. */
  readonly sizeBytes: number;
  /** In Base64; signed as a header, so that S3 verifies it. @default - none */
  readonly crc32c?: string | undefined;
  /** Life asked for, 1 to 604,800 s; a session that ends earlier shortens it. @default 900 */
  readonly ttlSeconds?: number | undefined;
}

/** A signed POST form. */
export interface PresignedPostForm {
  readonly method: 'POST';
  /** Where the form goes; no secret by itself. */
  readonly url: string;
  /** All fields, to be sent before the file; as a whole they are the secret. With `startsWith`, `key` ends in `${filename}`. */
  readonly fields: Readonly<Record<string, Secret>>;
  readonly issuedAt: string;
  readonly expiresAt: string;
}

/** Signs uploads for one store. */
export interface UploadPresigner {
  /**
   * @throws {RangeError} when `ttlSeconds` or `sizeBytes` is out of range
   * @throws {UrlServiceError} when there are no credentials, or their session is about to end
   */
  presignPut(request: PresignPutRequest): Promise<PresignedPut>;
  /**
   * @throws {RangeError} when `ttlSeconds`, `partNumber` or `sizeBytes` is out of range
   * @throws {UrlServiceError} when there are no credentials, or their session is about to end
   */
  presignPart(request: PresignPartRequest): Promise<PresignedPut>;
  /**
   * A form cannot be conditional (no If-None-Match), and can be replayed until it expires: give it a key of its
   * own, and take the first version only.
   * @throws {RangeError} when `ttlSeconds` or `maxSizeBytes` is out of range
   * @throws {UrlServiceError} when there are no credentials, or their session is about to end
   */
  presignPost(request: PresignPostRequest): Promise<PresignedPostForm>;
}

/** Makes a presigner of uploads. @throws {RangeError} naming the option that is out of range */
export function createUploadPresigner(options: PresignerOptions): UploadPresigner {
  const clock = options.clock ?? systemClock;
  const { bucket } = options.store;
  const plan = createSigningPlanner(options, clock);
  const signPut = async (
    { key, ttlSeconds }: Pick<PresignPutRequest, 'key' | 'ttlSeconds'>,
    headers: Readonly<Record<string, string>>,
    sign: (
      client: S3Client,
      dates: { signingDate: Date; expiresIn: number } & SignedNames,
    ) => Promise<string>,
  ): Promise<PresignedPut> => {
    const { client, signingDate, expiresInSeconds } = await plan(`PUT s3://${bucket}/${key}`, ttlSeconds);
    const names = Object.keys(headers);
    const href = await sign(client, {
      signingDate,
      expiresIn: expiresInSeconds,
      signableHeaders: new Set(['host', ...names]),
      unhoistableHeaders: new Set(names),
    });
    return { method: 'PUT', url: new SecretUrl(href), headers, ...datesOf(href) };
  };
  return {
    async presignPut(request) {
      const key = nonEmptyString('key', request.key);
      const command = putCommand(bucket, key, request);
      return await signPut(
        request,
        putHeaders(request),
        async (client, options) => await getSignedUrl(client, command, options),
      );
    },
    async presignPart(request) {
      const { uploadId, partNumber, sizeBytes, crc32c } = request;
      const command = new UploadPartCommand({
        Bucket: bucket,
        Key: nonEmptyString('key', request.key),
        UploadId: nonEmptyString('uploadId', uploadId),
        PartNumber: numberInRange('partNumber', partNumber, { min: 1, max: MAX_PARTS }),
        ContentLength: sizeBytes,
        ...(crc32c === undefined ? {} : { ChecksumCRC32C: crc32c }),
      });
      const checksums = crc32c === undefined ? {} : { checksums: { crc32c } };
      const headers = putHeaders({ key: request.key, sizeBytes, ...checksums, writeOnce: false });
      return await signPut(
        request,
        headers,
        async (client, options) => await getSignedUrl(client, command, options),
      );
    },
    async presignPost(request) {
      const { key, conditions, fields } = postPolicy(request);
      const { client, signingDate, expiresInSeconds } = await plan(
        `POST s3://${bucket}/${key}`,
        request.ttlSeconds,
      );
      const { url, fields: signed } = await createPresignedPost(atTime(client, signingDate), {
        Bucket: bucket,
        Key: key,
        Conditions: conditions,
        Fields: fields,
        Expires: expiresInSeconds,
      });
      const secret = Object.entries(signed).map(([name, value]) => [name, new Secret(value)] as const);
      return { method: 'POST', url, fields: Object.fromEntries(secret), ...formDates(signed) };
    },
  };
}

/** Headers that stay headers, and are signed as such. */
interface SignedNames {
  readonly signableHeaders: Set<string>;
  readonly unhoistableHeaders: Set<string>;
}

function putHeaders({ contentType, sizeBytes, checksums, writeOnce = true }: PresignPutRequest) {
  if (sizeBytes !== undefined) checkSize('sizeBytes', sizeBytes);
  const entries: [string, string | undefined][] = [
    ['content-type', contentType],
    ['content-length', sizeBytes?.toString()],
    ['x-amz-checksum-sha256', checksums?.sha256],
    ['x-amz-checksum-crc32c', checksums?.crc32c],
    ['if-none-match', writeOnce ? '*' : undefined],
  ];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function putCommand(bucket: string, key: string, request: PresignPutRequest): PutObjectCommand {
  const { contentType, sizeBytes, checksums, writeOnce = true } = request;
  return new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    ...(contentType === undefined ? {} : { ContentType: contentType }),
    ...(sizeBytes === undefined ? {} : { ContentLength: sizeBytes }),
    ...(checksums?.sha256 === undefined ? {} : { ChecksumSHA256: checksums.sha256 }),
    ...(checksums?.crc32c === undefined ? {} : { ChecksumCRC32C: checksums.crc32c }),
    ...(writeOnce ? { IfNoneMatch: '*' } : {}),
  });
}

function postPolicy(request: PresignPostRequest) {
  const maxSizeBytes = checkSize('maxSizeBytes', request.maxSizeBytes);
  const minSizeBytes = checkSize('minSizeBytes', request.minSizeBytes ?? 0);
  const key =
    request.key === undefined
      ? `${nonEmptyString('startsWith', request.startsWith)}\${filename}`
      : nonEmptyString('key', request.key);
  // The SDK turns a key that ends so into a condition "starts with", which is not what an exact key means.
  if (request.key?.includes('${filename}') === true)
    throw new TypeError('key: got one with ${filename}, expected an exact key (or use startsWith)');
  const fields: Record<string, string> = {
    success_action_status: '201',
    ...(request.contentType === undefined ? {} : { 'Content-Type': request.contentType }),
  };
  const conditions: NonNullable<PresignedPostOptions['Conditions']> = [
    ['content-length-range', minSizeBytes, maxSizeBytes],
  ];
  return { key, fields, conditions };
}

function checkSize(field: string, value: number): number {
  return numberInRange(field, value, { min: 0, max: MAX_SINGLE_UPLOAD_BYTES, unit: 'bytes' });
}

/** The form signer has no `signingDate`: it takes the machine's clock plus the client's offset, so that is what moves. */
function atTime(client: S3Client, signingDate: Date): S3Client {
  const systemClockOffset = signingDate.getTime() - Date.now();
  return Object.create(client, {
    config: { value: { ...client.config, systemClockOffset } },
  }) as S3Client;
}

function formDates(fields: Readonly<Record<string, string>>): { issuedAt: string; expiresAt: string } {
  const policy = JSON.parse(Buffer.from(fields['Policy'] ?? '', 'base64').toString()) as {
    expiration: string;
  };
  const issuedAtMs = parseAmzDate(fields['X-Amz-Date'] ?? '') ?? Number.NaN;
  return {
    issuedAt: new Date(issuedAtMs).toISOString(),
    expiresAt: new Date(policy.expiration).toISOString(),
  };
}
