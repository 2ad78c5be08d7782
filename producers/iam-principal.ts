/**
 * One form for a role's own ARN and the ARN of a session of it, which has the role's name but not its path:
 * `arn:aws:iam::1:role/app/x` and `arn:aws:sts::1:assumed-role/x/session` are both `aws:1:role/x`. Names of roles are
 * unique in an account whatever their path; so are names of users. Undefined for anything else.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
 */
export function principalOfArn(arn: string): string | undefined {
  const iam = /^arn:([\w-]+):iam::(\d{12}):(role|user)\/(?:[^/]+\/)*([^/]+)$/.exec(arn);
  if (iam !== null) return `${iam[1]}:${iam[2]}:${iam[3]}/${iam[4]}`;
  const session = /^arn:([\w-]+):sts::(\d{12}):assumed-role\/([^/]+)\/[^/]+$/.exec(arn);
  return session === null ? undefined : `${session[1]}:${session[2]}:role/${session[3]}`;
}
