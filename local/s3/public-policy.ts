import type { Statement } from '../policy.ts';

/** Keys that narrow `*` down to known callers, if their values are fixed. */
const NARROWING: ReadonlySet<string> = new Set(
  [
    'aws:SourceArn',
    'aws:SourceVpc',
    'aws:SourceVpce',
    'aws:SourceOwner',
    'aws:SourceAccount',
    'aws:SourceIp',
    'aws:PrincipalOrgID',
    'aws:PrincipalArn',
    'aws:PrincipalAccount',
    'aws:userid',
  ].map((key) => key.toLowerCase()),
);

/**
 * Whether a bucket policy is public: it allows everybody something, and no condition narrows that down.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
 */
export function isPublicPolicy(statements: readonly Statement[]): boolean {
  return statements.some(
    ({ effect, principal, conditions }) =>
      effect === 'Allow' &&
      principal?.everybody === true &&
      !conditions.some(
        ({ key, values, operator, set, ifExists }) =>
          NARROWING.has(key.toLowerCase()) &&
          operator !== 'Null' &&
          !operator.negated &&
          !ifExists &&
          set !== 'ForAllValues' &&
          values.every((value) => !/[*?]|\$\{|\/0$/.test(value)),
      ),
  );
}
