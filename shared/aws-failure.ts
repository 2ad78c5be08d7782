import { TransferStalledError } from './errors.ts';

/**
 * Error codes after which the same request may succeed.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html
 */
const TRANSIENT_CODES = new Set([
  'BadDigest', // damaged on the way: S3 compared the checksum and kept nothing
  'IncompleteBody',
  'InternalError',
  'InternalException',
  'InternalFailure',
  'RequestLimitExceeded',
  'RequestTimeout',
  'RequestTimeTooSkewed', // the SDK has learnt the clock's offset from the answer by the next attempt
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
  'XAmzContentChecksumMismatch',
]);

/** What Node says when a connection could not be made, or broke. */
const NETWORK_CODES = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** The service's error code (`NoSuchUpload`), or the error's own name. */
export function awsErrorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'Unknown';
  const { name, Code } = error as { name?: unknown; Code?: unknown };
  if (typeof Code === 'string' && Code !== '') return Code;
  return typeof name === 'string' && name !== '' ? name : 'Unknown';
}

/** HTTP status of the answer, undefined when there was none. */
export function awsErrorStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const status = (error as { $metadata?: { httpStatusCode?: unknown } }).$metadata?.httpStatusCode;
  return typeof status === 'number' ? status : undefined;
}

/** True for throttling, server faults, broken connections and stalls: what a retry may mend. */
export function isTransientAwsError(error: unknown): boolean {
  if (error instanceof TransferStalledError) return true;
  const status = awsErrorStatus(error);
  if (status !== undefined && (status >= 500 || status === 429 || status === 408)) return true;
  if (TRANSIENT_CODES.has(awsErrorCode(error))) return true;
  if (isSkewCorrected(error)) return true;
  return NETWORK_CODES.has(networkCode(error));
}

/**
 * True if the SDK has learnt from this refusal how far the clocks are apart: the next attempt is signed accordingly.
 * Every service words the refusal in its own way.
 * @see https://github.com/smithy-lang/smithy-typescript/tree/main/packages/service-error-classification
 */
function isSkewCorrected(error: unknown): boolean {
  const metadata = (error as { $metadata?: { clockSkewCorrected?: unknown } } | null | undefined)?.$metadata;
  return metadata?.clockSkewCorrected === true;
}

/** One line for a message: `SlowDown (503): Please reduce your request rate`. */
export function describeAwsError(error: unknown): string {
  const status = awsErrorStatus(error);
  const message = error instanceof Error && error.message !== '' ? `: ${error.message}` : '';
  return `${awsErrorCode(error)}${status === undefined ? '' : ` (${status})`}${message}`;
}

function networkCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
