import type { IncomingMessage, ServerResponse } from 'node:http';

import type { JsonService, ServeContext } from './json-service.ts';
import { serveJson } from './json-service.ts';
import { recordS3 } from './s3-recorder.ts';
import type { SpyRecorder } from './spy.ts';
import { createQueryService } from './sqs/query-service.ts';
import { sendReply } from './wire.ts';

/** Answers 200 as long as the stack runs. Not an S3 address: bucket names cannot begin with an underscore. */
export const HEALTH_PATH = '/_waybill/health';

/** The services behind the one port. */
export interface Services {
  readonly sqs: JsonService;
  readonly events: JsonService;
  readonly s3: { handle(req: IncomingMessage, res: ServerResponse): Promise<void> };
}

/**
 * Sends each request to its service: by `X-Amz-Target` to SQS or EventBridge; a form signed for SQS to its query
 * protocol; what is signed for another service, or in another protocol, gets 501; the rest is S3's.
 */
export function createDispatcher(
  services: Services,
  context: ServeContext & { readonly spy: SpyRecorder },
): (req: IncomingMessage, res: ServerResponse) => void {
  const { clock, logger, spy } = context;
  const query = createQueryService(services.sqs);

  const dispatch = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    if (req.method === 'GET' && req.url === HEALTH_PATH) {
      sendReply(res, json(200, { status: 'ok' }));
      return;
    }
    const target = req.headers['x-amz-target'];
    if (typeof target === 'string' && target.startsWith('AmazonSQS.'))
      return await serveJson(services.sqs, req, res, context);
    if (typeof target === 'string' && target.startsWith('AWSEvents.'))
      return await serveJson(services.events, req, res, context);
    const scope = scopeService(req);
    const isForm = req.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
    if (target === undefined && scope === 'sqs' && isForm) return await serveJson(query, req, res, context);
    if (target !== undefined || (scope !== undefined && scope !== 's3')) {
      req.resume();
      sendReply(res, unknownService(scope ?? 'other services'));
      return;
    }
    recordS3(req, res, spy, clock);
    await services.s3.handle(req, res);
  };

  return (req, res) => {
    // By this clock, so that SDK clients see how far it is from theirs and sign accordingly
    res.setHeader('date', new Date(clock.nowMs()).toUTCString());
    res.on('error', () => {}); // the client left; whoever writes learns it by 'close'
    dispatch(req, res).catch((error: unknown) => {
      logger.error({ err: error, method: req.method }, 'local request failed');
      if (!res.headersSent && !res.destroyed) sendReply(res, json(500, { message: 'Internal failure.' }));
      else res.destroy();
    });
  };
}

/** The service in the credential scope of the Authorization header. */
function scopeService(req: IncomingMessage): string | undefined {
  const { authorization = '' } = req.headers;
  return /Credential=[^/]+\/\d{8}\/[^/]+\/([^/]+)\/aws4_request/.exec(authorization)?.[1];
}

/** Readable for clients of the JSON and of the query protocols. */
function unknownService(service: string): ReturnType<typeof json> {
  const message = `The local stack does not implement ${service} in this protocol.`;
  return {
    status: 501,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>NotImplemented</Code><Message>${message}</Message></Error></ErrorResponse>`,
  };
}

function json(
  status: number,
  value: object,
): { status: number; headers: Record<string, string>; body: string } {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
