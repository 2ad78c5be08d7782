import {
  canonicalQuery,
  deriveSigningKey,
  formatAmzDate,
  sha256Hex,
  SIGV4_ALGORITHM,
  signString,
  UNSIGNED_PAYLOAD,
} from './sigv4-encoding.ts';
import type { SigningIdentity } from './sigv4-signer.ts';

/** A GET from S3 to sign. */
export interface PresignableGet {
  readonly origin: URL;
  /** Percent-encoded, as S3 encodes keys: once. */
  readonly path: string;
  /** Decoded names and values. */
  readonly query: readonly (readonly [string, string])[];
  readonly region: string;
  /** 1 to 604,800. */
  readonly expiresSeconds: number;
}

/**
 * Signs a GET from S3 into its query: what the SDK's presigner does, without the SDK.
 * @param nowMs epoch milliseconds; whole seconds count
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presignS3Get(get: PresignableGet, identity: SigningIdentity, nowMs: number): string {
  const { origin, path, region, expiresSeconds } = get;
  const { accessKeyId, secretAccessKey, sessionToken } = identity;
  const amzDate = formatAmzDate(nowMs);
  const date = amzDate.slice(0, 8);
  const scope = `${date}/${region}/s3/aws4_request`;
  const query = canonicalQuery([
    ...get.query,
    ['X-Amz-Algorithm', SIGV4_ALGORITHM],
    ['X-Amz-Content-Sha256', UNSIGNED_PAYLOAD],
    ['X-Amz-Credential', `${accessKeyId}/${scope}`],
    ['X-Amz-Date', amzDate],
    ['X-Amz-Expires', String(expiresSeconds)],
    ...(sessionToken === undefined ? [] : [['X-Amz-Security-Token', sessionToken] as const]),
    ['X-Amz-SignedHeaders', 'host'],
  ]);
  const canonicalRequest = `GET\n${path}\n${query}\nhost:${origin.host}\n\nhost\n${UNSIGNED_PAYLOAD}`;
  const stringToSign = [SIGV4_ALGORITHM, amzDate, scope, sha256Hex(canonicalRequest)].join('\n');
  const signature = signString(deriveSigningKey(secretAccessKey, date, region, 's3'), stringToSign);
  return `${origin.origin}${path}?${query}&X-Amz-Signature=${signature}`;
}
