import {
  canonicalPath,
  canonicalQuery,
  deriveSigningKey,
  formatAmzDate,
  sha256Hex,
  SIGV4_ALGORITHM,
  signString,
} from './sigv4-encoding.ts';

/** Who signs. */
export interface SigningIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A request to sign. */
export interface SignableRequest {
  readonly method: string;
  /** As it will be sent, percent-encoded. */
  readonly path: string;
  /** Decoded names and values. @default - none */
  readonly query?: readonly (readonly [string, string])[];
  /** All of them are signed; names in lower case, `host` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`. */
  readonly payloadHash: string;
}

/** Signs requests for one service and region. */
export interface SigV4Signer {
  /**
   * The headers to send: those of the request, and those that the signature adds.
   * @param nowMs epoch milliseconds
   */
  sign(request: SignableRequest, identity: SigningIdentity, nowMs: number): Record<string, string>;
}

/**
 * Makes a signer by Authorization header. The signing key, four HMACs, is kept while day and secret stay the same.
 * @param service as in the credential scope; `s3` encodes the path once, others twice
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function createSigV4Signer(service: string, region: string): SigV4Signer {
  let [latestSecond, latestDate] = [Number.NaN, ''];
  let cached: { readonly secret: string; readonly date: string; readonly key: Buffer } | undefined;

  const signingKey = (secret: string, date: string): Buffer => {
    if (cached?.secret !== secret || cached.date !== date)
      cached = { secret, date, key: deriveSigningKey(secret, date, region, service) };
    return cached.key;
  };

  /** Requests come many in a second, and of the same few paths. */
  const dateAt = (nowMs: number): string => {
    const second = Math.floor(nowMs / 1000);
    if (second !== latestSecond) [latestSecond, latestDate] = [second, formatAmzDate(nowMs)];
    return latestDate;
  };

  return {
    sign({ method, path, query = [], headers, payloadHash }, identity, nowMs) {
      const amzDate = dateAt(nowMs);
      const date = amzDate.slice(0, 8);
      const { accessKeyId, secretAccessKey, sessionToken } = identity;
      const signed: Record<string, string> = {
        ...headers,
        'x-amz-content-sha256': payloadHash,
        'x-amz-date': amzDate,
        ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
      };
      const names = Object.keys(signed).sort();
      const list = names.join(';');
      const canonicalRequest = [
        method,
        canonicalPath(path, service !== 's3'),
        canonicalQuery(query),
        ...names.map((name) => `${name}:${canonicalValue(signed[name] ?? '')}`),
        '',
        list,
        payloadHash,
      ].join('\n');
      const scope = `${date}/${region}/${service}/aws4_request`;
      const stringToSign = [SIGV4_ALGORITHM, amzDate, scope, sha256Hex(canonicalRequest)].join('\n');
      const signature = signString(signingKey(secretAccessKey, date), stringToSign);
      signed['authorization'] =
        `${SIGV4_ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${list}, Signature=${signature}`;
      return signed;
    },
  };
}

function canonicalValue(text: string): string {
  return /\s/.test(text) ? text.trim().replaceAll(/\s+/g, ' ') : text;
}
