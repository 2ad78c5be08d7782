import { arnParts } from './policy/arn.ts';
import { conditionHolds } from './policy/condition.ts';
import { PolicyContext, type ContextValues } from './policy/context.ts';
import { resolvePattern } from './policy/pattern.ts';
import { accountOf, matchPrincipal, type PolicyPrincipal } from './policy/principal.ts';
import type { Statement } from './policy/statement.ts';

export { MalformedPolicyError } from './policy/malformed-policy.ts';
export { readPolicy, type PolicyKind, type Statement } from './policy/statement.ts';
export type { ContextValues } from './policy/context.ts';
export type { PolicyPrincipal } from './policy/principal.ts';

/** A request to judge. */
export interface PolicyRequest {
  readonly principal: PolicyPrincipal;
  /** `s3:GetObject` */
  readonly action: string;
  /** ARN of what is acted on, or `*` for actions that name nothing. */
  readonly resource: string;
  /** Account that owns the resource, twelve digits. */
  readonly resourceAccount: string;
  /** Condition keys and their values. */
  readonly context: ContextValues;
  /** Statements of the caller's own policies. */
  readonly identityStatements: readonly Statement[];
  /** Statements of the resource's policy. @default - it has none */
  readonly resourceStatements?: readonly Statement[];
}

/** Whose policy decided. */
export type PolicySide = 'identity-based' | 'resource-based';

/** What the policies say of a request. */
export interface PolicyDecision {
  readonly decision: 'Allow' | 'ExplicitDeny' | 'ImplicitDeny';
  /** Sid of the statement that decided; absent if it has none, or if no statement did. */
  readonly by?: string;
  /** The policy that allowed or denied; for an implicit deny, the one that would have had to allow. */
  readonly policy: PolicySide;
}

/**
 * Judges a request by IAM's rules: a deny anywhere wins; within an account it is enough that the caller's
 * policies or the resource's allow; across accounts both must. A resource policy that names an account only
 * leaves the decision to the policies of that account.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function evaluate(request: PolicyRequest): PolicyDecision {
  const { principal, identityStatements, resourceStatements = [] } = request;
  const context = new PolicyContext(request.context);
  const fits = (statement: Statement): boolean => coversRequest(statement, request, context);
  const own = principal.type === 'AWS' ? identityStatements.filter((statement) => fits(statement)) : [];
  const named = resourceStatements
    .filter((statement) => fits(statement))
    .map((statement) => ({ statement, match: principalMatch(statement, principal) }))
    .filter(({ match }) => match !== 'none');

  const ownDeny = own.find(({ effect }) => effect === 'Deny');
  if (ownDeny !== undefined) return decided('ExplicitDeny', 'identity-based', ownDeny);
  const namedDeny = named.find(({ statement }) => statement.effect === 'Deny');
  if (namedDeny !== undefined) return decided('ExplicitDeny', 'resource-based', namedDeny.statement);

  const ownAllow = own.find(({ effect }) => effect === 'Allow');
  const namedAllows = named.filter(({ statement }) => statement.effect === 'Allow');
  const direct = namedAllows.find(({ match }) => match === 'principal');
  const sameAccount = principal.type === 'AWS' && accountOf(principal.arn) === request.resourceAccount;
  if (principal.type !== 'AWS' || sameAccount) {
    if (direct !== undefined) return decided('Allow', 'resource-based', direct.statement);
    if (sameAccount && ownAllow !== undefined) return decided('Allow', 'identity-based', ownAllow);
    return { decision: 'ImplicitDeny', policy: sameAccount ? 'identity-based' : 'resource-based' };
  }
  if (ownAllow === undefined) return { decision: 'ImplicitDeny', policy: 'identity-based' };
  const [allowed] = namedAllows;
  if (allowed === undefined) return { decision: 'ImplicitDeny', policy: 'resource-based' };
  return decided('Allow', 'resource-based', allowed.statement);
}

function decided(decision: 'Allow' | 'ExplicitDeny', policy: PolicySide, { sid }: Statement): PolicyDecision {
  return { decision, policy, ...(sid === undefined ? {} : { by: sid }) };
}

/** True if action, resource and every condition fit. */
function coversRequest(statement: Statement, request: PolicyRequest, context: PolicyContext): boolean {
  const { actions, resources, conditions, variables } = statement;
  const action = actions.patterns.some((pattern) =>
    resolvePattern(pattern, context, { wildcards: true, variables: false, ignoreCase: true })?.test(
      request.action,
    ),
  );
  if (action === actions.not) return false;
  const resource = resources.patterns.some((pattern) =>
    resourceFits(pattern, request.resource, context, variables),
  );
  if (resource === resources.not) return false;
  return conditions.every((condition) => conditionHolds(condition, context, variables));
}

/** Part by part: a wildcard does not cross the colons before the resource's own name. */
function resourceFits(
  pattern: string,
  resource: string,
  context: PolicyContext,
  variables: boolean,
): boolean {
  if (pattern === '*') return true;
  const [left, right] = [arnParts(resource), arnParts(pattern)];
  if (left === undefined || right === undefined) return false;
  return left.every(
    (part, at) =>
      resolvePattern(right[at] ?? '', context, { wildcards: true, variables })?.test(part) ?? false,
  );
}

function principalMatch(statement: Statement, principal: PolicyPrincipal): 'principal' | 'account' | 'none' {
  if (statement.principal === undefined) return 'none';
  const match = matchPrincipal(statement.principal, principal);
  if (!statement.principal.not) return match;
  return match === 'none' ? 'principal' : 'none';
}
