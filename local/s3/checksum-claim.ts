import { checksumHeader, isChecksumValue, parseChecksumAlgorithm } from './checksum.ts';
import type { ChecksumAlgorithm } from './checksum.ts';
import { invalidRequest } from './errors.ts';
import type { Exchange } from './exchange.ts';

/** The checksum a client says its body has, or says it will say in a trailer. */
export interface ChecksumClaim {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; absent if it comes in a trailer. */
  readonly value?: string;
  /** Name of the trailer that carries it. */
  readonly trailer?: string;
}

const PREFIX = 'x-amz-checksum-';

/** `x-amz-checksum-…` headers that are not a checksum themselves. */
const NOT_A_VALUE = new Set(['mode', 'type', 'algorithm']);

/**
 * Reads the claim from headers. The query of a presigned URL is not looked at, as in S3.
 * @throws {S3Error} InvalidRequest if there are several, or one that is malformed or unknown.
 */
export function readChecksumClaim(exchange: Exchange): ChecksumClaim | undefined {
  const claims = headerClaims(exchange);
  const trailer = exchange.header('x-amz-trailer')?.trim().toLowerCase();
  if (trailer !== undefined) claims.push({ algorithm: algorithmOf(trailer), trailer });
  if (claims.length > 1) {
    throw invalidRequest(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const [claim] = claims;
  const announced = exchange.header('x-amz-sdk-checksum-algorithm');
  if (announced === undefined) return claim;
  if (claim === undefined) {
    throw invalidRequest(
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  if (parseChecksumAlgorithm(announced) !== claim.algorithm) {
    throw invalidRequest('Value for x-amz-sdk-checksum-algorithm header is invalid.');
  }
  return claim;
}

function headerClaims(exchange: Exchange): ChecksumClaim[] {
  return Object.keys(exchange.req.headers)
    .filter((name) => name.startsWith(PREFIX) && !NOT_A_VALUE.has(name.slice(PREFIX.length)))
    .map((name) => {
      const algorithm = algorithmOf(name);
      const value = exchange.header(name) ?? '';
      if (!isChecksumValue(algorithm, value)) {
        throw invalidRequest(`Value for ${checksumHeader(algorithm)} header is invalid.`);
      }
      return { algorithm, value };
    });
}

function algorithmOf(header: string): ChecksumAlgorithm {
  const algorithm = header.startsWith(PREFIX)
    ? parseChecksumAlgorithm(header.slice(PREFIX.length))
    : undefined;
  if (algorithm === undefined)
    throw invalidRequest(
      `The value specified in the x-amz-trailer or checksum header ${header} is not supported`,
    );
  return algorithm;
}
