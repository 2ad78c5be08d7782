import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
  S3ServiceException,
  type Part,
  type S3Client,
} from '@aws-sdk/client-s3';
import { planParts } from '../../shared/part-plan.ts';
import type { Store } from '../../shared/stores.ts';
import type { UploadPresigner } from '../presign-upload.ts';
import type { SignedPart } from './core.ts';
import { UploadProblem } from './problem.ts';
import type { UploadRecord } from './record.ts';
import type { SignPartsRequest } from './schema.ts';

type Multipart = NonNullable<UploadRecord['multipart']>;

/** A part that S3 has. */
export interface PresentPart {
  readonly partNumber: number;
  readonly size: number;
  readonly etag: string;
}

/** Multipart uploads of others, whose parts this side never sees. */
export interface MultipartUploads {
  /** @param options.partChecksums S3 then takes parts with their CRC32C only. */
  create(
    key: string,
    options: { readonly mediaType: string; readonly partChecksums: boolean },
  ): Promise<string>;
  sign(record: UploadRecord, upload: Multipart, parts: SignPartsRequest['parts']): Promise<SignedPart[]>;
  list(record: UploadRecord, upload: Multipart): Promise<PresentPart[]>;
  complete(record: UploadRecord, upload: Multipart): Promise<void>;
  /** Aborts what is open and deletes every version that was stored. */
  discard(record: UploadRecord): Promise<void>;
}

/** Makes the multipart half of an upload service. */
export function createMultipartUploads(context: {
  readonly s3: S3Client;
  readonly store: Store;
  readonly presigner: UploadPresigner;
  readonly ttlSeconds: number;
}): MultipartUploads {
  const { s3, store, presigner, ttlSeconds } = context;
  const Bucket = store.bucket;

  const listAll = async ({ key }: UploadRecord, { s3UploadId }: Multipart): Promise<Part[]> => {
    const parts: Part[] = [];
    try {
      // Not the SDK's paginator: it goes by the marker, which S3 sends with the last page too.
      for (let more = true, after = '0'; more;) {
        const request = { Bucket, Key: key, UploadId: s3UploadId, PartNumberMarker: after };
        const page = await s3.send(new ListPartsCommand(request));
        parts.push(...(page.Parts ?? []));
        after = page.NextPartNumberMarker ?? after;
        more = page.IsTruncated === true;
      }
      return parts;
    } catch (error) {
      if (isGone(error)) throw completedBefore(error);
      throw error;
    }
  };

  return {
    async create(Key, { mediaType: ContentType, partChecksums }) {
      const { UploadId } = await s3.send(
        new CreateMultipartUploadCommand({
          Bucket,
          Key,
          ContentType,
          ...(partChecksums ? { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' } : {}),
        }),
      );
      if (UploadId === undefined) throw new TypeError('CreateMultipartUpload: got no UploadId');
      return UploadId;
    },
    async sign({ key, size }, { s3UploadId, partSizeBytes, partChecksums }, parts) {
      const plan = planParts(size, partSizeBytes);
      for (const { partNumber, crc32c } of parts) {
        if (partNumber > plan.count)
          throw new UploadProblem(
            'bad-request',
            `partNumber: got ${partNumber}, expected 1 to ${plan.count}.`,
          );
        // S3 would refuse it too, but only once the part is there.
        if ((crc32c === undefined) === partChecksums) {
          const wanted = partChecksums
            ? 'its CRC32C'
            : 'none, as the upload was opened without partChecksums';
          throw new UploadProblem('bad-request', `crc32c of part ${partNumber}: expected ${wanted}.`);
        }
      }
      return await Promise.all(
        parts.map(async ({ partNumber, crc32c }) => {
          const { start, end } = plan.span(partNumber - 1);
          const signed = await presigner.presignPart({
            key,
            uploadId: s3UploadId,
            partNumber,
            sizeBytes: end - start,
            ttlSeconds,
            ...(crc32c === undefined ? {} : { crc32c }),
          });
          const { url, headers, expiresAt } = signed;
          return { partNumber, method: 'PUT' as const, url: url.reveal(), headers, expiresAt };
        }),
      );
    },
    async list(record, upload) {
      const parts = await listAll(record, upload);
      return parts.map(({ PartNumber = 0, Size = 0, ETag = '' }) => ({
        partNumber: PartNumber,
        size: Size,
        etag: ETag,
      }));
    },
    async complete(record, upload) {
      const { key, size } = record;
      const plan = planParts(size, upload.partSizeBytes);
      const present = new Map(
        (await listAll(record, upload)).map((part) => [part.PartNumber ?? 0, part] as const),
      );
      const missing = [];
      for (let index = 0; index < plan.count; index += 1) {
        const { start, end } = plan.span(index);
        if (present.get(index + 1)?.Size !== end - start) missing.push(index + 1);
      }
      if (missing.length > 0) {
        throw new UploadProblem('parts-missing', `${missing.length} of ${plan.count} parts are missing.`, {
          missing: missing.slice(0, 1000),
        });
      }
      const Parts = Array.from({ length: plan.count }, (_, index) => {
        const { ETag, ChecksumCRC32C } = present.get(index + 1) ?? {};
        return {
          PartNumber: index + 1,
          ...(ETag === undefined ? {} : { ETag }),
          ...(ChecksumCRC32C === undefined ? {} : { ChecksumCRC32C }),
        };
      });
      try {
        await s3.send(
          new CompleteMultipartUploadCommand({
            Bucket,
            Key: key,
            UploadId: upload.s3UploadId,
            MultipartUpload: { Parts },
            IfNoneMatch: '*',
          }),
        );
      } catch (error) {
        if (isGone(error)) throw completedBefore(error);
        throw error;
      }
    },
    async discard({ key, multipart }) {
      if (multipart !== undefined) {
        const command = new AbortMultipartUploadCommand({ Bucket, Key: key, UploadId: multipart.s3UploadId });
        await s3.send(command).catch((error: unknown) => {
          if (!isGone(error)) throw error;
        });
      }
      for (let more = true; more;) {
        const page = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: key }));
        const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
        for (const { Key, VersionId } of found) {
          if (Key === key && VersionId !== undefined)
            await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
        }
        more = page.IsTruncated === true;
      }
    },
  };
}

/** The upload is complete, or was taken back; 412: an object stands at the key. */
function isGone(error: unknown): boolean {
  return (
    error instanceof S3ServiceException &&
    (error.name === 'NoSuchUpload' || error.$metadata.httpStatusCode === 412)
  );
}

function completedBefore(cause: unknown): UploadProblem {
  return Object.assign(new UploadProblem('conflict', 'This upload was completed or cancelled before.'), {
    cause,
  });
}
