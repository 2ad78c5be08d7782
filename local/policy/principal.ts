import { arnParts } from './arn.ts';
import { MalformedPolicyError } from './malformed-policy.ts';

/** Who makes a request. */
export type PolicyPrincipal =
  | { readonly type: 'AWS'; readonly arn: string }
  | { readonly type: 'Service'; readonly service: string }
  | { readonly type: 'Anonymous' };

/** The Principal or NotPrincipal of a statement. */
export interface PrincipalElement {
  /** `*`: everybody, also without a signature. */
  readonly everybody: boolean;
  /** Account ids and ARNs. */
  readonly aws: readonly string[];
  /** `events.amazonaws.com` and the like. */
  readonly services: readonly string[];
}

/** How an element covers a principal: by itself or `*`, or only by its account, or not at all. */
export type PrincipalMatch = 'principal' | 'account' | 'none';

const ACCOUNT = /^(?:arn:aws[a-z-]*:iam::)?(\d{12})(?::root)?$/;
const IDENTITY = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:user|role|assumed-role|federated-user)\/[^*?]+$/;

/**
 * Reads a Principal.
 * @throws {MalformedPolicyError} if it is not `*` or an object of AWS and Service principals.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
export function readPrincipal(value: unknown): PrincipalElement {
  if (value === '*') return { everybody: true, aws: [], services: [] };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(value);
  const listed: Record<'AWS' | 'Service', string[]> = { AWS: [], Service: [] };
  if (Object.keys(value).length === 0) throw invalid(value);
  for (const [type, given] of Object.entries(value)) {
    if (type !== 'AWS' && type !== 'Service') {
      throw new MalformedPolicyError(
        `Invalid principal in policy: this stack knows principals of type AWS and Service, not ${type}`,
      );
    }
    const names: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (names.length === 0) throw invalid(given);
    for (const name of names) listed[type].push(checkName(type, name));
  }
  return {
    everybody: listed.AWS.includes('*'),
    aws: listed.AWS.filter((name) => name !== '*'),
    services: listed.Service,
  };
}

/** Judges whether an element covers a principal. */
export function matchPrincipal(element: PrincipalElement, principal: PolicyPrincipal): PrincipalMatch {
  if (element.everybody) return 'principal';
  switch (principal.type) {
    case 'Anonymous':
      return 'none';
    case 'Service':
      return element.services.includes(principal.service) ? 'principal' : 'none';
    case 'AWS':
      break;
  }
  const own = new Set([principal.arn, roleArnOf(principal.arn)]);
  const account = accountOf(principal.arn);
  const isRoot = principal.arn.endsWith(':root');
  let byAccount = false;
  for (const name of element.aws) {
    if (own.has(name)) return 'principal';
    if (account !== undefined && ACCOUNT.exec(name)?.[1] === account) byAccount = true;
  }
  if (!byAccount) return 'none';
  return isRoot ? 'principal' : 'account';
}

/** The account of an ARN. */
export function accountOf(arn: string): string | undefined {
  return arnParts(arn)?.[3];
}

/** The role of an assumed role's session; any other ARN as it is. */
export function roleArnOf(arn: string): string {
  const match = /^arn:([^:]+):sts::(\d{12}):assumed-role\/(.+)\/[^/]+$/.exec(arn);
  return match === null ? arn : `arn:${match[1]}:iam::${match[2]}:role/${match[3]}`;
}

function checkName(type: 'AWS' | 'Service', name: unknown): string {
  const fits =
    typeof name === 'string' &&
    (type === 'Service'
      ? /^[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?$/.test(name)
      : name === '*' || ACCOUNT.test(name) || IDENTITY.test(name));
  if (!fits) throw invalid(name);
  return name;
}

function invalid(value: unknown): MalformedPolicyError {
  return new MalformedPolicyError(`Invalid principal in policy: ${JSON.stringify(value)}`);
}
