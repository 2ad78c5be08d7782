import * as z from 'zod';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { nonEmptyString, show } from '../../shared/options.ts';
import { principalOfArn } from '../iam-principal.ts';
import type { UrlService } from './core.ts';
import { bodyTooLarge, handleRedeem, internalError, MAX_BODY_BYTES, type NeutralResponse } from './http.ts';

/** An IAM principal or a partner's client, and the caller it stands for. */
export type LambdaIdentity = { readonly caller: string } & (
  | {
      /** ARN of a role or user (`arn:aws:iam::111122223333:role/app/archive`); every session of the role counts. */
      readonly arn: string;
      readonly accessKeyId?: undefined;
      readonly clientId?: undefined;
    }
  | { readonly accessKeyId: string; readonly arn?: undefined; readonly clientId?: undefined }
  | {
      /** Client of a token that API Gateway has verified: its `client_id`, else its `azp`, else its `sub`. */
      readonly clientId: string;
      readonly arn?: undefined;
      readonly accessKeyId?: undefined;
    }
);

const authorizerSchema = z.object({
  iam: z.object({ accessKey: z.string().nullish(), userArn: z.string().nullish() }).nullish(),
  jwt: z.object({ claims: z.record(z.string(), z.unknown()) }).nullish(),
});

/**
 * What a function URL or an HTTP API hands over, as far as it is read; payload format 2.0.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
 */
const eventSchema = z.object({
  version: z.literal('2.0'),
  rawPath: z.string(),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().default(false),
  requestContext: z.object({
    http: z.object({ method: z.string() }),
    authorizer: authorizerSchema.nullish(),
  }),
});

/** What a function URL takes back. */
export interface FunctionUrlResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isBase64Encoded: false;
}

export interface UrlServiceLambdaOptions {
  readonly service: UrlService;
  readonly identities: readonly LambdaIdentity[];
  /** @default silentLogger */
  readonly logger?: Logger;
}

/**
 * Makes a handler for a Lambda function URL with AWS_IAM, and for an HTTP API with a JWT authorizer. AWS has verified
 * signature or token; the principal is mapped to a caller here, and whoever is not mapped gets the same 403 as a stranger.
 *
 * @throws {TypeError} naming the identity that is wrong
 * @example
 * export const handler = urlServiceLambda({ service, identities: [{ arn: 'arn:aws:iam::111122223333:role/archive', caller: 'archive' }] });
 */
export function urlServiceLambda(
  options: UrlServiceLambdaOptions,
): (event: unknown) => Promise<FunctionUrlResponse> {
  const { service } = options;
  const logger = redactingLogger(options.logger ?? silentLogger);
  const callerOf = identityMap(options.identities);
  return async (event) => {
    const parsed = eventSchema.safeParse(event);
    if (!parsed.success) {
      logger.error({ issue: parsed.error.issues[0]?.path.join('.') }, 'not a function URL event');
      return toLambda(internalError());
    }
    const { rawPath: path, body = '', isBase64Encoded, requestContext } = parsed.data;
    const { method } = requestContext.http;
    const caller = callerOf(principalsOf(requestContext.authorizer ?? {}));
    if (body.length > MAX_BODY_BYTES * 1.5) return toLambda(bodyTooLarge());
    const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
    try {
      return toLambda(await handleRedeem({ method, path, body: bytes, caller }, { service }));
    } catch (error) {
      logger.error({ error, path }, 'request failed');
      return toLambda(internalError());
    }
  };
}

function toLambda({ status, headers, body }: NeutralResponse): FunctionUrlResponse {
  return { statusCode: status, headers, body, isBase64Encoded: false };
}

function identityMap(identities: readonly LambdaIdentity[]) {
  const byPrincipal = new Map<string, string>();
  for (const [index, identity] of identities.entries()) {
    nonEmptyString(`identities.${index}.caller`, identity.caller);
    const [field, principal] = declaredPrincipal(identity, index);
    if (principal === undefined)
      throw new TypeError(`${field}: got ${show(identity.arn)}, expected the ARN of an IAM role or user`);
    if (byPrincipal.has(principal))
      throw new TypeError(`${field}: got one that stands there twice, expected principals that differ`);
    byPrincipal.set(principal, identity.caller);
  }
  return (principals: readonly string[]): string | undefined => {
    const known = principals.find((principal) => byPrincipal.has(principal));
    return known === undefined ? undefined : byPrincipal.get(known);
  };
}

function declaredPrincipal(
  identity: LambdaIdentity,
  index: number,
): [field: string, principal: string | undefined] {
  const { arn, accessKeyId, clientId } = identity;
  if (arn !== undefined) return [`identities.${index}.arn`, principalOfArn(arn)];
  const [name, value] = clientId === undefined ? ['accessKeyId', accessKeyId] : ['clientId', clientId];
  const field = `identities.${index}.${name}`;
  return [field, `${name}:${nonEmptyString(field, value)}`];
}

/** Every form in which a request's principal may have been declared, the most telling first. */
function principalsOf({ iam, jwt }: NonNullable<z.output<typeof authorizerSchema>>): string[] {
  const arn = principalOfArn(iam?.userArn ?? '');
  const client = jwt?.claims['client_id'] ?? jwt?.claims['azp'] ?? jwt?.claims['sub'];
  return [
    ...(arn === undefined ? [] : [arn]),
    ...(typeof iam?.accessKey === 'string' ? [`accessKeyId:${iam.accessKey}`] : []),
    ...(typeof client === 'string' ? [`clientId:${client}`] : []),
  ];
}
