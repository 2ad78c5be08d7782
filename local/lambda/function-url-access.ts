import type { Caller } from '../caller.ts';
import { evaluate } from '../policy.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';

/** What a call needs, each with what it is told. */
const NEEDED: readonly (readonly [action: string, context: Readonly<Record<string, string>>])[] = [
  ['lambda:InvokeFunctionUrl', { 'lambda:FunctionUrlAuthType': 'AWS_IAM' }],
  ['lambda:InvokeFunction', { 'lambda:InvokedViaFunctionUrl': 'true' }],
];

/**
 * Whether a caller's policies let it call a function through its URL: since October 2025 that takes two rights.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
 */
export function mayInvoke(caller: Caller, functionArn: string): boolean {
  return NEEDED.every(
    ([action, context]) =>
      evaluate({
        principal: caller.principal,
        action,
        resource: functionArn,
        resourceAccount: LOCAL_ACCOUNT_ID,
        identityStatements: caller.statements,
        context: { ...caller.context, ...context },
      }).decision === 'Allow',
  );
}
