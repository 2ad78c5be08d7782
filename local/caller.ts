import { nonEmptyString, show } from '../shared/options.ts';
import type { LocalIdentity } from './authenticate.ts';
import { MalformedPolicyError, readPolicy } from './policy.ts';
import type { ContextValues, PolicyDecision, PolicyPrincipal, Statement } from './policy.ts';
import { arnParts } from './policy/arn.ts';
import { roleArnOf } from './policy/principal.ts';
import { LOCAL_ACCOUNT_ID } from './sqs-store.ts';

/** Who makes a request, as policies see it. */
export interface Caller {
  readonly principal: PolicyPrincipal;
  /** Of its own policies; everything is allowed to an identity that has none. */
  readonly statements: readonly Statement[];
  /** Of the stack's account and without policies: it may always repair a bucket's policy, as a root user may. */
  readonly isOwner: boolean;
  /** `aws:PrincipalArn`, `aws:username` and the like. */
  readonly context: ContextValues;
}

/** Somebody who has not signed. */
export const ANONYMOUS: Caller = {
  principal: { type: 'Anonymous' },
  statements: [],
  isOwner: false,
  context: { 'aws:PrincipalType': 'Anonymous', 'aws:userid': 'anonymous' },
};

const FULL_RIGHTS = readPolicy(
  { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } },
  'identity',
);

/** Characters of names in IAM. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const NAME = /^[\w+=,.@-]{1,64}$/;
const ARN_RESOURCE = /^(?:root|user\/[^*?]+|assumed-role\/[^/*?]+\/[^/*?]+)$/;

/**
 * Makes the callers of a stack from its identities.
 * @returns finds the caller of an access key
 * @throws {TypeError} if an identity is malformed: a name, an ARN, a policy, tags.
 */
export function createCallers(identities: readonly LocalIdentity[]): (accessKeyId: string) => Caller {
  const callers = new Map(identities.map((identity) => [identity.accessKeyId, toCaller(identity)]));
  return (accessKeyId) => callers.get(accessKeyId) ?? ANONYMOUS;
}

/**
 * Why a caller may not, in AWS's words; without reasons for callers of other accounts, as AWS does it.
 * @param quoted S3 puts the resource in quotes
 */
export function denialMessage(
  caller: Caller,
  action: string,
  resource: string,
  { decision, policy }: PolicyDecision,
  quoted: boolean,
): string {
  const { principal } = caller;
  if (principal.type !== 'AWS' || arnParts(principal.arn)?.[3] !== LOCAL_ACCOUNT_ID) return 'Access Denied';
  const article = policy === 'identity-based' ? 'an' : 'a';
  const reason =
    decision === 'ExplicitDeny'
      ? `with an explicit deny in ${article} ${policy} policy`
      : `because no ${policy} policy allows the ${action} action`;
  const shown = quoted ? `"${resource}"` : resource;
  return `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${shown} ${reason}`;
}

function toCaller(identity: LocalIdentity): Caller {
  const { accessKeyId, name = accessKeyId, policies, tags = {} } = identity;
  if (!NAME.test(nonEmptyString('identities.name', name)))
    throw new TypeError(
      `identities.name: got ${show(name)}, expected 1 to 64 of letters, digits and _+=,.@-`,
    );
  const arn = identity.arn ?? `arn:aws:iam::${LOCAL_ACCOUNT_ID}:user/${name}`;
  const parts = arnParts(arn);
  const fits = parts !== undefined && /^(?:iam|sts)$/.test(parts[1]) && /^\d{12}$/.test(parts[3]);
  if (!fits || !ARN_RESOURCE.test(parts[4]))
    throw new TypeError(
      `identities.arn: got ${show(arn)}, expected the ARN of a user, an assumed role or a root`,
    );
  const [, , , account, resource] = parts;
  return {
    principal: { type: 'AWS', arn },
    statements: policies === undefined ? FULL_RIGHTS : policies.flatMap((policy) => readOwn(policy)),
    isOwner: policies === undefined && account === LOCAL_ACCOUNT_ID,
    context: { ...principalContext(arn, account, resource, accessKeyId), ...tagContext(tags) },
  };
}

function readOwn(policy: object): readonly Statement[] {
  try {
    return readPolicy(policy, 'identity');
  } catch (error) {
    if (!(error instanceof MalformedPolicyError)) throw error;
    throw new TypeError(`identities.policies: ${error.message}`, { cause: error });
  }
}

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principal-properties */
function principalContext(arn: string, account: string, resource: string, id: string): ContextValues {
  const common = {
    'aws:PrincipalArn': roleArnOf(arn),
    'aws:PrincipalAccount': account,
    'aws:PrincipalIsAWSService': 'false',
    'aws:ViaAWSService': 'false',
  };
  if (resource === 'root') return { ...common, 'aws:PrincipalType': 'Account', 'aws:userid': account };
  const last = resource.slice(resource.lastIndexOf('/') + 1);
  if (resource.startsWith('assumed-role/'))
    return { ...common, 'aws:PrincipalType': 'AssumedRole', 'aws:userid': `${id}:${last}` };
  return { ...common, 'aws:PrincipalType': 'User', 'aws:userid': id, 'aws:username': last };
}

function tagContext(tags: Readonly<Record<string, string>>): ContextValues {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:PrincipalTag/${key}`, value]));
}
