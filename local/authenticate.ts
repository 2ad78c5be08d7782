import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import type { Clock } from '../shared/clock.ts';
import { verifySigV4 } from '../shared/sigv4.ts';
import { AwsError } from './aws-error.ts';

/** Someone who may use the stack: all of it, or what its policies allow. */
export interface LocalIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** If set, requests must carry it. */
  readonly sessionToken?: string;
  /** Instant at which the session ends, epoch milliseconds. @default - never */
  readonly sessionExpiresAtMs?: number;
  /** Its user name: letters, digits and `_+=,.@-`. @default accessKeyId */
  readonly name?: string;
  /**
   * ARN of a user, an assumed role's session or a root, as policies name it. One of another account than
   * `000000000000` needs a bucket policy's word, as across accounts on AWS.
   * @default `arn:aws:iam::000000000000:user/<name>`
   */
  readonly arn?: string;
  /**
   * IAM policy documents. An empty list allows nothing.
   * @default - everything is allowed, as to the account's owner
   */
  readonly policies?: readonly object[];
  /** `aws:PrincipalTag/<key>`. @default - none */
  readonly tags?: Readonly<Record<string, string>>;
}

/** What an authentication needs to know. */
export interface AuthenticationContext {
  readonly clock: Clock;
  readonly region: string;
  readonly identities: readonly LocalIdentity[];
}

/** The JSON services' own names for refusals that S3 words differently. */
const JSON_SERVICE_CODES: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: 'UnrecognizedClientException',
  InvalidToken: 'UnrecognizedClientException',
  SignatureDoesNotMatch: 'InvalidSignatureException',
  RequestTimeTooSkewed: 'InvalidSignatureException',
  ExpiredToken: 'ExpiredTokenException',
  AccessDenied: 'AccessDeniedException',
};

/**
 * Verifies the SigV4 signature of a request to SQS or EventBridge, body included.
 * @returns the access key that signed.
 * @throws {AwsError} 403 if it is missing, wrong, expired or of somebody unknown.
 */
export function authenticate(
  req: IncomingMessage,
  body: Buffer,
  service: 'sqs' | 'events',
  context: AuthenticationContext,
): string {
  const [path = '/', query = ''] = (req.url ?? '/').split('?', 2);
  const payloadHash = createHash('sha256').update(body).digest('hex');
  const declared = req.headers['x-amz-content-sha256'];
  if (declared !== undefined && declared !== payloadHash)
    throw new AwsError('InvalidSignatureException', 'x-amz-content-sha256 is not the hash of the body.', 403);
  const result = verifySigV4(
    { method: req.method ?? 'POST', path, query, headers: req.headers, payloadHash },
    {
      service,
      region: context.region,
      nowMs: context.clock.nowMs(),
      secretFor: (accessKeyId) => context.identities.find((identity) => identity.accessKeyId === accessKeyId),
    },
  );
  if (result.ok) return result.accessKeyId;
  if (result.anonymous === true)
    throw new AwsError('MissingAuthenticationTokenException', 'The request is not signed.', 403);
  throw new AwsError(JSON_SERVICE_CODES[result.code] ?? result.code, result.message, 403);
}
