import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Logger } from '../shared/logger.ts';
import { authenticate, type AuthenticationContext } from './authenticate.ts';
import { AwsError } from './aws-error.ts';
import type { Caller } from './caller.ts';
import { eventBridgeAccesses } from './eventbridge/access.ts';
import { armResponse, type Fault, type FaultSwitch } from './faults.ts';
import { requireJsonAccess } from './json-access.ts';
import type { Statement } from './policy.ts';
import { sqsAccesses } from './sqs-access.ts';
import { parseJsonBody, readBody, sendReply, type JsonReply } from './wire.ts';

/** The answer of an action, and what undoes the handing over if it did not reach the client. */
export interface ActionReply extends JsonReply {
  readonly undelivered?: () => Promise<void>;
}

/** A service that speaks one of AWS's JSON protocols: SQS, EventBridge. */
export interface JsonService {
  readonly service: 'sqs' | 'events';
  /**
   * Runs one action for an authenticated caller.
   * @param signal aborts when the client is gone or the stack closes.
   * @throws {AwsError}
   */
  run(action: string, input: Record<string, unknown>, signal: AbortSignal): Promise<ActionReply>;
  /** Reads a body that is not JSON and names its action itself. @default - JSON; `X-Amz-Target` names the action */
  readonly read?: (
    body: Buffer,
    path: string,
  ) => { readonly action: string; readonly input: Record<string, unknown> };
  /** The policy of a queue or bus, by ARN; undefined if it has none. */
  readonly policyOf: (resource: string) => readonly Statement[] | undefined;
  /** The error in the service's own shape. */
  refuse(error: AwsError): JsonReply;
}

/** What serving needs beside the service. */
export interface ServeContext extends AuthenticationContext {
  readonly faults: FaultSwitch;
  /** The caller of an access key that has signed. */
  readonly callerOf: (accessKeyId: string) => Caller;
  /** What policies are told of the connection. @default true */
  readonly assumeTls?: boolean;
  readonly logger: Logger;
  /** Aborts when the stack closes. */
  readonly closing: AbortSignal;
}

/** Answers one request: reads, authenticates, applies faults, runs the action. Never rejects. */
export async function serveJson(
  service: JsonService,
  req: IncomingMessage,
  res: ServerResponse,
  context: ServeContext,
): Promise<void> {
  let action = actionOf(req);
  const stop = new AbortController();
  const onStop = (): void => stop.abort(new Error('the client is gone, or the local stack closes'));
  const { socket } = req;
  res.once('close', onStop);
  socket.once('end', onStop); // comes earlier than 'close'
  context.closing.addEventListener('abort', onStop, { once: true });
  try {
    const body = await readBody(req);
    const accessKeyId = authenticate(req, body, service.service, context);
    const read = service.read?.(body, (req.url ?? '/').replace(/\?.*/s, ''));
    action = read?.action ?? action;
    const faults = context.faults.take({
      service: service.service,
      operation: action,
      method: req.method ?? 'POST',
    });
    armResponse(res, faults);
    const instead = insteadOf(faults);
    if (instead instanceof AwsError) throw instead;
    if (context.closing.aborted) throw new AwsError('ServiceUnavailable', 'The local stack is closing.', 503);
    const run = async (): Promise<ActionReply> => {
      const input = read?.input ?? parseJsonBody(body);
      const accessesOf = service.service === 'sqs' ? sqsAccesses : eventBridgeAccesses;
      const accesses = accessesOf(action, input, context.region);
      requireJsonAccess(req, context.callerOf(accessKeyId), accesses, {
        ...context,
        policyOf: service.policyOf,
      });
      return await service.run(action, input, stop.signal);
    };
    const reply = instead ?? (await run());
    // A fault that drops the answer is the test's wish: what was handed over stays handed over
    if (faults.length === 0) await deliver(res, reply);
    else sendReply(res, reply);
  } catch (error) {
    if (res.destroyed || res.headersSent) return;
    if (!(error instanceof AwsError)) context.logger.error({ err: error, action }, 'local action failed');
    const known =
      error instanceof AwsError ? error : new AwsError('InternalFailure', 'Internal failure.', 500);
    sendReply(res, service.refuse(known));
  } finally {
    context.closing.removeEventListener('abort', onStop);
    socket.off('end', onStop);
  }
}

/** The action that `X-Amz-Target` names. */
function actionOf(req: IncomingMessage): string {
  const target = req.headers['x-amz-target'];
  return typeof target === 'string' ? target.slice(target.indexOf('.') + 1) : '';
}

/** What a fault puts in the place of the action. */
function insteadOf(faults: readonly Fault[]): ActionReply | AwsError | undefined {
  for (const fault of faults) {
    if (fault.kind === 'reply')
      return { status: fault.status, headers: fault.headers ?? {}, body: fault.body ?? '' };
    if (fault.kind === 'expire-now')
      return new AwsError('InvalidSignatureException', 'Signature expired.', 403);
    if (fault.kind === 'status') {
      const code = fault.code ?? (fault.status < 500 ? 'ThrottlingException' : 'InternalFailure');
      return new AwsError(code, fault.message ?? 'A fault was injected.', fault.status);
    }
  }
  return undefined;
}

async function deliver(res: ServerResponse, reply: ActionReply): Promise<void> {
  const { undelivered } = reply;
  if (undelivered === undefined) {
    sendReply(res, reply);
  } else if (res.destroyed) {
    await undelivered();
  } else {
    res.once('close', () => {
      if (!res.writableFinished) void undelivered();
    });
    sendReply(res, reply);
  }
}
