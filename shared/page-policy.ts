/**
 * What the page may do: its own scripts and styles, its own server and whom else it must reach; nothing inline, no
 * frame, no form.
 * @param connectTo origins that it sends requests to, beside its own: the store, and whoever signs people in
 * @see https://www.w3.org/TR/CSP3/
 */
export function pageContentPolicy(connectTo: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    `connect-src ${["'self'", ...connectTo].join(' ')}`,
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Headers that keep the page apart from windows and pages of others. */
export const ISOLATION_HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** How long a browser keeps a file of the page: for ever if its name holds a hash of its content. */
export const PAGE_CACHE = { hashed: 'public, max-age=31536000, immutable', named: 'no-cache' } as const;
