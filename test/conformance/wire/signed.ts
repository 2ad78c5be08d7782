import type { Target } from '../target.ts';
import { send } from './send.ts';
import type { Reply } from './send.ts';
import {
  amzDateOf,
  canonicalQuery,
  percentEncode,
  scopeText,
  sha256,
  signRequest,
  signedHeaderNames,
} from './sign.ts';
import type { HeaderLines, Scope } from './sign.ts';

/** Addressing style of a request. */
export type HostStyle = 'path' | 'virtual';

/** A request to make, and the ways in which its signature departs from the usual. */
export interface Ask {
  readonly method?: string;
  /** @default - the service level */
  readonly bucket?: string;
  /** @default - the bucket level */
  readonly key?: string;
  /** Names and values, decoded. @default none */
  readonly query?: HeaderLines;
  /** Further headers, signed. @default none */
  readonly headers?: HeaderLines;
  readonly body?: string | Uint8Array;
  /** @default 'path' */
  readonly style?: HostStyle;
  /** What stands for the body in the signature. @default - the hash of the body */
  readonly payloadHash?: string;
  /** Departures from the target's own scope. */
  readonly scope?: Partial<Scope>;
  /** Clock of the signer relative to this machine's, in milliseconds. @default 0 */
  readonly skewMs?: number;
  /** Headers to send without signing them. @default none */
  readonly unsigned?: HeaderLines;
  /** Headers to sign without sending them. @default none */
  readonly phantom?: HeaderLines;
  /** Changes what goes out after it was signed. */
  readonly tamper?: (sent: { target: string; headers: [string, string][]; method: string }) => void;
}

/** Signs by header and sends. */
export async function ask(target: Target, wish: Ask): Promise<Reply> {
  const plan = planAsk(target, wish);
  const { scope, path, body, method } = plan;
  const payloadHash = wish.payloadHash ?? sha256(body);
  const token = target.credentials.sessionToken;
  const headers: [string, string][] = [
    ['host', plan.host],
    ['x-amz-content-sha256', payloadHash],
    ['x-amz-date', scope.amzDate],
    ...(token === undefined ? [] : ([['x-amz-security-token', token]] as [string, string][])),
    ...(wish.headers ?? []).map(([name, value]) => [name, value] as [string, string]),
  ];
  const query = wish.query ?? [];
  const signed = [...headers, ...(wish.phantom ?? [])];
  const signature = signRequest(scope, { method, path, query, headers: signed, payloadHash });
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope.accessKeyId}/${scopeText(scope)}, SignedHeaders=${signedHeaderNames(signed)}, Signature=${signature}`;
  headers.push(['authorization', authorization], ...lengthOf(wish, headers), ...pairs(wish.unsigned));
  return await finish(target, wish, { method, target: withQuery(path, canonicalQuery(query)), headers });
}

/** A request whose signature is in its query. */
export interface PresignAsk extends Ask {
  /** Life in seconds. @default 300 */
  readonly expiresSeconds?: number | string;
  /** Parameters to change before signing. */
  readonly parameters?: Readonly<Record<string, string | undefined>>;
}

/** Path and query of a presigned URL, and the headers that were signed. */
export function presign(
  target: Target,
  wish: PresignAsk,
): { target: string; headers: HeaderLines; method: string } {
  const { scope, path, method, host } = planAsk(target, wish);
  const signed: HeaderLines = [['host', host], ...(wish.headers ?? []), ...(wish.phantom ?? [])];
  const token = target.credentials.sessionToken;
  const parameters: Record<string, string | undefined> = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${scope.accessKeyId}/${scopeText(scope)}`,
    'X-Amz-Date': scope.amzDate,
    'X-Amz-Expires': String(wish.expiresSeconds ?? 300),
    'X-Amz-SignedHeaders': signedHeaderNames(signed),
    'X-Amz-Security-Token': token,
    ...wish.parameters,
  };
  const extra = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const query: HeaderLines = [...(wish.query ?? []), ...extra];
  const payloadHash = wish.payloadHash ?? 'UNSIGNED-PAYLOAD';
  const signature = signRequest(scope, { method, path, query, headers: signed, payloadHash });
  return {
    method,
    target: `${withQuery(path, canonicalQuery(query))}&X-Amz-Signature=${signature}`,
    headers: [['host', host], ...(wish.headers ?? [])],
  };
}

/** Presigns and uses it. */
export async function askPresigned(target: Target, wish: PresignAsk): Promise<Reply> {
  const made = presign(target, wish);
  const headers = made.headers.map(([name, value]) => [name, value] as [string, string]);
  headers.push(...lengthOf(wish, headers), ...pairs(wish.unsigned));
  return await finish(target, wish, { ...made, headers });
}

/** Sends without any signature. */
export async function askAnonymously(target: Target, wish: Ask): Promise<Reply> {
  const { path, host, method } = planAsk(target, wish);
  const headers: [string, string][] = [
    ['host', host],
    ...pairs(wish.headers),
    ...lengthOf(wish, pairs(wish.headers)),
  ];
  return await finish(target, wish, {
    method,
    target: withQuery(path, canonicalQuery(wish.query ?? [])),
    headers,
  });
}

/** Path, host and scope of a request. */
export function planAsk(
  target: Target,
  wish: Ask,
): { scope: Scope; path: string; host: string; method: string; body: Uint8Array } {
  const amzDate = amzDateOf(Date.now() + (wish.skewMs ?? 0));
  const { accessKeyId, secretAccessKey } = target.credentials;
  const usual = {
    accessKeyId,
    secretAccessKey,
    region: target.region,
    service: 's3',
    amzDate,
    date: amzDate.slice(0, 8),
  };
  const keyPath = wish.key === undefined ? '' : `/${wish.key.split('/').map(percentEncode).join('/')}`;
  const isVirtual = wish.style === 'virtual' && wish.bucket !== undefined;
  const bucketPath = isVirtual || wish.bucket === undefined ? '' : `/${wish.bucket}`;
  return {
    scope: { ...usual, ...wish.scope },
    path: `${bucketPath}${keyPath}` || '/',
    host: isVirtual ? `${wish.bucket}.${target.virtualHost}` : new URL(target.endpoint).host,
    method: wish.method ?? 'GET',
    body: Buffer.from(wish.body ?? ''),
  };
}

async function finish(
  target: Target,
  wish: Ask,
  sent: { method: string; target: string; headers: [string, string][] },
): Promise<Reply> {
  wish.tamper?.(sent);
  const body = wish.body === undefined ? undefined : Buffer.from(wish.body);
  return await send({ endpoint: target.endpoint, ...sent, body });
}

function lengthOf({ body, method = 'GET' }: Ask, headers: HeaderLines): [string, string][] {
  const isNamed = headers.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name));
  if (isNamed || (body === undefined && !['PUT', 'POST'].includes(method))) return [];
  return [['content-length', String(Buffer.from(body ?? '').length)]];
}

function pairs(lines: HeaderLines = []): [string, string][] {
  return lines.map(([name, value]) => [name, value]);
}

function withQuery(path: string, query: string): string {
  return query === '' ? path : `${path}?${query}`;
}
