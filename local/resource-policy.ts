import { AwsError } from './aws-error.ts';
import { MalformedPolicyError, readPolicy, type Statement } from './policy.ts';

/** Reads the policies of resources, each text once. */
export type PolicyReader = (resource: string, text: string | undefined) => readonly Statement[] | undefined;

/** Makes a reader that keeps, for every resource, what it read last. */
export function createPolicyReader(): PolicyReader {
  const known = new Map<string, { readonly text: string; readonly statements: readonly Statement[] }>();
  return (resource, text) => {
    if (text === undefined) {
      known.delete(resource);
      return undefined;
    }
    const before = known.get(resource);
    if (before?.text === text) return before.statements;
    const statements = readPolicy(JSON.parse(text), 'resource');
    known.set(resource, { text, statements });
    return statements;
  };
}

/**
 * Checks the text of a queue's or a bus's policy.
 * @param code of the error that the service answers
 * @throws {AwsError} saying what is wrong
 */
export function checkResourcePolicy(text: string, code: string): void {
  try {
    readPolicy(JSON.parse(text), 'resource');
  } catch (error) {
    if (error instanceof MalformedPolicyError) throw new AwsError(code, error.message);
    if (error instanceof SyntaxError) throw new AwsError(code, 'The policy is not valid JSON.');
    throw error;
  }
}
