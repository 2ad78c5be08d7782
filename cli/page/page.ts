import type { IncomingMessage, ServerResponse } from 'node:http';
import { loadAssets, pageHeaders, sendAsset } from './assets.ts';
import { createPageSession, ownHost } from './session.ts';

export interface PageOptions {
  /** Where the page sends bytes. */
  readonly storeOrigin: string;
  /** A token of whoever sits at this machine, for the upload service. */
  readonly token: () => Promise<string>;
}

/** Answers what belongs to the page; false leaves a request to others. */
export type ServePage = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The page on loopback: its files, and its session. */
export async function createPage(options: PageOptions): Promise<ServePage> {
  const assets = await loadAssets();
  const headers = pageHeaders(new URL(options.storeOrigin).origin);
  const session = createPageSession();

  const open = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!session.isFromPage(request)) return refuse(response, 403, ELSEWHERE(ownHost(request)));
    const body = JSON.stringify({ token: await options.token(), store: options.storeOrigin });
    response.writeHead(200, {
      ...NO_STORE,
      'content-type': 'application/json',
      'set-cookie': session.cookie(request),
    });
    response.end(body);
  };

  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path === '/session') {
      if (request.method !== 'POST') refuse(response, 405, 'This path takes POST.');
      else open(request, response).catch(() => response.destroy());
      return true;
    }
    const asset = assets.get(path);
    if (asset === undefined || !['GET', 'HEAD'].includes(request.method ?? '')) return false;
    // The store takes uploads of the address that the server has, not of another name for it.
    if (path === '/' && request.headers.host !== ownHost(request)) {
      response.writeHead(302, { ...headers, location: `http://${ownHost(request)}/` });
      response.end();
    } else sendAsset(response, asset, headers);
    return true;
  };
}

const ELSEWHERE = (host: string): string =>
  `This page lives at http://${host}/ and works only when it is opened there, on this machine.`;

export const NO_STORE = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

/** Problem details, as the upload service sends them. @see https://www.rfc-editor.org/rfc/rfc9457 */
export function refuse(response: ServerResponse, status: number, detail: string): void {
  response.writeHead(status, { ...NO_STORE, 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ title: 'Not allowed', status, detail }));
}
