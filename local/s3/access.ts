import { denialMessage } from '../caller.ts';
import type { Caller } from '../caller.ts';
import { evaluate } from '../policy.ts';
import type { ContextValues, PolicyDecision, PolicyRequest } from '../policy.ts';
import { bucketPolicyOf } from './bucket-policy.ts';
import { S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { OWNER_ACCOUNT_ID } from './owner.ts';
import { requestContext } from './request-context.ts';

/** One thing that a request needs to be allowed. */
export interface Access {
  /** `s3:GetObject` */
  readonly action: string;
  /** Absent for ListAllMyBuckets. */
  readonly bucket?: string;
  readonly key?: string;
  /** Condition keys of this action: tags, prefixes, conditional headers. @default - none */
  readonly context?: ContextValues;
}

/** Who signed, and how. A form is signed by itself, other requests by their headers or query. */
export interface Signer {
  readonly caller: Caller;
  /** Absent for anonymous requests. */
  readonly signature?: {
    readonly authType: 'REST-HEADER' | 'REST-QUERY-STRING' | 'POST';
    readonly signedAtMs: number;
    /** `x-amz-content-sha256`, or what stands for it; forms have none. */
    readonly payloadHash?: string;
  };
}

/** What keeps an owner from locking itself out. @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html */
const POLICY_REPAIR: ReadonlySet<string> = new Set([
  's3:GetBucketPolicy',
  's3:PutBucketPolicy',
  's3:DeleteBucketPolicy',
]);

/**
 * Judges an access by the signer's policies and the bucket's.
 * @param signer @default exchange.signer
 */
export function judgeAccess(
  exchange: Exchange,
  access: Access,
  signer: Signer = exchange.signer,
): PolicyDecision {
  const { caller } = signer;
  if (caller.isOwner && POLICY_REPAIR.has(access.action))
    return { decision: 'Allow', policy: 'identity-based' };
  return evaluate(policyRequest(exchange, access, signer));
}

/**
 * @param signer @default exchange.signer
 * @throws {S3Error} AccessDenied in AWS's words; NoSuchBucket rather than that, if the bucket is not there
 */
export function requireAccess(exchange: Exchange, access: Access, signer: Signer = exchange.signer): void {
  const decision = judgeAccess(exchange, access, signer);
  if (decision.decision === 'Allow') return;
  if (access.bucket !== undefined && access.action !== 's3:CreateBucket')
    exchange.store.bucket(access.bucket);
  const message = denialMessage(signer.caller, access.action, resourceArn(access), decision, true);
  throw new S3Error('AccessDenied', {}, { message });
}

/** What the policies are asked; tests ask an oracle the same. */
export function policyRequest(exchange: Exchange, access: Access, signer: Signer): PolicyRequest {
  const resourceStatements = bucketPolicyOf(exchange.store, access.bucket);
  return {
    principal: signer.caller.principal,
    identityStatements: signer.caller.statements,
    ...(resourceStatements === undefined ? {} : { resourceStatements }),
    action: access.action,
    resource: resourceArn(access),
    resourceAccount: OWNER_ACCOUNT_ID,
    context: { ...requestContext(exchange, signer), ...access.context },
  };
}

function resourceArn({ bucket = '*', key }: Access): string {
  return key === undefined ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/${key}`;
}
