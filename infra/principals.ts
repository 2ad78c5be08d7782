import * as iam from 'aws-cdk-lib/aws-iam';

/**
 * Who may take a role, from a topology's words: ARNs, account numbers, service names.
 * @param given @default - this account, whose administrators decide further
 */
export function principalsOf(given: readonly string[]): iam.IPrincipal {
  if (given.length === 0) return new iam.AccountRootPrincipal();
  return new iam.CompositePrincipal(...given.map((principal) => principalOf(principal)));
}

function principalOf(given: string): iam.PrincipalBase {
  if (/^\d{12}$/.test(given)) return new iam.AccountPrincipal(given);
  if (given.startsWith('arn:')) return new iam.ArnPrincipal(given);
  return new iam.ServicePrincipal(given);
}
