import { SIGV4_ALGORITHM, formatAmzDate, parseAmzDate } from './sigv4-encoding.ts';
import { refuse } from './sigv4-refusal.ts';
import type { SigV4Refusal } from './sigv4-refusal.ts';

/** What a request says about its own signature, before anything of it is believed. */
export interface SigV4Claim {
  readonly presigned: boolean;
  readonly accessKeyId: string;
  /** Date of the credential scope, `YYYYMMDD`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly amzDate: string;
  readonly signedAtMs: number;
  /** Life of a presigned URL in seconds; 0 for header authentication. */
  readonly expiresSeconds: number;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly sessionToken: string | undefined;
}

/**
 * Longest life of a presigned URL, in seconds.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export const MAX_PRESIGN_SECONDS = 604_800;

type Headers = Readonly<Record<string, string | string[] | undefined>>;
type Pairs = readonly (readonly [string, string])[];

/** Reads the claim from the Authorization header or the query, or says why there is none. */
export function readCredentials(
  headers: Headers,
  pairs: Pairs,
  serviceName: string,
): SigV4Claim | SigV4Refusal {
  const names = new Set(pairs.map(([name]) => name));
  const inQuery = names.has('X-Amz-Algorithm') || names.has('X-Amz-Signature');
  const authorization = headers['authorization'];
  if (inQuery && authorization !== undefined) {
    const message =
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified';
    return refuse(400, 'InvalidArgument', message);
  }
  if (inQuery) return fromQuery(pairs);
  if (typeof authorization === 'string') return fromHeader(authorization, headers, serviceName);
  if (names.has('AWSAccessKeyId') && names.has('Signature')) return unsupported();
  return { ...refuse(403, 'AccessDenied', 'Access Denied'), anonymous: true };
}

function unsupported(): SigV4Refusal {
  const message =
    'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';
  return refuse(400, 'InvalidRequest', message);
}

function fromQuery(pairs: Pairs): SigV4Claim | SigV4Refusal {
  const bad = (message: string): SigV4Refusal => refuse(400, 'AuthorizationQueryParametersError', message);
  const params = new Map(pairs);
  const credential = params.get('X-Amz-Credential');
  const amzDate = params.get('X-Amz-Date');
  const expires = params.get('X-Amz-Expires');
  const signedHeaders = params.get('X-Amz-SignedHeaders');
  const signature = params.get('X-Amz-Signature');
  const algorithm = params.get('X-Amz-Algorithm');
  if (!algorithm || !credential || !amzDate || !expires || !signedHeaders || !signature) {
    return bad(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  if (algorithm !== SIGV4_ALGORITHM) return bad('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"');
  const scope = parseCredential(credential);
  if (scope === undefined) {
    return bad(
      'Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  const signedAtMs = parseAmzDate(amzDate);
  if (signedAtMs === undefined) {
    return bad("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  if (!/^-?\d{1,15}$/.test(expires)) return bad('X-Amz-Expires should be a number');
  const expiresSeconds = Number(expires);
  if (expiresSeconds < 0) return bad('X-Amz-Expires must be non-negative');
  if (expiresSeconds > MAX_PRESIGN_SECONDS) {
    return bad(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
  return {
    ...scope,
    presigned: true,
    amzDate,
    signedAtMs,
    expiresSeconds,
    signedHeaders: signedHeaders.split(';'),
    signature,
    sessionToken: params.get('X-Amz-Security-Token'),
  };
}

function fromHeader(text: string, headers: Headers, serviceName: string): SigV4Claim | SigV4Refusal {
  if (text.startsWith('AWS ')) return unsupported();
  const bad = (message: string): SigV4Refusal => refuse(400, 'AuthorizationHeaderMalformed', message);
  if (!text.startsWith(`${SIGV4_ALGORITHM} `)) {
    return refuse(400, 'InvalidArgument', 'Unsupported Authorization Type');
  }
  const fields = new Map<string, string>();
  for (const field of text.slice(SIGV4_ALGORITHM.length + 1).split(',')) {
    const at = field.indexOf('=');
    fields.set(field.slice(0, at).trim(), field.slice(at + 1).trim());
  }
  const credential = fields.get('Credential');
  const signedHeaders = fields.get('SignedHeaders');
  const signature = fields.get('Signature');
  if (!credential || !signedHeaders || !signature) {
    return bad(
      'The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  }
  const scope = parseCredential(credential);
  if (scope === undefined) {
    return bad(
      'The authorization header is malformed; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (serviceName === 's3' && headers['x-amz-content-sha256'] === undefined) {
    return refuse(400, 'InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  const dated = requestDate(headers);
  if (dated === undefined) {
    return refuse(403, 'AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  }
  const token = headers['x-amz-security-token'];
  return {
    ...scope,
    ...dated,
    presigned: false,
    expiresSeconds: 0,
    signedHeaders: signedHeaders.split(';'),
    signature,
    sessionToken: typeof token === 'string' ? token : undefined,
  };
}

function requestDate(headers: Headers): { amzDate: string; signedAtMs: number } | undefined {
  const amzDate = headers['x-amz-date'];
  if (typeof amzDate === 'string') {
    const signedAtMs = parseAmzDate(amzDate);
    return signedAtMs === undefined ? undefined : { amzDate, signedAtMs };
  }
  const date = headers['date'];
  const signedAtMs = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return Number.isNaN(signedAtMs) ? undefined : { amzDate: formatAmzDate(signedAtMs), signedAtMs };
}

function parseCredential(
  text: string,
): Pick<SigV4Claim, 'accessKeyId' | 'date' | 'region' | 'service'> | undefined {
  const parts = text.split('/');
  if (parts.length < 5 || parts.pop() !== 'aws4_request') return undefined;
  const service = parts.pop();
  const region = parts.pop();
  const date = parts.pop();
  const accessKeyId = parts.join('/');
  if (!service || !region || !date || !accessKeyId || !/^\d{8}$/.test(date)) return undefined;
  return { accessKeyId, date, region, service };
}
