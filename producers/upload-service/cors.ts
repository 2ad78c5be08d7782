import type { UploadRequest, UploadResponse } from './http.ts';

/** True for what a browser asks before it sends a request of another origin's page. @see https://fetch.spec.whatwg.org/#cors-preflight-fetch */
export function isPreflight({ method, headers }: UploadRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

/** Headers that let a page of a listed origin read the answer; for any other origin there are none. */
export function corsHeaders(
  { headers }: UploadRequest,
  origins: readonly string[],
): Readonly<Record<string, string>> {
  const { origin } = headers;
  if (origin === undefined || !origins.includes(origin)) return { vary: 'Origin' };
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'Location',
  };
}

/** Answers a preflight; without the header that allows it, the browser keeps the request to itself. */
export function preflight(request: UploadRequest, origins: readonly string[]): UploadResponse {
  const allowed = corsHeaders(request, origins);
  if (allowed['access-control-allow-origin'] === undefined)
    return { status: 403, headers: allowed, body: '' };
  return {
    status: 204,
    headers: {
      ...allowed,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-max-age': '600',
    },
    body: '',
  };
}
