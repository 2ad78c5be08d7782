export {
  authoriseByTable,
  type Authorise,
  type AuthorisationRequest,
  type CallerTable,
} from './authorise.ts';
export type { UrlService } from './core.ts';
export { createUrlService, type UrlServiceOptions } from './url-service.ts';
export { handleRedeem, MAX_BODY_BYTES, type NeutralRequest, type NeutralResponse } from './http.ts';
export {
  urlServiceLambda,
  type FunctionUrlResponse,
  type LambdaIdentity,
  type UrlServiceLambdaOptions,
} from './lambda.ts';
export type { RateLimitOptions } from './rate-limit.ts';
export type { RedeemRefusal, RedeemResult, RedeemSuccess } from './result.ts';
export {
  startUrlServiceServer,
  type CallerIdentity,
  type UrlServiceFault,
  type UrlServiceServer,
  type UrlServiceServerOptions,
} from './server.ts';
