import { SIGV4_ALGORITHM } from '../../shared/sigv4-encoding.ts';
import type { ContextValues } from '../policy.ts';
import type { Signer } from './access.ts';
import type { Exchange } from './exchange.ts';
import { OWNER_ACCOUNT_ID } from './owner.ts';

/**
 * The condition keys that every S3 request has.
 *
 * The stack speaks plain HTTP on loopback; unless told otherwise it says `aws:SecureTransport` all the same,
 * for else every bucket whose policy demands TLS would be shut.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
 */
export function requestContext(exchange: Exchange, signer: Signer): ContextValues {
  const { nowMs, options, req } = exchange;
  const { caller, signature } = signer;
  const tls = options.assumeTls ?? true;
  return {
    ...caller.context,
    'aws:CurrentTime': new Date(nowMs).toISOString(),
    'aws:EpochTime': String(Math.floor(nowMs / 1_000)),
    'aws:SourceIp': req.socket.remoteAddress,
    'aws:SecureTransport': String(tls),
    'aws:UserAgent': exchange.header('user-agent'),
    'aws:Referer': exchange.header('referer'),
    's3:ResourceAccount': OWNER_ACCOUNT_ID,
    ...(tls ? { 's3:TlsVersion': '1.3' } : {}),
    ...(signature === undefined
      ? {}
      : {
          's3:authType': signature.authType,
          's3:signatureversion': SIGV4_ALGORITHM,
          's3:signatureAge': String(Math.max(0, nowMs - signature.signedAtMs)),
          's3:x-amz-content-sha256': signature.payloadHash,
        }),
  };
}
