import { Secret } from './secret.ts';

const HIDDEN = '[redacted]';

/** Field names whose whole value is secret, wherever they stand. Compared in lower case without `-` and `_`. */
const SECRET_FIELDS = new Set([
  'authorization',
  'claimcheck',
  'claimchecks',
  'cookie',
  'password',
  'privatekey',
  'secretaccesskey',
  'secretkey',
  'sessiontoken',
  'setcookie',
  'xamzsecuritytoken',
  'xamzsignature',
]);

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // The query of any URL: a presigned URL's rights live there.
  [/(\bhttps?:\/\/[^\s"'<>?#]+)\?[^\s"'<>]*/gi, `$1?${HIDDEN}`],
  // A query without its URL, as HTTP libraries print it (`/bucket/key?X-Amz-…`).
  [/([?&](?:X-Amz-(?:Signature|Credential|Security-Token))=)[^\s"'<>&]*/gi, `$1${HIDDEN}`],
  // Compact JWS: three base64url segments, the first of which is a JSON object. RFC 7515 §7.1
  [/\beyJ[\w-]{4,}\.[\w-]+\.[\w-]+/g, HIDDEN],
  // SigV4 Authorization header.
  [/\b(Signature=)[0-9a-f]{16,}/gi, `$1${HIDDEN}`],
  [/\b(Bearer\s+)[\w.~+/-]+=*/gi, `$1${HIDDEN}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, HIDDEN],
];

/** Takes presigned queries, claim checks, signatures and private keys out of a text. */
export function redactText(text: string): string {
  let out = text;
  for (const [pattern, replacement] of PATTERNS) out = out.replace(pattern, replacement);
  return out;
}

/**
 * A copy of `value` that is safe to log: strings pass `redactText`, fields that are secret by name are
 * hidden, errors become plain objects, cycles and depth beyond 8 are cut.
 */
export function redact(value: unknown): unknown {
  return walk(value, 0, new Set());
}

function walk(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return '[function]';
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Secret) return value.toString();
  if (value instanceof Date) return value.toJSON();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= 8 || above.has(value)) return '[…]';
  above.add(value);
  try {
    if (Array.isArray(value)) return value.map((item) => walk(item, depth + 1, above));
    if (value instanceof Map) return walk(Object.fromEntries(value), depth + 1, above);
    if (value instanceof Set) return walk([...value], depth + 1, above);
    const entries: [string, unknown][] = Object.entries(value);
    if (value instanceof Error) {
      entries.unshift(['name', value.name], ['message', value.message]);
      if (value.stack !== undefined) entries.push(['stack', value.stack]);
      if (value.cause !== undefined) entries.push(['cause', value.cause]);
    }
    return Object.fromEntries(entries.map(([key, item]) => [key, hide(key, item, depth, above)]));
  } finally {
    above.delete(value);
  }
}

function hide(key: string, item: unknown, depth: number, above: Set<object>): unknown {
  if (item !== undefined && SECRET_FIELDS.has(key.toLowerCase().replaceAll(/[-_]/g, ''))) return HIDDEN;
  return walk(item, depth + 1, above);
}
