import type { ServerResponse } from 'node:http';

/** Headers of every answer that is not a file of the page. */
export const NO_STORE = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

/** Problem details, as the upload service sends them. @see https://www.rfc-editor.org/rfc/rfc9457 */
export function refuse(response: ServerResponse, status: number, detail: string): void {
  response.writeHead(status, { ...NO_STORE, 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ title: status === 404 ? 'Not found' : 'Not allowed', status, detail }));
}
