import type { Span } from './part-plan.ts';
import { parseS3Error, type S3ErrorBody } from './s3-error-body.ts';

/** Longest `Retry-After` that is believed, in milliseconds. */
export const MAX_RETRY_AFTER_MS = 60_000;

/** A reply to a presigned GET, and what was asked. */
export interface S3Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Body text of anything but 200 and 206, from `readErrorBody`. @default - empty */
  readonly body?: string;
  /** When the URL dies by its own words, epoch milliseconds. @default - unknown */
  readonly urlExpiresAtMs?: number | undefined;
  /** The store's time as far as it is known, epoch milliseconds. */
  readonly nowMs: number;
  /** The range asked for. @default - none: the whole object */
  readonly expectedRange?: Span | undefined;
  /** @default - not known yet, any will do */
  readonly expectedEtag?: string | undefined;
  /** Compared only if the reply names a version. @default - any */
  readonly expectedVersionId?: string | undefined;
  /** Bytes of the whole object. @default - not known yet */
  readonly expectedSizeBytes?: number | undefined;
}

/**
 * What a reply means.
 *
 * - `ok`: the bytes asked for, of the object expected, follow.
 * - `expired`: the URL's time is over. `signer-expired`: its signer's session died early. Both: a fresh URL helps.
 * - `clock`: the store thinks the URL is not valid yet.
 * - `refused`: policy, key, bucket or configuration; a fresh URL may help once.
 * - `changed`: another object than the one expected.
 * - `missing`: no such key or version.
 * - `range`: other bytes than the ones asked for.
 * - `transient`: the same request may succeed later.
 */
export type ReplyKind =
  | 'ok'
  | 'expired'
  | 'signer-expired'
  | 'clock'
  | 'refused'
  | 'changed'
  | 'missing'
  | 'range'
  | 'transient';

/** A reply, judged. */
export interface ReplyVerdict {
  readonly kind: ReplyKind;
  readonly status: number;
  /** S3's error code, if there was one. */
  readonly code?: string;
  /** S3's own message, or what was expected and seen. At most 300 characters. */
  readonly message?: string;
  /** The store's clock, epoch milliseconds, if it said. */
  readonly serverTimeMs?: number;
  /** When the store thinks the URL was signed, epoch milliseconds; for `clock`. */
  readonly signedAtMs?: number;
  /** How long the store asks to wait, in milliseconds, at most a minute; for `transient`. */
  readonly retryAfterMs?: number;
}

/** Codes that mean "later", whatever status they come with. */
const TRANSIENT_CODE = /throttl|slowdown|toomanyrequests|requestlimitexceeded|^requesttimeout$/i;

/**
 * Says what a reply to a presigned GET means: the one table.
 *
 * The URL's own deadline decides what a 403 is; the text only helps, because S3s word it differently: AWS
 * "Request has expired" with `Expires` and `ServerTime`, Ceph an empty message, Cloudflare R2 `ExpiredRequest`.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
export function classifyReply(reply: S3Reply): ReplyVerdict {
  const { status } = reply;
  if (status === 200 || status === 206) return judgeSuccess(reply);
  const error = parseS3Error(reply.body ?? '');
  const kind = kindOfRefusal(reply, error);
  const dated = kind === 'expired' || kind === 'clock';
  return {
    kind,
    status,
    ...present('code', error.code),
    ...present('message', error.message),
    ...present('serverTimeMs', dated ? serverTime(kind, error, reply) : undefined),
    ...present('signedAtMs', kind === 'clock' ? error.signedAtMs : undefined),
    ...present('retryAfterMs', kind === 'transient' ? retryAfterMs(reply) : undefined),
  };
}

/** `{ [name]: value }`, or nothing for undefined. */
function present<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: V });
}

/** The Date header counts only where the clock itself is in question: proxies write it too. */
function serverTime(kind: ReplyKind, error: S3ErrorBody, reply: S3Reply): number | undefined {
  return error.serverTimeMs ?? (kind === 'clock' ? httpDateMs(reply.headers['date']) : undefined);
}

function kindOfRefusal(reply: S3Reply, error: S3ErrorBody): ReplyKind {
  const { status } = reply;
  const code = error.code ?? '';
  if (code === 'ExpiredRequest' || code === 'RequestExpired') return 'expired';
  if (code.startsWith('ExpiredToken')) return 'signer-expired';
  if (code === 'RequestTimeTooSkewed') return 'clock';
  if (status >= 400 && TRANSIENT_CODE.test(code)) return 'transient';
  switch (status) {
    case 403:
      return kindOfForbidden(reply, error);
    case 404:
      return code === 'NoSuchBucket' ? 'refused' : 'missing';
    case 405: // A GET of a version that is a delete marker
      return reply.headers['x-amz-delete-marker'] === 'true' ? 'missing' : 'refused';
    case 412:
      return 'changed';
    case 416:
      return 'range';
    case 408:
    case 409:
    case 425:
    case 429:
      return 'transient';
    default:
      if (status >= 500) return 'transient';
      return status >= 200 && status < 300 ? 'range' : 'refused';
  }
}

function kindOfForbidden(reply: S3Reply, error: S3ErrorBody): ReplyKind {
  const message = error.message ?? '';
  if (/not yet valid/i.test(message)) return 'clock';
  if (error.code === 'AccessDenied' && /has expired/i.test(message)) return 'expired';
  const { expiresAtMs, serverTimeMs } = error;
  if (expiresAtMs !== undefined && serverTimeMs !== undefined && expiresAtMs <= serverTimeMs)
    return 'expired';
  const nowMs = serverTimeMs ?? reply.nowMs;
  return reply.urlExpiresAtMs !== undefined && nowMs >= reply.urlExpiresAtMs ? 'expired' : 'refused';
}

function judgeSuccess(reply: S3Reply): ReplyVerdict {
  const { status, headers, expectedRange: range, expectedEtag, expectedVersionId } = reply;
  const judged = (kind: ReplyKind, message: string): ReplyVerdict => ({ kind, status, message });
  const etag = headers['etag'];
  if (expectedEtag !== undefined && (etag === undefined || !sameEtag(etag, expectedEtag))) {
    return judged('changed', `expected etag ${show(expectedEtag)}, got ${show(etag)}`);
  }
  const versionId = headers['x-amz-version-id'];
  if (versionId !== undefined && expectedVersionId !== undefined && versionId !== expectedVersionId) {
    return judged('changed', `expected version ${show(expectedVersionId)}, got ${show(versionId)}`);
  }
  const size = reply.expectedSizeBytes;
  const total = totalBytes(reply);
  // An object of another size is another object, unless its etag has just proved it the same.
  if (size !== undefined && total !== undefined && total !== size) {
    return judged(
      expectedEtag === undefined ? 'changed' : 'range',
      `expected ${size} bytes in all, got ${total}`,
    );
  }
  if (range === undefined)
    return status === 200 ? { kind: 'ok', status } : judged('range', 'got a range unasked');
  const expected = `bytes ${range.start}-${range.end - 1}/`;
  const got = headers['content-range'];
  if (status !== 206 || got === undefined || !got.startsWith(expected)) {
    return judged('range', `expected 206 and ${expected}${size ?? '*'}, got ${status} and ${show(got)}`);
  }
  const length = contentLength(headers);
  if (length !== undefined && length !== range.end - range.start) {
    return judged('range', `expected ${range.end - range.start} bytes, got content-length ${length}`);
  }
  return { kind: 'ok', status };
}

/** Bytes of the whole object by the words of a good reply; undefined if it does not say. */
export function totalBytes(reply: Pick<S3Reply, 'status' | 'headers'>): number | undefined {
  if (reply.status === 200) return contentLength(reply.headers);
  const total = /^bytes (?:\d+-\d+|\*)\/(\d{1,16})$/.exec(reply.headers['content-range'] ?? '')?.[1];
  return total === undefined ? undefined : Number(total);
}

/** True if two etags name the same bytes; quotes do not matter, weak ones (`W/`) never match. */
export function sameEtag(a: string, b: string): boolean {
  return !a.startsWith('W/') && unquote(a) === unquote(b);
}

/** An etag as `If-Match` wants it, or undefined for a weak one, which cannot be used there. RFC 9110 §13.1.1 */
export function ifMatchValue(etag: string | undefined): string | undefined {
  return etag === undefined || etag.startsWith('W/') ? undefined : `"${unquote(etag)}"`;
}

function httpDateMs(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Seconds or a date. @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
function retryAfterMs({ headers, nowMs }: S3Reply): number | undefined {
  const text = headers['retry-after'] ?? '';
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : (httpDateMs(text) ?? Number.NaN) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

function contentLength(headers: Readonly<Record<string, string>>): number | undefined {
  const text = headers['content-length'];
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

function unquote(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}

function show(value: string | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value.slice(0, 100));
}
