/** Most bytes of an error body that are read. S3's errors are below 2 KiB, most proxies' pages too. */
export const MAX_ERROR_BODY_BYTES = 16 * 1024;

/** Longest message kept of an error body, in characters. */
const MAX_MESSAGE_CHARACTERS = 300;

/** What an S3 error body says, as far as it could be read. */
export interface S3ErrorBody {
  readonly code?: string;
  readonly message?: string;
  /** `Expires`, epoch milliseconds: when the store thinks the URL died. */
  readonly expiresAtMs?: number;
  /** `ServerTime`, epoch milliseconds. */
  readonly serverTimeMs?: number;
  /** `X-Amz-Date` or `RequestTime`, epoch milliseconds: when the request claims to have been signed. */
  readonly signedAtMs?: number;
}

/**
 * Reads what an error body says, from text that was cut anywhere. Only a few plain elements are looked for:
 * nothing is expanded, nothing nested is followed, and what is malformed is as good as absent.
 */
export function parseS3Error(text: string): S3ErrorBody {
  const element = (name: string): string | undefined =>
    new RegExp(`<${name}>([^<]{0,2000})</${name}>`).exec(text)?.[1]?.trim();
  const code = element('Code');
  const message = plainText(element('Message') ?? '');
  const expiresAtMs = instantMs(element('Expires'));
  const serverTimeMs = instantMs(element('ServerTime'));
  const signedAtMs = instantMs(element('X-Amz-Date') ?? element('RequestTime'));
  return {
    ...(code !== undefined && /^[\w.-]{1,100}$/.test(code) ? { code } : {}),
    ...(message === '' ? {} : { message }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(serverTimeMs === undefined ? {} : { serverTimeMs }),
    ...(signedAtMs === undefined ? {} : { signedAtMs }),
  };
}

/**
 * Reads the beginning of an error body as text, and no more; the caller discards the rest.
 * @param maxBytes @default 16_384
 */
export async function readErrorBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number = MAX_ERROR_BODY_BYTES,
): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    const taken = Buffer.from(chunk.subarray(0, maxBytes - length));
    chunks.push(taken);
    length += taken.length;
    if (length >= maxBytes) break;
  }
  return Buffer.concat(chunks, length).toString('utf8');
}

/** ISO 8601 as in most elements, or `20260131T235959Z` as in `X-Amz-Date`. */
function instantMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const basic = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  const iso = basic === null ? text : `${basic.slice(1, 4).join('-')}T${basic.slice(4).join(':')}Z`;
  if (!/^\d{4}-\d{2}-\d{2}T/.test(iso)) return undefined;
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? undefined : ms;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/** One pass over XML's five own entities, control characters out, cut to length. */
function plainText(text: string): string {
  return text
    .replaceAll(/&(lt|gt|quot|apos|amp);/g, (whole, name: string) => ENTITIES[name] ?? whole)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .slice(0, MAX_MESSAGE_CHARACTERS);
}
