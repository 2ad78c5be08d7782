import * as z from 'zod';
import type { UrlService } from './core.ts';
import type { RedeemResult } from './result.ts';

/** Largest request body, in bytes (1 MiB): 100 claim checks of 8 KiB fit. */
export const MAX_BODY_BYTES = 1024 ** 2;

/** A request, whatever brought it. */
export interface NeutralRequest {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly body: Uint8Array | string;
  /** The authenticated identity; undefined if there is none. */
  readonly caller: string | undefined;
}

/** A response, whatever takes it away. */
export interface NeutralResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Holds presigned URLs when the status is 200: do not log it. */
  readonly body: string;
}

/**
 * Answers a request to the URL service.
 *
 * `POST /redeem` with `{"claimChecks": ["…"]}` gives 200 and `{"serverTime", "results": […]}`, one result per claim
 * check; `GET /healthz` needs no caller. Mistakes are problem details.
 *
 * @throws the signal's reason, when it aborts
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export async function handleRedeem(
  request: NeutralRequest,
  context: { readonly service: UrlService; readonly signal?: AbortSignal | undefined },
): Promise<NeutralResponse> {
  const { service, signal } = context;
  const { method, path, caller } = request;
  if (path === '/healthz') {
    if (method !== 'GET' && method !== 'HEAD') return methodNotAllowed('GET, HEAD');
    return respond(200, 'application/json', { status: 'ok', serverTime: service.serverTime() });
  }
  if (path !== '/redeem') return problem(404, 'Not Found', 'There is nothing at this path; POST to /redeem.');
  if (method !== 'POST') return methodNotAllowed('POST');
  if (caller === undefined) return forbidden();
  if (Buffer.byteLength(request.body) > MAX_BODY_BYTES) return bodyTooLarge();
  const parsed = parseBody(request.body, service.maxItems);
  if ('status' in parsed) return parsed;
  const results = await service.redeem(parsed.claimChecks, caller, { signal });
  return respond(200, 'application/json', {
    serverTime: service.serverTime(),
    results: results.map((result) => toWire(result)),
  });
}

/** The one answer to a caller without a good identity, like a function URL's own. */
export function forbidden(): NeutralResponse {
  return respond(403, 'application/json', { Message: 'Forbidden' });
}

/** The answer to a body over `MAX_BODY_BYTES`. */
export function bodyTooLarge(): NeutralResponse {
  return problem(413, 'Content Too Large', `The body must have at most ${MAX_BODY_BYTES} bytes.`);
}

/** The answer when the service itself broke. */
export function internalError(): NeutralResponse {
  return problem(500, 'Internal Server Error', 'The service failed; try again later.');
}

function parseBody(body: Uint8Array | string, maxItems: number): { claimChecks: string[] } | NeutralResponse {
  let json: unknown;
  try {
    json = JSON.parse(
      typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body),
    );
  } catch {
    return problem(400, 'Bad Request', 'body: expected JSON in UTF-8.', { field: '' });
  }
  const schema = z.object({ claimChecks: z.array(z.string().min(1)).min(1).max(maxItems) });
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.map(String).join('.') ?? '';
  return problem(400, 'Bad Request', `${field || 'body'}: ${issue?.message ?? 'invalid'}.`, { field });
}

/** Here a URL leaves for its one rightful receiver. */
function toWire(result: RedeemResult): object {
  if (result.status !== 200) return result;
  return { ...result, access: { ...result.access, url: result.access.url.reveal() } };
}

function methodNotAllowed(allow: string): NeutralResponse {
  const response = problem(405, 'Method Not Allowed', `This path takes ${allow}.`);
  return { ...response, headers: { ...response.headers, allow } };
}

function problem(status: number, title: string, detail: string, extra: object = {}): NeutralResponse {
  return respond(status, 'application/problem+json', {
    type: 'about:blank',
    title,
    status,
    detail,
    ...extra,
  });
}

function respond(status: number, contentType: string, body: object): NeutralResponse {
  return {
    status,
    headers: {
      'content-type': contentType,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
    body: JSON.stringify(body),
  };
}
