import type { IncomingMessage } from 'node:http';

import type { Clock } from '../shared/clock.ts';
import { AwsError } from './aws-error.ts';
import { denialMessage, type Caller } from './caller.ts';
import { evaluate, type ContextValues, type Statement } from './policy.ts';
import { LOCAL_ACCOUNT_ID } from './sqs-store.ts';

/** One thing that a request to SQS or EventBridge needs to be allowed. */
export interface JsonAccess {
  /** `sqs:SendMessage` */
  readonly action: string;
  /** An ARN, or `*` for actions that name nothing. */
  readonly resource: string;
  /** Condition keys of this action. @default - none */
  readonly context?: ContextValues;
}

/** What policies are told of any request to these services. */
export interface JsonAccessContext {
  readonly clock: Clock;
  /** @default true */
  readonly assumeTls?: boolean;
  /** The policy of a queue or bus. */
  readonly policyOf: (resource: string) => readonly Statement[] | undefined;
}

/**
 * Judges a request by its caller's own policies and those of the queue or bus. Callers of other accounts need the word
 * of both.
 * @throws {AwsError} 403 AccessDeniedException naming the first access that is not allowed
 */
export function requireJsonAccess(
  req: IncomingMessage,
  caller: Caller,
  accesses: readonly JsonAccess[],
  { clock, assumeTls = true, policyOf }: JsonAccessContext,
): void {
  const nowMs = clock.nowMs();
  const common = {
    ...caller.context,
    'aws:CurrentTime': new Date(nowMs).toISOString(),
    'aws:EpochTime': String(Math.floor(nowMs / 1_000)),
    'aws:SourceIp': req.socket.remoteAddress,
    'aws:SecureTransport': String(assumeTls),
    'aws:UserAgent': req.headers['user-agent'],
  };
  for (const { action, resource, context } of accesses) {
    const resourceStatements = policyOf(resource);
    const decision = evaluate({
      principal: caller.principal,
      identityStatements: caller.statements,
      action,
      resource,
      resourceAccount: LOCAL_ACCOUNT_ID,
      ...(resourceStatements === undefined ? {} : { resourceStatements }),
      context: { ...common, ...context },
    });
    if (decision.decision !== 'Allow')
      throw new AwsError(
        'AccessDeniedException',
        denialMessage(caller, action, resource, decision, false),
        403,
      );
  }
}
