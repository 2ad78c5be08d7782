/** The parts of an ARN: partition, service, region, account and the resource with whatever colons it has. */
export type ArnParts = readonly [string, string, string, string, string];

/**
 * Takes an ARN apart; undefined if it is none.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
 */
export function arnParts(arn: string): ArnParts | undefined {
  const [prefix, partition, service, region, account, ...resource] = arn.split(':');
  if (prefix !== 'arn' || partition === undefined || service === undefined) return undefined;
  if (region === undefined || account === undefined || resource.length === 0) return undefined;
  return [partition, service, region, account, resource.join(':')];
}
