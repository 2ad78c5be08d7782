import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** How the page's own requests are told from all others. */
export interface PageSession {
  /** True if the request was sent to this server's own loopback address: not by a name that leads here, not from afar. */
  isHere(request: IncomingMessage): boolean;
  /** True if a script of the page itself sent it. */
  isFromPage(request: IncomingMessage): boolean;
  /** True if it carries the session's cookie. */
  isIn(request: IncomingMessage): boolean;
  /** The cookie to set. */
  cookie(request: IncomingMessage): string;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/** The port a request came in by, and the only `Host` that it may name: a name of others that leads here is refused. */
export function ownHost(request: IncomingMessage): string {
  return `127.0.0.1:${request.socket.localPort ?? 0}`;
}

/** One session for one process: whoever has the page open on this machine. Its secret stands in a cookie only. */
export function createPageSession(): PageSession {
  const secret = randomBytes(32).toString('base64url');
  const cookieName = (request: IncomingMessage): string => `waybill-${request.socket.localPort ?? 0}`;
  const isHere = (request: IncomingMessage): boolean =>
    LOOPBACK.has(request.socket.remoteAddress ?? '') && request.headers.host === ownHost(request);
  return {
    isHere,
    // `Sec-Fetch-Site` cannot be set by a page; what does not know it must at least send the right Origin.
    isFromPage: (request) =>
      isHere(request) &&
      (request.headers['sec-fetch-site'] ?? 'same-origin') === 'same-origin' &&
      request.headers.origin === `http://${ownHost(request)}`,
    isIn(request) {
      const given = new RegExp(`(?:^|;\\s*)${cookieName(request)}=([\\w-]+)`).exec(
        request.headers.cookie ?? '',
      )?.[1];
      return (
        isHere(request) &&
        given?.length === secret.length &&
        timingSafeEqual(Buffer.from(given), Buffer.from(secret))
      );
    },
    cookie: (request) => `${cookieName(request)}=${secret}; Path=/live; HttpOnly; SameSite=Strict`,
  };
}
