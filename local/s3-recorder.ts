import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Clock } from '../shared/clock.ts';
import { parseRawQuery } from '../shared/sigv4-encoding.ts';
import { parseAddress, type S3Address } from './s3/address.ts';
import { findRoute } from './s3/router.ts';
import type { SpyRecorder } from './spy.ts';

/**
 * Tells the spy about this S3 request once its answer is out, or its connection gone. To be called before the
 * request is handled, so that what is counted is what leaves, below any fault.
 */
export function recordS3(req: IncomingMessage, res: ServerResponse, spy: SpyRecorder, clock: Clock): void {
  const startedAtMs = clock.monotonicMs();
  const { method = 'GET' } = req;
  const [path = '/', query = ''] = (req.url ?? '/').split('?', 2);
  const { range, 'content-length': length = '0' } = req.headers;
  const what = { ...describe(req, path, query), ...(range === undefined ? {} : { range }) };
  let bytes = 0;
  const count = (chunk: unknown): void => {
    if (method !== 'HEAD' && (typeof chunk === 'string' || chunk instanceof Uint8Array))
      bytes += Buffer.byteLength(chunk);
  };
  const write = res.write.bind(res);
  const end = res.end.bind(res);
  // `end(chunk)` hands its chunk to an internal write, not to this one: each is counted where it comes in
  res.write = ((...given: Parameters<typeof write>) => {
    count(given[0]);
    return write(...given);
  }) as typeof write;
  res.end = ((...given: Parameters<typeof end>) => {
    count(given[0]);
    return end(...given);
  }) as typeof end;
  const ended = spy.begin({ ...what, bytes: () => bytes });
  res.once('close', () => {
    ended();
    spy.record({
      kind: 's3',
      ...what,
      method,
      status: res.statusCode,
      bytes,
      requestBytes: Number(length),
      ms: clock.monotonicMs() - startedAtMs,
      presigned: /(^|&)X-Amz-Signature=/i.test(query),
      complete: res.writableFinished,
    });
  });
}

/** Where the request goes and what it asks for, in S3's own words; `Unknown` if S3 does not know it either. */
function describe(
  req: IncomingMessage,
  path: string,
  query: string,
): S3Address & { readonly operation: string } {
  let address: S3Address = {};
  try {
    address = parseAddress(req.headers.host, path);
    const routed = {
      method: req.method ?? 'GET',
      address,
      query: new Map(parseRawQuery(query)),
      headers: req.headers,
    };
    return { ...address, operation: findRoute(routed).operation };
  } catch {
    return { ...address, operation: 'Unknown' };
  }
}
