import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { awsErrorCode, awsErrorStatus, describeAwsError, isTransientAwsError } from '../aws-failure.ts';
import { withDeadline } from '../deadline.ts';
import { unsignedPayload, unsignedPayloadStep } from './unsigned-payload.ts';
import { type UploadFailure, type UploadTransport, UploadTransportError } from './transport.ts';

export interface SdkTransportOptions {
  /** Made with `maxAttempts: 1`: a client that retries by itself multiplies the uploader's attempts. */
  readonly client: S3Client;
  /** Longest one request may take, in milliseconds. */
  readonly attemptTimeoutMs: number;
  /** Sign the SHA-256 of every body. See {@link unsignedPayload}. */
  readonly signPayload: boolean;
}

/** The upload transport over the AWS SDK. */
export function createSdkTransport(options: SdkTransportOptions): UploadTransport {
  const { client, attemptTimeoutMs, signPayload } = options;

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
        const { ETag, VersionId, ChecksumCRC32C } = await client.send(command, { abortSignal });
        return { etag: ETag, versionId: VersionId, crc32c: ChecksumCRC32C };
      }),

    createMultipart: async ({ bucket, key, mediaType }, signal) =>
      await attempt('CreateMultipartUpload', { bucket, key }, signal, async (abortSignal) => {
        const command = new CreateMultipartUploadCommand({
          Bucket: bucket,
          Key: key,
          ContentType: mediaType,
          ChecksumAlgorithm: 'CRC32C',
          ChecksumType: 'FULL_OBJECT',
        });
        const { UploadId } = await client.send(command, { abortSignal });
        return required('UploadId', UploadId);
      }),

    uploadPart: async ({ bucket, key, uploadId, partNumber, body, crc32c }, signal) =>
      await attempt(`UploadPart ${partNumber} of`, { bucket, key }, signal, async (abortSignal) => {
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
        const { ETag } = await client.send(command, { abortSignal });
        return required('ETag', ETag);
      }),

    complete: async ({ bucket, key, uploadId, parts, crc32c, sizeBytes }, signal) =>
      await attempt('CompleteMultipartUpload', { bucket, key }, signal, async (abortSignal) => {
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
        const { ETag, VersionId, ChecksumCRC32C } = await client.send(command, { abortSignal });
        return { etag: ETag, versionId: VersionId, crc32c: ChecksumCRC32C };
      }),

    abort: async ({ bucket, key, uploadId }, signal) =>
      await attempt('AbortMultipartUpload', { bucket, key }, signal, async (abortSignal) => {
        const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId });
        await client.send(command, { abortSignal });
      }),

    head: async ({ bucket, key }, signal) =>
      await attempt('HeadObject', { bucket, key }, signal, async (abortSignal) => {
        const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' });
        try {
          const head = await client.send(command, { abortSignal });
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
  };
}

function failureOf(error: unknown): UploadFailure {
  const status = awsErrorStatus(error);
  const code = awsErrorCode(error);
  if (status === 412 || code === 'PreconditionFailed') return 'exists';
  if (code === 'NoSuchUpload') return 'no-upload';
  if (code === 'ConditionalRequestConflict' || code === 'OperationAborted') return 'conflict';
  return isTransientAwsError(error) ? 'transient' : 'permanent';
}

function required(field: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new Error(`the answer holds no ${field}`);
}
