import { SignatureV4 } from '@smithy/signature-v4';
import { createHash, createHmac } from 'node:crypto';

export interface SignedFetchOptions {
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** @default 'POST' */
  readonly method?: string;
  readonly body?: string;
}

/** Calls a Lambda function URL with AWS_IAM, as any client with SigV4 does. */
export async function signedFetch(to: string | URL, options: SignedFetchOptions): Promise<Response> {
  const { region, credentials, method = 'POST', body } = options;
  const url = new URL(to);
  const signer = new SignatureV4({ service: 'lambda', region, credentials, sha256: Sha256 });
  const content = body === undefined ? {} : { body };
  const { headers } = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    headers: { host: url.host, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...content,
  });
  return await fetch(url, { method, headers, ...content });
}

/** SHA-256, keyed or not, as the signer asks for it. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = typeof secret === 'string' || secret === undefined ? secret : toBuffer(secret);
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === 'string' ? data : toBuffer(data));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {
    throw new Error('not needed');
  }
}

function toBuffer(data: ArrayBuffer | ArrayBufferView): Buffer {
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
}
