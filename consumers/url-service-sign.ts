import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Clock } from '../shared/clock.ts';
import { UrlServiceError } from '../shared/errors.ts';

/** AWS credentials of the caller. */
export interface CallerCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** Fixed credentials, or where to get them; a provider caches by itself. */
export type CallerCredentialsSource = CallerCredentials | (() => Promise<CallerCredentials>);

/** Headers that carry the signature of a POST. */
export type SignPost = (url: URL, body: string) => Promise<Record<string, string>>;

/** SHA-256 in the shape that the signer asks for; with a secret, HMAC. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', toBytes(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(toBytes(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new TypeError('a digest is used once');
  }
}

function toBytes(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === 'string') return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Makes a signer of JSON POSTs for a Lambda function URL with AWS_IAM: host, content type and the body's hash are
 * signed.
 * @throws {UrlServiceError} from the returned function, when no credentials can be had
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
 */
export function createPostSigner(options: {
  readonly region: string;
  readonly credentials: CallerCredentialsSource;
  readonly clock: Pick<Clock, 'nowMs'>;
}): SignPost {
  const { region, credentials, clock } = options;
  return async (url, body) => {
    const { accessKeyId, secretAccessKey, sessionToken } = await resolve(credentials);
    const signer = new SignatureV4({
      service: 'lambda',
      region,
      credentials: {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken === undefined ? {} : { sessionToken }),
      },
      sha256: Sha256,
    });
    const signed = await signer.sign(
      {
        method: 'POST',
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: {},
        headers: { host: url.host, 'content-type': 'application/json' },
        body,
      },
      { signingDate: new Date(clock.nowMs()) },
    );
    return signed.headers;
  };
}

async function resolve(source: CallerCredentialsSource): Promise<CallerCredentials> {
  if (typeof source !== 'function') return source;
  try {
    return await source();
  } catch (error) {
    throw new UrlServiceError('URL service: no credentials to call it with can be had', { cause: error });
  }
}
