import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PageConfig } from '../../shared/page-config.ts';
import { loadAssets, pageHeaders, sendAsset } from './assets.ts';
import { watchExchange, type WatchOptions } from './exchange.ts';
import { NO_STORE, refuse } from './refuse.ts';
import { createPageSession, ownHost } from './session.ts';

export interface PageOptions {
  /** Where the page sends bytes. */
  readonly storeOrigin: string;
  /** A token of whoever sits at this machine, for the upload service. */
  readonly token: () => Promise<string>;
  /** What the page watches. */
  readonly exchange: WatchOptions;
}

/** The page on loopback. */
export interface Page extends AsyncDisposable {
  /** Answers what belongs to the page; false leaves a request to others. */
  readonly serve: (request: IncomingMessage, response: ServerResponse) => boolean;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** Starts the page: its files, its session, and the exchange as it happens. */
export async function createPage(options: PageOptions): Promise<Page> {
  const assets = await loadAssets();
  const headers = pageHeaders(new URL(options.storeOrigin).origin);
  const session = createPageSession();
  const exchange = watchExchange(options.exchange);

  const elsewhere = (request: IncomingMessage, response: ServerResponse): void =>
    refuse(response, 403, ELSEWHERE(ownHost(request)));

  const answers: Readonly<Record<string, Answer>> = {
    'GET /config.json': (_request, response) => {
      response.writeHead(200, { ...NO_STORE, 'content-type': 'application/json' });
      response.end(JSON.stringify({ server: 'local' } satisfies PageConfig));
    },
    'POST /session': async (request, response) => {
      if (!session.isFromPage(request)) return elsewhere(request, response);
      const body = JSON.stringify({ token: await options.token(), store: options.storeOrigin });
      response.writeHead(200, {
        ...NO_STORE,
        'content-type': 'application/json',
        'set-cookie': session.cookie(request),
      });
      response.end(body);
    },
    'GET /live': (request, response) => {
      if (!session.isIn(request)) elsewhere(request, response);
      else if (!exchange.live.watch(response)) refuse(response, 503, 'Too many pages watch already.');
    },
    'POST /live/url': async (request, response) => {
      if (!session.isFromPage(request) || !session.isIn(request)) return elsewhere(request, response);
      const query = new URLSearchParams(request.url?.split('?')[1]);
      const url = await exchange.payloadUrl(query.get('event') ?? '', query.get('attachment') ?? '');
      if (url === undefined) return refuse(response, 404, 'This payload is not remembered any more.');
      response.writeHead(200, { ...NO_STORE, 'content-type': 'application/json' });
      response.end(JSON.stringify({ url: url.reveal() }));
    },
  };
  const paths = new Set(Object.keys(answers).map((each) => each.split(' ')[1]));

  return {
    serve(request, response) {
      const [path = ''] = (request.url ?? '').split('?', 1);
      if (paths.has(path)) {
        const answer = answers[`${request.method} ${path}`];
        if (answer === undefined) refuse(response, 405, 'This path takes another method.');
        else Promise.resolve(answer(request, response)).catch(() => response.destroy());
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
    },
    [Symbol.asyncDispose]: async () => await exchange[Symbol.asyncDispose](),
  };
}

const ELSEWHERE = (host: string): string =>
  `This page lives at http://${host}/ and works only when it is opened there, on this machine.`;
