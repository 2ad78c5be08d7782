import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { describe, expect, it } from 'vitest';
import { presignS3Get } from '../../../shared/sigv4-presign.ts';
import { uriEncode } from '../../../shared/sigv4-encoding.ts';

const SIGNED_AT_MS = Date.UTC(2026, 10, 25, 4, 5, 6);
const identity = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

describe('presignS3Get', () => {
  it.each([
    ['a plain key', 'payloads/p/t/e/a', undefined],
    ['a key with spaces, umlauts and signs', "payloads/p/täg +&=(1)*'!~/ä b.pdf", undefined],
    ['a session', 'payloads/p/t/e/a', 'FwoGZXIvYXdzE//+token=='],
  ])("signs %s as the SDK's presigner does", async (_what, key, sessionToken) => {
    const signer = { ...identity, ...(sessionToken === undefined ? {} : { sessionToken }) };
    const client = new S3Client({
      region: 'eu-central-1',
      credentials: signer,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    const command = new GetObjectCommand({ Bucket: 'files', Key: key, VersionId: 'v.1_/+=' });
    const theirs = new URL(
      await getSignedUrl(client, command, { signingDate: new Date(SIGNED_AT_MS), expiresIn: 900 }),
    );
    const ours = new URL(
      presignS3Get(
        {
          origin: new URL('https://files.s3.eu-central-1.amazonaws.com'),
          path: `/${key.split('/').map(uriEncode).join('/')}`,
          query: [
            ['versionId', 'v.1_/+='],
            ['x-id', 'GetObject'],
          ],
          region: 'eu-central-1',
          expiresSeconds: 900,
        },
        signer,
        SIGNED_AT_MS,
      ),
    );
    expect(ours.origin + ours.pathname).toBe(theirs.origin + theirs.pathname);
    expect(Object.fromEntries(ours.searchParams)).toEqual(Object.fromEntries(theirs.searchParams));
  });
});
