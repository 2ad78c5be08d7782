/** An answer that is an AWS error: thrown by an action, written by its service in its own shape. */
export class AwsError extends Error {
  /** AWS's name of the error: `ResourceNotFoundException`. */
  readonly code: string;
  /** HTTP status. */
  readonly status: number;

  /** @param status @default 400 */
  constructor(code: string, message: string, status: number = 400) {
    super(message);
    this.name = 'AwsError';
    this.code = code;
    this.status = status;
  }
}

/** The answer to what this stack does not do: 501, never a wrong success. */
export function notImplemented(what: string): AwsError {
  return new AwsError('NotImplemented', `The local stack does not implement ${what}.`, 501);
}
