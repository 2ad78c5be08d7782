import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ListMultipartUploadsCommandOutput,
  type ListObjectVersionsCommandOutput,
  type ObjectVersion,
  type S3Client,
} from '@aws-sdk/client-s3';

/** A version of an object, or a delete marker. */
export interface PayloadVersion {
  readonly key: string;
  readonly versionId: string;
  /** In bytes; 0 for a delete marker. */
  readonly size: number;
  readonly isDeleteMarker: boolean;
}

/** A multipart upload that is open. */
export interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedAtMs: number;
}

/**
 * All versions of all objects under a prefix. Takes `s3:ListBucketVersions`.
 * @param exact only those of this very key
 */
export async function* listVersions(
  client: S3Client,
  bucket: string,
  prefix: string,
  { exact = false, signal }: { readonly exact?: boolean; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<PayloadVersion> {
  let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (marker !== undefined) {
    const page: ListObjectVersionsCommandOutput = await listPage(
      client,
      { Bucket: bucket, Prefix: prefix, ...marker },
      signal,
    );
    const versions = (page.Versions ?? []).map((each) => versionOf(each, false));
    const markers = (page.DeleteMarkers ?? []).map((each) => versionOf(each, true));
    for (const version of [...versions, ...markers]) if (!exact || version.key === prefix) yield version;
    marker =
      page.IsTruncated === true
        ? { KeyMarker: page.NextKeyMarker ?? '', VersionIdMarker: page.NextVersionIdMarker ?? '' }
        : undefined;
  }
}

async function listPage(
  client: S3Client,
  input: ConstructorParameters<typeof ListObjectVersionsCommand>[0],
  signal: AbortSignal | undefined,
) {
  return await client.send(
    new ListObjectVersionsCommand(input),
    signal === undefined ? {} : { abortSignal: signal },
  );
}

function versionOf(
  { Key = '', VersionId = '', Size = 0 }: ObjectVersion,
  isDeleteMarker: boolean,
): PayloadVersion {
  return { key: Key, versionId: VersionId, size: Size, isDeleteMarker };
}

/** All open multipart uploads under a prefix. Takes `s3:ListBucketMultipartUploads`. */
export async function* listOpenUploads(
  client: S3Client,
  bucket: string,
  prefix: string,
): AsyncGenerator<OpenUpload> {
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (marker !== undefined) {
    const input = { Bucket: bucket, Prefix: prefix, ...marker };
    const page: ListMultipartUploadsCommandOutput = await client.send(new ListMultipartUploadsCommand(input));
    for (const { Key = '', UploadId = '', Initiated } of page.Uploads ?? [])
      yield { key: Key, uploadId: UploadId, initiatedAtMs: Initiated?.getTime() ?? 0 };
    marker =
      page.IsTruncated === true
        ? { KeyMarker: page.NextKeyMarker ?? '', UploadIdMarker: page.NextUploadIdMarker ?? '' }
        : undefined;
  }
}

/** Deletes one version for good. Takes `s3:DeleteObjectVersion`. */
export async function deleteVersion(
  client: S3Client,
  bucket: string,
  { key, versionId }: Pick<PayloadVersion, 'key' | 'versionId'>,
  signal?: AbortSignal,
): Promise<void> {
  await client.send(
    new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }),
    signal === undefined ? {} : { abortSignal: signal },
  );
}

/** Takes an open upload back. Takes `s3:AbortMultipartUpload`. One that is gone already is no error. */
export async function abortUpload(
  client: S3Client,
  bucket: string,
  { key, uploadId }: OpenUpload,
): Promise<void> {
  try {
    await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }));
  } catch (error) {
    if ((error as { name?: string }).name !== 'NoSuchUpload') throw error;
  }
}
