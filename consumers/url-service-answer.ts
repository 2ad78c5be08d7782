import { z } from 'zod';
import { PayloadGoneError, UrlServiceError, type WaybillError } from '../shared/errors.ts';
import { attachmentSchema } from '../shared/events/index.ts';
import type { FreshUrl } from './url-source.ts';

/** What became of one claim check. */
export type ItemOutcome =
  | { readonly kind: 'fresh'; readonly fresh: FreshUrl }
  /** Final. */
  | { readonly kind: 'failed'; readonly error: WaybillError }
  /** May go better later; `error` is for when patience ends. */
  | { readonly kind: 'again'; readonly error: UrlServiceError };

const { shape } = attachmentSchema;

const answerSchema = z.looseObject({ results: z.array(z.looseObject({ status: z.int() })) });

const freshSchema = z.looseObject({
  access: shape.access.unwrap(),
  versionId: shape.versionId,
  size: shape.size,
  digest: shape.digest,
  serverTime: z.iso.datetime({ offset: true }).optional(),
});

/**
 * Reads the service's whole answer.
 * @param status HTTP status of the call
 * @param asked how many claim checks were sent
 * @param where the service, for messages
 */
export function readAnswer(status: number, body: string, asked: number, where: string): ItemOutcome[] {
  if (status !== 200) {
    const outcome = callFailure(status, where);
    return Array.from({ length: asked }, () => outcome);
  }
  const parsed = answerSchema.safeParse(parseJson(body));
  const results = parsed.data?.results;
  if (results === undefined || results.length !== asked) {
    const seen = results === undefined ? 'something else' : `${results.length} results`;
    const outcome = failed(`${where} answered ${seen}, expected {"results": [...]} with ${asked} results`);
    return Array.from({ length: asked }, () => outcome);
  }
  return results.map((result) => readResult(result, where));
}

/** The call as a whole was not answered 200. */
function callFailure(status: number, where: string): ItemOutcome {
  if (status === 401 || status === 403)
    return failed(`${where} refuses this identity (HTTP ${status}): check credentials, region and clock`);
  if (isTransient(status)) return again(`${where} answered HTTP ${status}`);
  if (status >= 300 && status < 400)
    return failed(`${where} answered HTTP ${status}; redirects are not followed`);
  return failed(`${where} answered HTTP ${status}, expected 200`);
}

/** No answer came: network, timeout. */
export function noAnswer(where: string, what: string, cause?: unknown): ItemOutcome {
  return { kind: 'again', error: new UrlServiceError(`${where} ${what}`, { cause }) };
}

function readResult(
  result: { readonly status: number; readonly [name: string]: unknown },
  where: string,
): ItemOutcome {
  const { status } = result;
  if (status === 200) return readFresh(result, where);
  const word = typeof result['error'] === 'string' ? result['error'].slice(0, 64) : 'no reason';
  if (status === 404 || status === 410) {
    const details = { status, reason: word };
    const error = new PayloadGoneError(`${where} says the payload is gone (${status} ${word})`, { details });
    return { kind: 'failed', error };
  }
  if (status === 403) return failed(`${where} refuses the claim check for this caller (403 ${word})`);
  if (isTransient(status)) return again(`${where} has no URL now (${status} ${word})`);
  return failed(`${where} answered an item with status ${status}, expected 200, 403, 404, 410, 429 or 503`);
}

function readFresh(result: object, where: string): ItemOutcome {
  const parsed = freshSchema.safeParse(result);
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path.join('.') ?? '';
    return failed(
      `${where} answered a malformed item: ${path}: ${parsed.error.issues[0]?.message ?? 'invalid'}`,
    );
  }
  const { access, versionId, size, digest, serverTime } = parsed.data;
  const time = serverTime === undefined ? {} : { serverTimeMs: Date.parse(serverTime) };
  return { kind: 'fresh', fresh: { access, versionId, size, digest, ...time } };
}

function isTransient(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

function failed(message: string): ItemOutcome {
  return { kind: 'failed', error: new UrlServiceError(message) };
}

function again(message: string): ItemOutcome {
  return { kind: 'again', error: new UrlServiceError(message) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
