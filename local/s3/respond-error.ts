import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Error } from './errors.ts';
import { toPlainXml } from './xml.ts';

/** Bytes of an unread request body that are taken in after an early answer; beyond, the connection closes. */
const DRAIN_BYTES = 64 * 1024 * 1024;

/** Names and values of an error answer. */
export interface ErrorAnswer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Path of what was asked for, without query. */
  readonly resource: string;
  readonly requestId: string;
  readonly hostId: string;
}

/** What the world is told of any exception: S3's own words, or InternalError. */
export function errorFacts(
  error: unknown,
): Pick<ErrorAnswer, 'status' | 'code' | 'message' | 'details' | 'headers'> {
  const known = error instanceof S3Error ? error : new S3Error('InternalError');
  const { status, code, message, details, headers } = known;
  return { status, code, message, details, headers };
}

/** Answers with an error in XML; without a body for HEAD and 304. Cuts the connection if an answer is under way. */
export function sendError(req: IncomingMessage, res: ServerResponse, answer: ErrorAnswer): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  for (const name of res.getHeaderNames()) {
    if (name.startsWith('content-')) res.removeHeader(name);
  }
  const { status, code, message, details, headers, resource, requestId, hostId } = answer;
  if (req.method === 'HEAD' || status === 304) {
    res.writeHead(status, headers);
    res.end();
    return;
  }
  const body = Buffer.from(
    toPlainXml('Error', {
      Code: code,
      Message: message,
      ...details,
      Resource: resource,
      RequestId: requestId,
      HostId: hostId,
    }),
  );
  res.writeHead(status, { ...headers, 'content-type': 'application/xml', 'content-length': body.length });
  res.end(body);
}

/**
 * Deals with a body that nobody read: takes in a small rest, so that the client hears the answer and the
 * connection lives on; a long one is taken in up to a limit, then the connection is closed.
 */
export function drainRequest(req: IncomingMessage): void {
  if (req.complete || req.destroyed) return;
  let left = DRAIN_BYTES;
  req.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) req.destroy();
  });
  req.on('error', () => {});
  req.resume();
}
