import { timingSafeEqual } from 'node:crypto';
import { readCredentials } from './sigv4-credentials.ts';
import type { SigV4Claim } from './sigv4-credentials.ts';
import { refuse } from './sigv4-refusal.ts';
import type { SigV4Refusal } from './sigv4-refusal.ts';
import {
  EMPTY_SHA256,
  SIGV4_ALGORITHM,
  UNSIGNED_PAYLOAD,
  canonicalPath,
  canonicalQuery,
  deriveSigningKey,
  isoSeconds,
  parseRawQuery,
  sha256Hex,
  signString,
} from './sigv4-encoding.ts';

/** What was signed, as it came off the wire. */
export interface SigV4Request {
  readonly method: string;
  /** Raw path as received, undecoded. */
  readonly path: string;
  /** Raw query string without `?`. */
  readonly query: string;
  /** Names in lower case, as `node:http` gives them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /**
   * What stands for the body in the signature.
   * @default - the `x-amz-content-sha256` header; without it `UNSIGNED-PAYLOAD` for query authentication and
   * the hash of no bytes for header authentication
   */
  readonly payloadHash?: string;
}

/** The secrets of one access key. */
export interface SigV4Secret {
  readonly secretAccessKey: string;
  /** If set, the request must carry exactly this session token. */
  readonly sessionToken?: string;
  /** Instant at which the session ends; later requests get `ExpiredToken`. @default - never */
  readonly sessionExpiresAtMs?: number;
}

/** How to verify. */
export interface SigV4Options {
  /** `s3`, `lambda`, … as in the credential scope. */
  readonly service: string;
  /** The one accepted region. @default - any */
  readonly region?: string;
  secretFor(accessKeyId: string): SigV4Secret | undefined;
  /** The verifier's clock, epoch milliseconds. */
  readonly nowMs: number;
  /** Tolerated difference of the clocks, in milliseconds. @default 900_000 */
  readonly maxSkewMs?: number;
  /** S3 encodes the path once, other services twice. @default service !== 's3' */
  readonly doubleEncodePath?: boolean;
  /** Answers as for expired, whatever the clock says, if the request is presigned. @default false */
  readonly expireNow?: boolean;
}

/** A verified request. */
export interface SigV4Success {
  readonly ok: true;
  readonly accessKeyId: string;
  readonly authType: 'REST-HEADER' | 'REST-QUERY-STRING';
  readonly signedAtMs: number;
  /** Presigned requests only. */
  readonly expiresAtMs?: number;
  /** `YYYYMMDD/region/service/aws4_request`. */
  readonly scope: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly amzDate: string;
  /** Seed of the chain of chunk signatures. */
  readonly signature: string;
  readonly signingKey: Buffer;
  readonly payloadHash: string;
  readonly signedHeaders: readonly string[];
}

/** Either the verified facts, or AWS's refusal. */
export type SigV4Result = SigV4Success | SigV4Refusal;

/** AWS's tolerance between the clocks of caller and service, in milliseconds. */
export const SIGV4_MAX_SKEW_MS = 900_000;

/**
 * Verifies an AWS Signature Version 4, in the Authorization header or in the query.
 *
 * Expiry is judged before the signature, as AWS does. Signatures and session tokens are compared in constant
 * time. Nothing is thrown: a refusal carries status, code, message and extra elements as AWS words them.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
export function verifySigV4(request: SigV4Request, options: SigV4Options): SigV4Result {
  let pairs: [string, string][];
  let path: string;
  try {
    pairs = parseRawQuery(request.query);
    path = canonicalPath(request.path, options.doubleEncodePath ?? options.service !== 's3');
  } catch {
    return refuse(400, 'InvalidURI', "Couldn't parse the specified URI.", { URI: request.path });
  }
  const claim = readCredentials(request.headers, pairs, options.service);
  if ('ok' in claim) return claim;
  return (
    checkScope(claim, options) ??
    checkTime(claim, options) ??
    checkHeaders(claim, request.headers) ??
    checkSignature(claim, request, path, pairs, options)
  );
}

/** Compares two secrets of any length without telling by time where they differ. */
export function constantTimeEqual(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

function checkScope(claim: SigV4Claim, options: SigV4Options): SigV4Refusal | undefined {
  const { region, service } = claim;
  const [code, subject] = claim.presigned
    ? ['AuthorizationQueryParametersError', 'Error parsing the X-Amz-Credential parameter']
    : ['AuthorizationHeaderMalformed', 'The authorization header is malformed'];
  if (options.region !== undefined && region !== options.region) {
    const message = `${subject}; the region '${region}' is wrong; expecting '${options.region}'`;
    return refuse(400, code, message, { Region: options.region });
  }
  if (service !== options.service) {
    return refuse(
      400,
      code,
      `${subject}; incorrect service "${service}". This endpoint belongs to "${options.service}".`,
    );
  }
  if (claim.date !== claim.amzDate.slice(0, 8)) {
    const message = `${subject}; invalid credential date "${claim.date}". It must match the date of the request.`;
    return refuse(400, code, message);
  }
  return undefined;
}

function checkTime(claim: SigV4Claim, options: SigV4Options): SigV4Refusal | undefined {
  const { nowMs, maxSkewMs = SIGV4_MAX_SKEW_MS } = options;
  const serverTime = isoSeconds(nowMs);
  if (!claim.presigned) {
    if (Math.abs(nowMs - claim.signedAtMs) <= maxSkewMs) return undefined;
    return refuse(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      { RequestTime: claim.amzDate, ServerTime: serverTime, MaxAllowedSkewMilliseconds: String(maxSkewMs) },
    );
  }
  if (claim.signedAtMs > nowMs + maxSkewMs) {
    return refuse(403, 'AccessDenied', 'Request is not yet valid', {
      'X-Amz-Date': claim.amzDate,
      ServerTime: serverTime,
    });
  }
  const expiresAtMs = claim.signedAtMs + claim.expiresSeconds * 1000;
  if (nowMs <= expiresAtMs && options.expireNow !== true) return undefined;
  return refuse(403, 'AccessDenied', 'Request has expired', {
    'X-Amz-Expires': String(claim.expiresSeconds),
    Expires: isoSeconds(Math.min(expiresAtMs, nowMs)),
    ServerTime: serverTime,
  });
}

function checkHeaders(claim: SigV4Claim, headers: SigV4Request['headers']): SigV4Refusal | undefined {
  const signed = new Set(claim.signedHeaders);
  const present = Object.keys(headers).filter((name) => headers[name] !== undefined);
  const unsigned = present.filter((name) => name.startsWith('x-amz-') && !signed.has(name));
  if (!signed.has('host')) unsigned.unshift('host');
  if (unsigned.length === 0) return undefined;
  const message = 'There were headers present in the request which were not signed';
  return refuse(403, 'AccessDenied', message, { HeadersNotSigned: unsigned.join(', ') });
}

function checkSignature(
  claim: SigV4Claim,
  request: SigV4Request,
  path: string,
  pairs: readonly (readonly [string, string])[],
  options: SigV4Options,
): SigV4Result {
  const secret = options.secretFor(claim.accessKeyId);
  if (secret === undefined) return unknownKey(claim.accessKeyId);
  const payloadHash = payloadHashOf(claim, request, pairs);
  const canonicalRequest = [
    request.method,
    path,
    canonicalQuery(pairs),
    ...claim.signedHeaders.map((name) => `${name}:${canonicalHeader(request.headers[name])}`),
    '',
    claim.signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const stringToSign = [SIGV4_ALGORITHM, claim.amzDate, scope, sha256Hex(canonicalRequest)].join('\n');
  const signingKey = deriveSigningKey(secret.secretAccessKey, claim.date, claim.region, claim.service);
  const signature = signString(signingKey, stringToSign);
  if (!constantTimeEqual(signature, claim.signature)) {
    return refuse(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      {
        AWSAccessKeyId: claim.accessKeyId,
        StringToSign: stringToSign,
        SignatureProvided: claim.signature,
        CanonicalRequest: canonicalRequest,
      },
    );
  }
  const { presigned, amzDate, signedAtMs, signedHeaders } = claim;
  return (
    checkToken(claim, secret, options.nowMs) ?? {
      ok: true,
      accessKeyId: claim.accessKeyId,
      authType: presigned ? 'REST-QUERY-STRING' : 'REST-HEADER',
      signedAtMs,
      ...(presigned ? { expiresAtMs: signedAtMs + claim.expiresSeconds * 1000 } : {}),
      scope,
      amzDate,
      signature,
      signingKey,
      payloadHash,
      signedHeaders,
    }
  );
}

/** Also used for POST policies, whose token is a form field. */
export function checkSessionToken(
  token: string | undefined,
  secret: SigV4Secret,
  accessKeyId: string,
  nowMs: number,
): SigV4Refusal | undefined {
  if (secret.sessionToken === undefined) {
    return token === undefined ? undefined : invalidToken();
  }
  if (token === undefined) return unknownKey(accessKeyId);
  if (!constantTimeEqual(token, secret.sessionToken)) return invalidToken();
  if (secret.sessionExpiresAtMs !== undefined && nowMs >= secret.sessionExpiresAtMs) {
    return refuse(400, 'ExpiredToken', 'The provided token has expired.');
  }
  return undefined;
}

/** The refusal of an access key that nobody knows. */
export function unknownKey(accessKeyId: string): SigV4Refusal {
  const message = 'The AWS Access Key Id you provided does not exist in our records.';
  return refuse(403, 'InvalidAccessKeyId', message, { AWSAccessKeyId: accessKeyId });
}

function checkToken(claim: SigV4Claim, secret: SigV4Secret, nowMs: number): SigV4Refusal | undefined {
  return checkSessionToken(claim.sessionToken, secret, claim.accessKeyId, nowMs);
}

function invalidToken(): SigV4Refusal {
  return refuse(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.');
}

function payloadHashOf(
  claim: SigV4Claim,
  request: SigV4Request,
  pairs: readonly (readonly [string, string])[],
): string {
  if (request.payloadHash !== undefined) return request.payloadHash;
  const header = request.headers['x-amz-content-sha256'];
  if (typeof header === 'string') return header;
  if (!claim.presigned) return EMPTY_SHA256;
  return pairs.find(([name]) => name.toLowerCase() === 'x-amz-content-sha256')?.[1] ?? UNSIGNED_PAYLOAD;
}

function canonicalHeader(value: string | string[] | undefined): string {
  const values = Array.isArray(value) ? value : [value ?? ''];
  return values.map((text) => text.trim().replaceAll(/ +/g, ' ')).join(',');
}
