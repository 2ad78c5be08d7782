import {
  canonicalPath,
  canonicalQuery,
  deriveSigningKey,
  formatAmzDate,
  parseRawQuery,
  sha256Hex,
  signString,
} from '../../../shared/sigv4-encoding.ts';

export const identity = { accessKeyId: 'AKIDFUZZ', secretAccessKey: 'secret' };
export const REGION = 'us-east-1';

/** A request whose path and query are raw and may be anything that still has a canonical form. */
export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly service?: 's3' | 'sqs' | 'events';
  readonly payloadHash?: string;
}

/** Its headers with a good signature of all of them; with a bad one where there is nothing that can be signed. */
export function signRaw(port: number, request: RawRequest): Record<string, string> {
  const { method, target, service = 's3', payloadHash = 'UNSIGNED-PAYLOAD' } = request;
  const amzDate = formatAmzDate(Date.now());
  const lower = Object.entries(request.headers ?? {}).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  const headers: Record<string, string> = {
    ...Object.fromEntries(lower),
    host: `127.0.0.1:${port}`,
    'x-amz-date': amzDate,
    'x-amz-content-sha256': payloadHash,
  };
  const scope = `${amzDate.slice(0, 8)}/${REGION}/${service}/aws4_request`;
  const names = Object.keys(headers)
    .filter((name) => name === 'host' || name.startsWith('x-amz-'))
    .sort();
  const canonical = [
    method,
    ...canonicalTarget(target, service),
    ...names.map((name) => `${name}:${headers[name]!.trim().replaceAll(/ +/g, ' ')}`),
    '',
    names.join(';'),
    payloadHash,
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', amzDate, scope, sha256Hex(canonical)].join('\n');
  const key = deriveSigningKey(identity.secretAccessKey, amzDate.slice(0, 8), REGION, service);
  const credential = `Credential=${identity.accessKeyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, Signature=${signString(key, text)}`;
  return { ...headers, authorization };
}

function canonicalTarget(target: string, service: string): [string, string] {
  const at = target.indexOf('?');
  const [path, query] = at === -1 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
  try {
    return [canonicalPath(path, service !== 's3'), canonicalQuery(parseRawQuery(query))];
  } catch {
    return ['/', ''];
  }
}
