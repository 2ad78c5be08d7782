import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { isRecord, parseJson } from '../shared/json.ts';
import { AwsError } from './aws-error.ts';

export { isRecord, parseJson };

/**
 * Largest request body of the JSON services, in bytes: a full SQS batch of 1 MiB whose every byte needs a
 * six-byte JSON escape, and room for attributes. S3 bodies stream and are not read here.
 */
export const MAX_JSON_BODY_BYTES = 8 * 1024 ** 2;

/** What a JSON service answers. */
export interface JsonReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Reads a whole request body.
 * @throws {AwsError} 413 if it is larger than `limitBytes`.
 */
export async function readBody(
  req: IncomingMessage,
  limitBytes: number = MAX_JSON_BODY_BYTES,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limitBytes) chunks.push(chunk); // what is too much is read and dropped, so that the answer arrives
  }
  if (size > limitBytes)
    throw new AwsError('RequestEntityTooLarge', `The request is larger than ${limitBytes} bytes.`, 413);
  return Buffer.concat(chunks, size);
}

/**
 * Parses a JSON request body; an empty one is an empty object, as AWS takes it.
 * @throws {AwsError} SerializationException if it is not a JSON object.
 */
export function parseJsonBody(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  try {
    const value = parseJson(body.toString('utf8'));
    if (isRecord(value)) return value;
  } catch {
    // answered below, like JSON that is no object
  }
  throw new AwsError('SerializationException', 'The request body is not a JSON object.');
}

/** Writes a whole answer. */
export function sendReply(res: ServerResponse, reply: JsonReply): void {
  if (!res.hasHeader('x-amzn-requestid')) res.setHeader('x-amzn-requestid', randomUUID());
  for (const [name, value] of Object.entries(reply.headers ?? {})) res.setHeader(name, value);
  res.statusCode = reply.status;
  res.end(reply.body);
}

/** The JSON objects of a list; none if it is no list. */
export function recordsOf(list: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(list) ? list.filter((item) => isRecord(item)) : [];
}
