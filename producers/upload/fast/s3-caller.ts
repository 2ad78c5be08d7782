import type { Clock } from '../../../shared/clock.ts';
import { parseS3Error } from '../../../shared/s3-error-body.ts';
import { sha256Hex, UNSIGNED_PAYLOAD, uriEncode } from '../../../shared/sigv4-encoding.ts';
import { createSigV4Signer } from '../../../shared/sigv4-signer.ts';
import type { PartBody } from '../span.ts';
import { createCredentialCache, type CredentialSource } from './credentials.ts';
import { createHttpPool } from './http-pool.ts';
import type { HttpReply } from './http-reply.ts';
import type { S3Address } from './s3-address.ts';

/** S3 refused. Its fields are named as the SDK's errors name theirs. */
export class S3ReplyError extends Error {
  /** S3's code (`SlowDown`), or what the status amounts to. */
  override readonly name: string;
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = code;
    this.$metadata = { httpStatusCode: status };
  }
}

/** One request to S3, before it is signed. */
export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly key: string;
  /** Decoded. @default - none */
  readonly query?: readonly (readonly [string, string])[];
  /** Names in lower case; all of them are signed. @default - none */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: PartBody;
}

export interface S3CallerOptions {
  readonly address: S3Address;
  readonly region: string;
  /** @default - the SDK's provider chain */
  readonly credentials?: CredentialSource | undefined;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Sign the SHA-256 of every body. */
  readonly signPayload: boolean;
}

/** Signs requests and sends them over kept connections. */
export interface S3Caller {
  /**
   * Sends one request, once.
   * @returns the reply, if its status is 200 or 204 and its body holds no error
   * @throws {S3ReplyError} if S3 refuses
   * @throws {HttpExchangeError|Error} if the connection breaks
   */
  call(request: S3Request, signal: AbortSignal): Promise<HttpReply>;
  close(): void;
}

/** Makes a caller for one store. */
export function createS3Caller(options: S3CallerOptions): S3Caller {
  const { address, region, clock, signPayload } = options;
  const signer = createSigV4Signer('s3', region);
  const pool = createHttpPool(address.origin);
  let offsetMs = 0;
  const nowMs = (): number => clock.nowMs() + offsetMs;
  const credentials = createCredentialCache(options.credentials, nowMs);

  const refusal = (reply: HttpReply): S3ReplyError => {
    const said = parseS3Error(reply.body.toString('utf8'));
    if (said.code === 'RequestTimeTooSkewed' && said.serverTimeMs !== undefined)
      offsetMs = said.serverTimeMs - clock.nowMs();
    if (said.code === 'ExpiredToken') credentials.forget();
    const code = said.code ?? statusCode(reply.status);
    return new S3ReplyError(reply.status, code, said.message ?? '');
  };

  return {
    async call({ method, key, query = [], headers = {}, body }, signal) {
      for (const value of Object.values(headers)) checkHeader(value);
      const path = address.pathOf(key);
      const signed = signer.sign(
        {
          method,
          path,
          query,
          headers: { ...headers, host: address.host, 'content-length': String(body?.length ?? 0) },
          payloadHash: signPayload ? payloadHash(body) : UNSIGNED_PAYLOAD,
        },
        await credentials.get(),
        nowMs(),
      );
      const target = path + queryText(query);
      const reply = await pool.request({ method, target, headers: signed, body }, signal);
      const { status } = reply;
      // CompleteMultipartUpload may answer 200 at first and an error at last.
      if ((status === 200 && !hasError(reply)) || status === 204) return reply;
      throw refusal(reply);
    },
    close: () => pool.close(),
  };
}

function payloadHash(body: PartBody = Buffer.alloc(0)): string {
  if (Buffer.isBuffer(body)) return sha256Hex(body);
  throw new TypeError(
    'signPayload: got a body that is not in memory, expected one whose hash can be had first',
  );
}

function hasError({ body }: HttpReply): boolean {
  return body.length > 0 && /<Error[>\s]/.test(body.toString('utf8', 0, 2048).trimStart().slice(0, 512));
}

/** What a status without a code amounts to; a HEAD has no body that could say more. */
function statusCode(status: number): string {
  if (status === 404) return 'NotFound';
  if (status === 412) return 'PreconditionFailed';
  if (status === 403) return 'AccessDenied';
  return `HTTP ${status}`;
}

function queryText(query: readonly (readonly [string, string])[]): string {
  if (query.length === 0) return '';
  return `?${query.map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`).join('&')}`;
}

/** @throws {TypeError} on a value that would end its line, or that HTTP cannot carry */
function checkHeader(value: string): void {
  if (!/^[\t\x20-\x7E]*$/.test(value))
    throw new TypeError(`header: got ${JSON.stringify(value.slice(0, 80))}, expected printable ASCII`);
}
