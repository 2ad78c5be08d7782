/** A policy that does not say what a policy says. Its message is meant for whoever wrote the policy. */
export class MalformedPolicyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MalformedPolicyError';
  }
}
