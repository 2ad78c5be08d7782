import { runSimulation } from '@cloud-copilot/iam-simulate';
import { evaluate, readPolicy } from '../../../local/policy.ts';
import type { ContextValues, PolicyDecision, PolicyPrincipal } from '../../../local/policy.ts';

export const ACCOUNT = '000000000000';
export const ANN = `arn:aws:iam::${ACCOUNT}:user/ann`;

/** A request and the policies that judge it. */
export interface PolicyCase {
  readonly identity?: readonly object[];
  readonly bucket?: object;
  readonly principal?: PolicyPrincipal;
  readonly action?: string;
  readonly resource?: string;
  readonly context?: ContextValues | undefined;
}

/** Wraps statements into a policy. */
export function policy(...statements: readonly object[]): object {
  return { Version: '2012-10-17', Statement: statements };
}

/** Our own verdict. */
export function ours(given: PolicyCase): PolicyDecision {
  return evaluate({
    principal: given.principal ?? { type: 'AWS', arn: ANN },
    action: given.action ?? 's3:GetObject',
    resource: given.resource ?? 'arn:aws:s3:::inbox/a/b.txt',
    resourceAccount: ACCOUNT,
    context: given.context ?? {},
    identityStatements: (given.identity ?? []).flatMap((document) => readPolicy(document, 'identity')),
    resourceStatements: given.bucket === undefined ? [] : readPolicy(given.bucket, 'resource'),
  });
}

const NAMES = {
  Allowed: 'Allow',
  ExplicitlyDenied: 'ExplicitDeny',
  ImplicitlyDenied: 'ImplicitDeny',
} as const;

/** The verdict of an independent implementation; throws if it ignored a context key or refused the input. */
export async function theirs(given: PolicyCase): Promise<PolicyDecision['decision']> {
  const principal = given.principal ?? { type: 'AWS', arn: ANN };
  const context = Object.entries(given.context ?? {}).filter((entry) => entry[1] !== undefined);
  const result = await runSimulation(
    {
      request: {
        principal:
          principal.type === 'AWS'
            ? principal.arn
            : principal.type === 'Service'
              ? principal.service
              : { type: 'Anonymous' },
        action: given.action ?? 's3:GetObject',
        resource: { resource: given.resource ?? 'arn:aws:s3:::inbox/a/b.txt', accountId: ACCOUNT },
        contextVariables: Object.fromEntries(context) as Record<string, string | string[]>,
      },
      identityPolicies: (given.identity ?? []).map((document, at) => ({ name: `p${at}`, policy: document })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(given.bucket === undefined ? {} : { resourcePolicy: given.bucket }),
    },
    {},
  );
  if (result.resultType !== 'single') throw new Error(`the oracle answered ${JSON.stringify(result)}`);
  const ignored = result.result.ignoredContextKeys;
  if (ignored === undefined || ignored.length > 0) throw new Error(`the oracle ignored ${String(ignored)}`);
  return NAMES[result.overallResult as keyof typeof NAMES];
}
