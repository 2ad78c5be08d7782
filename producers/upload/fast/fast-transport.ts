import { awsErrorStatus, describeAwsError } from '../../../shared/aws-failure.ts';
import { withDeadline } from '../../../shared/deadline.ts';
import { failureOf } from '../failure-of.ts';
import {
  UploadTransportError,
  type ObjectAddress,
  type UploadPartRequest,
  type UploadSpanRequest,
  type UploadTransport,
} from '../transport.ts';
import { HttpExchangeError } from './http-reply.ts';
import { createS3Caller, type S3CallerOptions } from './s3-caller.ts';
import { completeBody, elementText } from './xml.ts';

export interface FastTransportOptions extends S3CallerOptions {
  /** The one bucket that it uploads to. */
  readonly bucket: string;
  /** Longest one request may take, in milliseconds. */
  readonly attemptTimeoutMs: number;
}

/**
 * The upload transport over plain sockets: each body goes from its buffer to the kernel as it is, with a signed
 * CRC32C header, which is what S3 compares the bytes with, and without SHA-256 unless that is asked for.
 */
export function createFastTransport(options: FastTransportOptions): UploadTransport {
  const { attemptTimeoutMs } = options;
  const caller = createS3Caller(options);

  const attempt = async <T>(
    operation: string,
    { bucket, key }: ObjectAddress,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const what = `${operation} s3://${bucket}/${key}`;
    if (bucket !== options.bucket)
      throw new TypeError(`bucket: got ${bucket}, expected ${options.bucket}, which this transport is for`);
    try {
      return await withDeadline(what, attemptTimeoutMs, signal, work);
    } catch (error) {
      signal?.throwIfAborted();
      const failure =
        error instanceof HttpExchangeError || (error as Error).name === 'ExpiredToken'
          ? 'transient'
          : failureOf(error);
      throw new UploadTransportError(failure, `${what}: ${describeAwsError(error)}`, { cause: error });
    }
  };

  const putPart = async (
    { bucket, key, uploadId, partNumber, body, crc32c }: UploadPartRequest | UploadSpanRequest,
    signal?: AbortSignal,
  ): Promise<string> =>
    await attempt(`UploadPart ${partNumber} of`, { bucket, key }, signal, async (within) => {
      const query = [
        ['partNumber', String(partNumber)],
        ['uploadId', uploadId],
      ] as const;
      const headers = { 'x-amz-checksum-crc32c': crc32c };
      const reply = await caller.call({ method: 'PUT', key, query, headers, body }, within);
      return required('ETag', reply.headers.get('etag'));
    });

  return {
    putObject: async ({ bucket, key, mediaType, body, crc32c }, signal) =>
      await attempt('PutObject', { bucket, key }, signal, async (within) => {
        const headers = {
          'content-type': mediaType,
          'if-none-match': '*',
          'x-amz-checksum-crc32c': crc32c,
        };
        const reply = await caller.call({ method: 'PUT', key, headers, body }, within);
        return storedObject(reply.headers);
      }),

    createMultipart: async ({ bucket, key, mediaType }, signal) =>
      await attempt('CreateMultipartUpload', { bucket, key }, signal, async (within) => {
        const headers = {
          'content-type': mediaType,
          'x-amz-checksum-algorithm': 'CRC32C',
          'x-amz-checksum-type': 'FULL_OBJECT',
        };
        const reply = await caller.call({ method: 'POST', key, query: [['uploads', '']], headers }, within);
        return required('UploadId', elementText(reply.body.toString('utf8'), 'UploadId'));
      }),

    uploadPart: putPart,
    uploadSpan: putPart,

    complete: async ({ bucket, key, uploadId, parts, crc32c, sizeBytes }, signal) =>
      await attempt('CompleteMultipartUpload', { bucket, key }, signal, async (within) => {
        const headers = {
          'content-type': 'application/xml',
          'if-none-match': '*',
          'x-amz-checksum-crc32c': crc32c,
          'x-amz-checksum-type': 'FULL_OBJECT',
          'x-amz-mp-object-size': String(sizeBytes),
        };
        const query = [['uploadId', uploadId]] as const;
        const body = completeBody(parts);
        const reply = await caller.call({ method: 'POST', key, query, headers, body }, within);
        const xml = reply.body.toString('utf8');
        const etag = elementText(xml, 'ETag');
        if (etag === undefined)
          throw new HttpExchangeError('the reply does not say that the upload is complete');
        return {
          etag,
          versionId: reply.headers.get('x-amz-version-id'),
          crc32c: elementText(xml, 'ChecksumCRC32C'),
        };
      }),

    abort: async ({ bucket, key, uploadId }, signal) =>
      await attempt('AbortMultipartUpload', { bucket, key }, signal, async (within) => {
        await caller.call({ method: 'DELETE', key, query: [['uploadId', uploadId]] }, within);
      }),

    head: async ({ bucket, key }, signal) =>
      await attempt('HeadObject', { bucket, key }, signal, async (within) => {
        try {
          const headers = { 'x-amz-checksum-mode': 'ENABLED' };
          const { headers: said } = await caller.call({ method: 'HEAD', key, headers }, within);
          const composite = said.get('x-amz-checksum-type') === 'COMPOSITE';
          return {
            ...storedObject(said),
            ...(composite ? { crc32c: undefined } : {}),
            sizeBytes: Number(said.get('content-length') ?? 0),
          };
        } catch (error) {
          if (awsErrorStatus(error) === 404) return undefined;
          throw error;
        }
      }),

    close: () => caller.close(),
  };
}

function storedObject(headers: ReadonlyMap<string, string>) {
  return {
    etag: headers.get('etag'),
    versionId: headers.get('x-amz-version-id'),
    crc32c: headers.get('x-amz-checksum-crc32c'),
  };
}

function required(field: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new HttpExchangeError(`the reply holds no ${field}`);
}
