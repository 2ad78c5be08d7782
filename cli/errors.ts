import { EventParseError, isWaybillError } from '../shared/errors.ts';
import { redactText } from '../shared/redact.ts';

/** The user's mistake: shown as one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Runs `make`, which checks options or input; what it says of them is the user's mistake, not a crash. */
export function checked<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (isMistake(error)) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function isMistake(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof RangeError || error instanceof EventParseError;
}

/** The same for work that checks its options later. */
export async function checkedAsync<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    return checked(() => {
      throw error;
    });
  }
}

/** One line for people: the message, and the code where there is one. Without secrets, without a stack. */
export function describeError(error: unknown): string {
  if (isWaybillError(error)) return `${redactText(error.message)} [${error.code}]`;
  if (!(error instanceof Error)) return redactText(String(error));
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE')
    return `${redactText(error.message)}: choose another port with --port, or 0 for any`;
  const cause = error instanceof AggregateError ? (error.errors as unknown[])[0] : undefined;
  const message = error.message === '' && cause instanceof Error ? cause.message : error.message;
  // The SDK's errors say little without their name: "UnknownError", "CredentialsProviderError".
  const name = ['Error', 'UsageError', 'InterruptedError'].includes(error.name) ? '' : `${error.name}: `;
  return redactText(`${name}${message}`);
}
