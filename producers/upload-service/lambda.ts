import { z } from 'zod';
import type { UploadRequest, UploadResponse } from './http.ts';

/** What a function URL or an HTTP API hands over, as far as it is read; payload format 2.0. @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads */
const eventSchema = z.object({
  version: z.literal('2.0'),
  rawPath: z.string(),
  rawQueryString: z.string().default(''),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().default(false),
  requestContext: z.object({
    http: z.object({ method: z.string() }),
    authorizer: z.object({ iam: z.object({ userArn: z.string().nullish() }).nullish() }).nullish(),
  }),
});

/** What a function URL takes back. */
export interface UploadLambdaResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isBase64Encoded: false;
}

/**
 * Makes a handler for a Lambda function URL or an HTTP API. With IAM, Lambda has verified the signature, and the
 * principal's ARN reaches `authenticate` as `principal`; with JWTs use `jwtAuthenticator`.
 * @param http from `createUploadHttp`
 */
export function uploadServiceLambda(
  http: (request: UploadRequest) => Promise<UploadResponse>,
): (event: unknown) => Promise<UploadLambdaResponse> {
  return async (event) => {
    const {
      rawPath,
      rawQueryString,
      headers,
      body = '',
      isBase64Encoded,
      requestContext,
    } = eventSchema.parse(event);
    const answered = await http({
      method: requestContext.http.method,
      path: rawPath,
      query: rawQueryString,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
      body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'),
      principal: requestContext.authorizer?.iam?.userArn ?? undefined,
    });
    return {
      statusCode: answered.status,
      headers: answered.headers,
      body: answered.body,
      isBase64Encoded: false,
    };
  };
}
