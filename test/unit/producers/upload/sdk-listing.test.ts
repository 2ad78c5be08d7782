import type { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { findOpenUpload, listOpenParts } from '../../../../producers/upload/sdk-listing.ts';

const { signal } = new AbortController();
const address = { bucket: 'b', key: 'k' };

/** A client that answers page after page, and remembers what it was asked. */
function paged(...pages: object[]) {
  const inputs: object[] = [];
  const client = {
    send: async ({ input }: { input: object }) => {
      inputs.push(input);
      return pages[inputs.length - 1];
    },
  } as unknown as S3Client;
  return { client, inputs };
}

const full = { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT', Key: 'k' };

describe('findOpenUpload', () => {
  it('takes the latest of all pages', async () => {
    const { client, inputs } = paged(
      {
        IsTruncated: true,
        NextKeyMarker: 'k',
        NextUploadIdMarker: 'one',
        Uploads: [{ ...full, UploadId: 'one', Initiated: new Date(5) }],
      },
      {
        Uploads: [
          { ...full, UploadId: 'two', Initiated: new Date(9) },
          { ...full, UploadId: 'three', Initiated: new Date(7) },
        ],
      },
    );
    expect(await findOpenUpload(client, address, signal)).toBe('two');
    expect(inputs).toEqual([
      { Bucket: 'b', Prefix: 'k' },
      { Bucket: 'b', Prefix: 'k', KeyMarker: 'k', UploadIdMarker: 'one' },
    ]);
  });

  it('does not walk through the uploads of longer keys', async () => {
    const { client, inputs } = paged({
      IsTruncated: true,
      NextKeyMarker: 'k1',
      Uploads: [{ ...full, Key: 'k1', UploadId: 'one' }],
    });
    expect(await findOpenUpload(client, address, signal)).toBeUndefined();
    expect(inputs).toHaveLength(1);
  });
});

describe('listOpenParts', () => {
  it('goes through all pages, and leaves out parts without a CRC32C', async () => {
    const { client, inputs } = paged(
      {
        IsTruncated: true,
        NextPartNumberMarker: '1',
        Parts: [{ PartNumber: 1, ETag: 'a', ChecksumCRC32C: 'x', Size: 3 }],
      },
      {
        IsTruncated: false,
        Parts: [
          { PartNumber: 2, ETag: 'b', Size: 3 },
          { PartNumber: 3, ETag: 'c', ChecksumCRC32C: 'z', Size: 1 },
        ],
      },
    );
    expect(await listOpenParts(client, { ...address, uploadId: 'u' }, signal)).toEqual([
      { partNumber: 1, etag: 'a', crc32c: 'x', sizeBytes: 3 },
      { partNumber: 3, etag: 'c', crc32c: 'z', sizeBytes: 1 },
    ]);
    expect(inputs[1]).toMatchObject({ PartNumberMarker: '1' });
  });
});
