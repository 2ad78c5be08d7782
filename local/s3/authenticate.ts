import { verifySigV4 } from '../../shared/sigv4.ts';
import type { SigV4Secret, SigV4Success } from '../../shared/sigv4.ts';
import type { SigV4Refusal } from '../../shared/sigv4-refusal.ts';
import type { Fault } from '../faults.ts';
import { S3Error } from './errors.ts';
import type { S3Identity, S3ServiceOptions } from './options.ts';

/** The raw parts of a request that its signature covers. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  /** Repeated ones as lists. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Verifies a request's signature, before anything else about it is looked at.
 * @returns undefined for a request without any signature
 * @throws {S3Error} in AWS's words
 */
export function authenticate(
  request: SignedRequest,
  options: S3ServiceOptions,
  faults: readonly Fault[],
): SigV4Success | undefined {
  const result = verifySigV4(
    { method: request.method, path: request.path, query: request.rawQuery, headers: request.headers },
    {
      service: 's3',
      region: options.region,
      nowMs: options.clock.nowMs(),
      secretFor: secretFinder(options.identities),
      expireNow: faults.some(({ kind }) => kind === 'expire-now'),
    },
  );
  if (result.ok) return result;
  if (result.anonymous === true) return undefined;
  throw refusalError(result);
}

/** Looks up the secrets of an access key. */
export function secretFinder(
  identities: readonly S3Identity[],
): (accessKeyId: string) => SigV4Secret | undefined {
  return (accessKeyId) => identities.find((identity) => identity.accessKeyId === accessKeyId);
}

/** A refusal of the signature as an S3 error. */
export function refusalError(refusal: SigV4Refusal): S3Error {
  return new S3Error(refusal, refusal.details);
}
