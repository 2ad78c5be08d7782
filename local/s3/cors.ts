import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CorsRule } from './cors-rules.ts';
import { S3Error } from './errors.ts';
import type { Store } from './store/store.ts';

/** Caches must tell answers to different pages apart. */
const VARY = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method';

const NOT_ALLOWED =
  "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."; // in S3's own spelling

/**
 * Answers a preflight, which is never signed.
 * @throws {S3Error} BadRequest if it is none; AccessForbidden if no rule of the bucket fits
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
 */
export function answerPreflight(
  req: IncomingMessage,
  res: ServerResponse,
  store: Store,
  bucketName: string | undefined,
): void {
  const { origin } = req.headers;
  const method = req.headers['access-control-request-method'];
  if (origin === undefined) throw badRequest('Insufficient information. Origin request header needed.');
  if (method === undefined || !/^(?:GET|PUT|POST|DELETE|HEAD)$/.test(method))
    throw badRequest(`Invalid Access-Control-Request-Method: ${method ?? 'null'}`);
  const asked = (req.headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const rules = rulesOf(store, bucketName);
  if (rules === undefined) throw forbidden(method, 'CORSResponse: CORS is not enabled for this bucket.');
  const rule = findRule(rules, origin, method, asked);
  if (rule === undefined) throw forbidden(method, NOT_ALLOWED);
  setCorsHeaders(res, rule, origin);
  if (asked.length > 0) res.setHeader('access-control-allow-headers', asked.join(', '));
  res.writeHead(200, { 'content-length': 0 });
  res.end();
}

/** Sets the headers that let a page read the answer, be it a success or an error; none if no rule fits. */
export function applyCors(
  req: IncomingMessage,
  res: ServerResponse,
  store: Store,
  bucketName: string | undefined,
): void {
  const { origin } = req.headers;
  const rules = origin === undefined ? undefined : rulesOf(store, bucketName);
  if (origin === undefined || rules === undefined) return;
  const rule = findRule(rules, origin, req.method ?? 'GET', []);
  if (rule !== undefined) setCorsHeaders(res, rule, origin);
}

/** The first rule that fits. */
export function findRule(
  rules: readonly CorsRule[],
  origin: string,
  method: string,
  headers: readonly string[],
): CorsRule | undefined {
  return rules.find(
    (rule) =>
      rule.allowedOrigins.some((pattern) => wildcardFits(pattern, origin)) &&
      rule.allowedMethods.includes(method) &&
      headers.every((name) =>
        rule.allowedHeaders.some((pattern) => wildcardFits(pattern.toLowerCase(), name)),
      ),
  );
}

/** True if the text fits a pattern with at most one `*`. */
function wildcardFits(pattern: string, text: string): boolean {
  const at = pattern.indexOf('*');
  if (at === -1) return pattern === text;
  const [head, tail] = [pattern.slice(0, at), pattern.slice(at + 1)];
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail);
}

function setCorsHeaders(res: ServerResponse, rule: CorsRule, origin: string): void {
  const anybody = rule.allowedOrigins.includes('*');
  res.setHeader('access-control-allow-origin', anybody ? '*' : origin);
  if (!anybody) res.setHeader('access-control-allow-credentials', 'true');
  res.setHeader('access-control-allow-methods', rule.allowedMethods.join(', '));
  if (rule.exposeHeaders.length > 0)
    res.setHeader('access-control-expose-headers', rule.exposeHeaders.join(', '));
  if (rule.maxAgeSeconds !== undefined) res.setHeader('access-control-max-age', String(rule.maxAgeSeconds));
  res.setHeader('vary', VARY);
}

function rulesOf(store: Store, bucketName: string | undefined): readonly CorsRule[] | undefined {
  if (bucketName === undefined || !store.hasBucket(bucketName)) return undefined;
  return store.bucket(bucketName).record.cors;
}

function badRequest(message: string): S3Error {
  return new S3Error('BadRequest', {}, { message });
}

function forbidden(method: string, message: string): S3Error {
  return new S3Error('AccessForbidden', { Method: method, ResourceType: 'OBJECT' }, { message });
}
