import { GetObjectTaggingCommand, S3ServiceException, type S3Client } from '@aws-sdk/client-s3';
import { REVOKED_TAG } from '../../shared/revoked-tag.ts';
import { MISSING } from './missing.ts';

/** Whether a payload is there. */
export type PayloadState = 'present' | 'revoked' | 'missing';

/**
 * Asks S3 in one call whether a version exists and is not revoked. Needs `s3:GetObjectVersionTagging`.
 * @throws whatever the client throws for other reasons: S3 down, access denied, no such bucket
 */
export async function payloadState(
  client: S3Client,
  object: { readonly bucket: string; readonly key: string; readonly versionId: string },
  signal: AbortSignal | undefined,
): Promise<PayloadState> {
  const { bucket: Bucket, key: Key, versionId: VersionId } = object;
  try {
    const { TagSet = [] } = await client.send(
      new GetObjectTaggingCommand({ Bucket, Key, VersionId }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    return TagSet.some((tag) => tag.Key === REVOKED_TAG) ? 'revoked' : 'present';
  } catch (error) {
    if (error instanceof S3ServiceException && MISSING.has(error.name)) return 'missing';
    throw error;
  }
}
