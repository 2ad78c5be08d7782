import type { S3Client } from '@aws-sdk/client-s3';
import { awsErrorStatus, describeAwsError } from '../../shared/aws-failure.ts';
import { withDeadline } from '../../shared/deadline.ts';
import { failureOf } from './failure-of.ts';
import { findOpenUpload, listOpenParts } from './sdk-listing.ts';
import { unsignedPayload, unsignedPayloadStep } from './unsigned-payload.ts';
import { type UploadTransport, UploadTransportError } from './transport.ts';

export interface SdkTransportOptions {
  /**
   * Made with `maxAttempts: 1`: a client that retries by itself multiplies the uploader's attempts. A function is
   * called for every request.
   */
  readonly client: S3Client | (() => Promise<S3Client>);
  /** Longest one request may take, in milliseconds. */
  readonly attemptTimeoutMs: number;
  /** Sign the SHA-256 of every body. See {@link unsignedPayload}. */
  readonly signPayload: boolean;
}

/** Loaded by the first request: the uploads that do not need it need not wait for it. */
const sdk = async () => await import('@aws-sdk/client-s3');

/** The upload transport over the AWS SDK. */
export function createSdkTransport(options: SdkTransportOptions): UploadTransport {
  const { attemptTimeoutMs, signPayload } = options;
  const given = options.client;
  const client = async (): Promise<S3Client> => (typeof given === 'function' ? await given() : given);

  const attempt = async <T>(
    operation: string,
    { bucket, key }: { bucket: string; key: string },
    signal: AbortSignal | undefined,
    work: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const what = `${operation} s3://${bucket}/${key}`;
    try {
      return await withDeadline(what, attemptTimeoutMs, signal, work);
    } catch (error) {
      signal?.throwIfAborted();
      throw new UploadTransportError(failureOf(error), `${what}: ${describeAwsError(error)}`, {
        cause: error,
      });
    }
  };

  return {
    putObject: async ({ bucket, key, mediaType, body, crc32c }, signal) =>
      await attempt('PutObject', { bucket, key }, signal, async (abortSignal) => {
        const { PutObjectCommand } = await sdk();
        const command = new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: body,
          ContentLength: body.length,
          ContentType: mediaType,
          ChecksumCRC32C: crc32c,
          IfNoneMatch: '*',
        });
        if (!signPayload) command.middlewareStack.add(unsignedPayload, unsignedPayloadStep);
        const { ETag, VersionId, ChecksumCRC32C } = await (await client()).send(command, { abortSignal });
        return { etag: ETag, versionId: VersionId, crc32c: ChecksumCRC32C };
      }),

    createMultipart: async ({ bucket, key, mediaType }, signal) =>
      await attempt('CreateMultipartUpload', { bucket, key }, signal, async (abortSignal) => {
        const { CreateMultipartUploadCommand } = await sdk();
        const command = new CreateMultipartUploadCommand({
          Bucket: bucket,
          Key: key,
          ContentType: mediaType,
          ChecksumAlgorithm: 'CRC32C',
          ChecksumType: 'FULL_OBJECT',
        });
        const { UploadId } = await (await client()).send(command, { abortSignal });
        return required('UploadId', UploadId);
      }),

    uploadPart: async ({ bucket, key, uploadId, partNumber, body, crc32c }, signal) =>
      await attempt(`UploadPart ${partNumber} of`, { bucket, key }, signal, async (abortSignal) => {
        const { UploadPartCommand } = await sdk();
        const command = new UploadPartCommand({
          Bucket: bucket,
          Key: key,
          UploadId: uploadId,
          PartNumber: partNumber,
          Body: body,
          ContentLength: body.length,
          ChecksumCRC32C: crc32c,
        });
        if (!signPayload) command.middlewareStack.add(unsignedPayload, unsignedPayloadStep);
        const { ETag } = await (await client()).send(command, { abortSignal });
        return required('ETag', ETag);
      }),

    complete: async ({ bucket, key, uploadId, parts, crc32c, sizeBytes }, signal) =>
      await attempt('CompleteMultipartUpload', { bucket, key }, signal, async (abortSignal) => {
        const { CompleteMultipartUploadCommand } = await sdk();
        const command = new CompleteMultipartUploadCommand({
          Bucket: bucket,
          Key: key,
          UploadId: uploadId,
          MultipartUpload: {
            Parts: parts.map((part) => ({
              PartNumber: part.partNumber,
              ETag: part.etag,
              ChecksumCRC32C: part.crc32c,
            })),
          },
          ChecksumType: 'FULL_OBJECT',
          ChecksumCRC32C: crc32c,
          MpuObjectSize: sizeBytes,
          IfNoneMatch: '*',
        });
        const { ETag, VersionId, ChecksumCRC32C } = await (await client()).send(command, { abortSignal });
        return { etag: ETag, versionId: VersionId, crc32c: ChecksumCRC32C };
      }),

    abort: async ({ bucket, key, uploadId }, signal) =>
      await attempt('AbortMultipartUpload', { bucket, key }, signal, async (abortSignal) => {
        const { AbortMultipartUploadCommand } = await sdk();
        const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId });
        await (await client()).send(command, { abortSignal });
      }),

    head: async ({ bucket, key }, signal) =>
      await attempt('HeadObject', { bucket, key }, signal, async (abortSignal) => {
        const { HeadObjectCommand } = await sdk();
        const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' });
        try {
          const head = await (await client()).send(command, { abortSignal });
          return {
            sizeBytes: head.ContentLength ?? 0,
            etag: head.ETag,
            versionId: head.VersionId,
            crc32c: head.ChecksumType === 'COMPOSITE' ? undefined : head.ChecksumCRC32C,
          };
        } catch (error) {
          if (awsErrorStatus(error) === 404) return undefined;
          throw error;
        }
      }),

    open: {
      find: async (address, signal) =>
        await attempt(
          'ListMultipartUploads',
          address,
          signal,
          async (abortSignal) => await findOpenUpload(await client(), address, abortSignal),
        ),
      parts: async (upload, signal) =>
        await attempt(
          'ListParts',
          upload,
          signal,
          async (abortSignal) => await listOpenParts(await client(), upload, abortSignal),
        ),
    },
  };
}

function required(field: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new Error(`the answer holds no ${field}`);
}
