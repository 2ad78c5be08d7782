import { AwsError } from '../aws-error.ts';

/** The error of a pattern that cannot be compiled; `path` says where, with dots: `detail.size`. */
export function invalidPattern(path: string, reason: string): AwsError {
  const at = path === '' ? '' : ` at ${path.replace(/\.$/, '')}`;
  return new AwsError('InvalidEventPatternException', `Event pattern is not valid. Reason: ${reason}${at}`);
}
