import { awsErrorCode, awsErrorStatus, isTransientAwsError } from '../../shared/aws-failure.ts';
import type { UploadFailure } from './transport.ts';

/** What an error of S3, of a connection or of the SDK means to an upload. */
export function failureOf(error: unknown): UploadFailure {
  const status = awsErrorStatus(error);
  const code = awsErrorCode(error);
  if (status === 412 || code === 'PreconditionFailed') return 'exists';
  if (code === 'NoSuchUpload') return 'no-upload';
  if (code === 'ConditionalRequestConflict' || code === 'OperationAborted') return 'conflict';
  return isTransientAwsError(error) ? 'transient' : 'permanent';
}
