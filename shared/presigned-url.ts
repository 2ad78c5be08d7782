import { MAX_PRESIGN_SECONDS } from './limits.ts';
import { SIGV4_ALGORITHM, parseAmzDate } from './sigv4-encoding.ts';

/**
 * Query parameter that tells who asked for a URL. S3 ignores unknown parameters that begin with `x-` and writes
 * them to its access log; being signed, it cannot be changed.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html#LogFormatCustom
 */
export const CALLER_PARAMETER = 'x-waybill-caller';

/** What a presigned URL says of itself. The signature and the session token are left out. */
export interface PresignedUrlReport {
  /** The URL without its query. */
  readonly address: string;
  readonly algorithm: string | undefined;
  /** Whose rights the URL has. */
  readonly accessKeyId: string | undefined;
  /** True if it carries a session token: then it dies with that session, whatever its own date says. */
  readonly temporaryCredentials: boolean;
  /** Date of the credential scope, `YYYYMMDD`. */
  readonly date: string | undefined;
  readonly region: string | undefined;
  readonly service: string | undefined;
  /** Headers that the sender must send exactly as signed, `host` included. */
  readonly signedHeaders: readonly string[];
  readonly issuedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** Milliseconds until it expires; negative afterwards. */
  readonly lifeLeftMs: number | undefined;
  readonly versionId: string | undefined;
  /** Value of `x-waybill-caller`: who asked for the URL. */
  readonly caller: string | undefined;
  /** What S3 would refuse, and why. Empty for a URL that looks right. */
  readonly problems: readonly string[];
}

const REQUIRED = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
] as const;

/**
 * Reads a presigned URL without asking anybody: signer, dates, version, and what would be refused.
 * @param nowMs epoch milliseconds
 * @throws {TypeError} when `href` is no absolute URL; it is not shown
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function inspectPresignedUrl(href: string, nowMs: number): PresignedUrlReport {
  if (!URL.canParse(href)) throw new TypeError('url: got something else, expected an absolute URL');
  const url = new URL(href);
  const param = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const scope = parseScope(param('X-Amz-Credential'));
  const amzDate = param('X-Amz-Date');
  const issuedAtMs = amzDate === undefined ? undefined : parseAmzDate(amzDate);
  const expiresAtMs = expiryOf(issuedAtMs, param('X-Amz-Expires'));
  const report = {
    address: `${url.origin}${url.pathname}`,
    algorithm: param('X-Amz-Algorithm'),
    ...scope,
    temporaryCredentials: url.searchParams.has('X-Amz-Security-Token'),
    signedHeaders: param('X-Amz-SignedHeaders')?.split(';') ?? [],
    issuedAtMs,
    expiresAtMs,
    lifeLeftMs: expiresAtMs === undefined ? undefined : expiresAtMs - nowMs,
    versionId: param('versionId'),
    caller: param('x-waybill-caller'),
  };
  return { ...report, problems: problemsOf(url, report, nowMs) };
}

type Scope = Pick<PresignedUrlReport, 'accessKeyId' | 'date' | 'region' | 'service'>;

/** `<access key>/YYYYMMDD/<region>/<service>/aws4_request` */
function parseScope(credential: string | undefined): Scope {
  const parts = credential?.split('/') ?? [];
  if (parts.length !== 5 || parts[4] !== 'aws4_request') {
    return { accessKeyId: undefined, date: undefined, region: undefined, service: undefined };
  }
  const [accessKeyId, date, region, service] = parts;
  return { accessKeyId, date, region, service };
}

function expiryOf(issuedAtMs: number | undefined, expires: string | undefined): number | undefined {
  if (issuedAtMs === undefined || expires === undefined || !/^\d{1,9}$/.test(expires)) return undefined;
  return issuedAtMs + Number(expires) * 1000;
}

function problemsOf(url: URL, report: Omit<PresignedUrlReport, 'problems'>, nowMs: number): string[] {
  const query = url.searchParams;
  const problems: string[] = [];
  const unlessTrue = (ok: boolean, problem: string): void => {
    if (!ok) problems.push(problem);
  };
  for (const name of REQUIRED) unlessTrue(query.has(name), `${name} is missing: not a SigV4 presigned URL`);
  for (const name of REQUIRED) unlessTrue(query.getAll(name).length < 2, `${name} stands there twice`);
  const { algorithm, issuedAtMs, expiresAtMs } = report;
  if (algorithm !== undefined && algorithm !== SIGV4_ALGORITHM)
    problems.push(`X-Amz-Algorithm is ${algorithm}, expected ${SIGV4_ALGORITHM}`);
  if (query.has('X-Amz-Credential') && report.accessKeyId === undefined)
    problems.push('X-Amz-Credential is malformed, expected <key>/YYYYMMDD/<region>/<service>/aws4_request');
  unlessTrue((report.service ?? 's3') === 's3', `signed for service ${report.service}, expected s3`);
  if (query.has('X-Amz-Date') && issuedAtMs === undefined)
    problems.push('X-Amz-Date is malformed, expected YYYYMMDDTHHMMSSZ');
  if (issuedAtMs !== undefined && query.has('X-Amz-Expires') && expiresAtMs === undefined)
    problems.push('X-Amz-Expires is malformed, expected seconds');
  if (issuedAtMs !== undefined && report.date !== undefined) {
    const day = query.get('X-Amz-Date')?.slice(0, 8);
    unlessTrue(day === report.date, `credential date ${report.date} differs from X-Amz-Date's ${day}`);
  }
  problems.push(...timeProblems(issuedAtMs, expiresAtMs, nowMs));
  if (query.has('X-Amz-SignedHeaders'))
    unlessTrue(report.signedHeaders.includes('host'), 'host is not among the signed headers');
  return problems;
}

function timeProblems(
  issuedAtMs: number | undefined,
  expiresAtMs: number | undefined,
  nowMs: number,
): string[] {
  if (issuedAtMs === undefined || expiresAtMs === undefined) return [];
  const problems: string[] = [];
  const life = (expiresAtMs - issuedAtMs) / 1000;
  if (life > MAX_PRESIGN_SECONDS)
    problems.push(`it asks for a life of ${life} s, at most ${MAX_PRESIGN_SECONDS} s (7 days) are allowed`);
  if (nowMs >= expiresAtMs) problems.push(`it expired at ${new Date(expiresAtMs).toISOString()}`);
  if (nowMs < issuedAtMs)
    problems.push(`it is not valid before ${new Date(issuedAtMs).toISOString()}: one of the clocks is wrong`);
  return problems;
}
