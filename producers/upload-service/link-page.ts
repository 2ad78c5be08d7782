import { createHash } from 'node:crypto';
import type { LinkPreview } from './links.ts';

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center}
main{max-width:26rem;padding:1.5rem}h1{font-size:1.25rem;overflow-wrap:anywhere}p{margin:.5rem 0 1.25rem}
button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#0b57d0;color:#fff;cursor:pointer}
button:focus-visible{outline:3px solid #f5a623;outline-offset:2px}`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/**
 * Headers of every page of a link: nothing is kept, nothing is told to where one goes next, nothing is loaded.
 * @param storeOrigins where the form's answer leads: browsers apply form-action to redirects too
 */
export function pageHeaders(storeOrigins: readonly string[]): Readonly<Record<string, string>> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-robots-tag': 'noindex',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self' ${storeOrigins.join(' ')}; frame-ancestors 'none'; base-uri 'none'`,
  };
}

/** The page before a download: a button, so that only a person's POST uses the link. */
export function downloadPage({ name, size, mediaType, expiresAt }: LinkPreview): string {
  return page(
    name,
    `<h1>${escape(name)}</h1><p>${escape(mediaType)}, ${size.toLocaleString('en')} bytes. This link works until ${escape(expiresAt.slice(0, 10))}.</p>` +
      '<form method="post"><button type="submit">Download</button></form>',
  );
}

/** The page of a link that gives nothing, or not any more. */
export function refusalPage(title: string, detail: string): string {
  return page(title, `<h1>${escape(title)}</h1><p>${escape(detail)} Ask the sender for a new link.</p>`);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(title)}</title><style>${STYLE}</style></head><body><main>${body}</main></body></html>`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
