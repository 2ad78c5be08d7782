import { randomUUID } from 'node:crypto';

import type { AwsError } from '../aws-error.ts';
import type { ActionReply, JsonService } from '../json-service.ts';
import { isRecord, type JsonReply } from '../wire.ts';
import { readQuery } from './query-input.ts';
import { writeQueryError, writeQueryOutput } from './query-output.ts';

/** Codes that the query protocol spells its own way. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html */
const QUERY_CODES: Readonly<Record<string, string>> = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  UnrecognizedClientException: 'InvalidClientTokenId',
  InvalidSignatureException: 'SignatureDoesNotMatch',
  ExpiredTokenException: 'ExpiredToken',
  AccessDeniedException: 'AccessDenied',
  MissingAuthenticationTokenException: 'MissingAuthenticationToken',
};

/** SQS for clients of the query protocol: forms in, XML out, and the JSON protocol's service in between. */
export function createQueryService(sqs: JsonService): JsonService {
  const refuse = ({ code, message, status }: AwsError): JsonReply =>
    toReply(status, writeQueryError(QUERY_CODES[code] ?? code, message, status, randomUUID()));

  return {
    service: 'sqs',
    read: (body, path) => readQuery(body, path),
    run: async (action, input, signal): Promise<ActionReply> => {
      const reply = await sqs.run(action, input, signal);
      const parsed: unknown = JSON.parse(reply.body);
      const output = isRecord(parsed) ? parsed : {};
      const undelivered = reply.undelivered === undefined ? {} : { undelivered: reply.undelivered };
      if (reply.status === 200)
        return { ...toReply(200, writeQueryOutput(action, output, randomUUID())), ...undelivered };
      const [code = 'InternalFailure'] = (reply.headers?.['x-amzn-query-error'] ?? '').split(';');
      const { message } = output;
      const text = typeof message === 'string' ? message : 'No reason given.';
      return toReply(reply.status, writeQueryError(code, text, reply.status, randomUUID()));
    },
    policyOf: sqs.policyOf,
    refuse,
  };
}

function toReply(status: number, body: string): JsonReply {
  return { status, headers: { 'content-type': 'text/xml' }, body };
}
