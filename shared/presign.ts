import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { systemClock } from './clock.ts';
import type { Access } from './events/schema.ts';
import { nonEmptyString } from './options.ts';
import { createSigningPlanner, type PresignerOptions } from './presign-signer.ts';
import { CALLER_PARAMETER, inspectPresignedUrl } from './presigned-url.ts';
import { SecretUrl } from './secret.ts';

export { DEFAULT_URL_TTL_SECONDS, type PresignerOptions } from './presign-signer.ts';
export { CALLER_PARAMETER, inspectPresignedUrl, type PresignedUrlReport } from './presigned-url.ts';

export interface GetPresignerOptions extends PresignerOptions {
  /** Who the URLs are for, unless a call says otherwise. @default - no such parameter */
  readonly caller?: string;
}

/** One GET to sign. */
export interface PresignGetRequest {
  readonly key: string;
  /** The URL leads to this version only; `undefined`, said aloud, to whichever is the newest at the time of the GET. */
  readonly versionId: string | undefined;
  /** Life asked for, 1 to 604,800 s; a session that ends earlier shortens it. @default 900 */
  readonly ttlSeconds?: number | undefined;
  /** Who the URL is for. @default - the presigner's */
  readonly caller?: string | undefined;
  /** What S3 sends as Content-Disposition. */
  readonly responseContentDisposition?: string | undefined;
}

/** Signs GET URLs for one store. */
export interface GetPresigner {
  /**
   * Signs. `expiresAt` is the truth: the earlier of the life asked for and the end of the signer's session.
   * @throws {RangeError} when `ttlSeconds` is out of range
   * @throws {UrlServiceError} when there are no credentials, or their session is about to end
   */
  presign(request: PresignGetRequest): Promise<Access>;
}

/**
 * Makes a presigner of GET URLs.
 * @throws {RangeError} naming the option that is out of range
 */
export function createGetPresigner(options: GetPresignerOptions): GetPresigner {
  const { store } = options;
  const plan = createSigningPlanner(options, options.clock ?? systemClock);
  return {
    async presign({ key, versionId, ttlSeconds, caller = options.caller, responseContentDisposition }) {
      nonEmptyString('key', key);
      if (versionId !== undefined) nonEmptyString('versionId', versionId);
      const what = `GET s3://${store.bucket}/${key}`;
      const { client, signingDate, expiresInSeconds } = await plan(what, ttlSeconds);
      const command = new GetObjectCommand({
        Bucket: store.bucket,
        Key: key,
        ...(versionId === undefined ? {} : { VersionId: versionId }),
        ...(responseContentDisposition === undefined
          ? {}
          : { ResponseContentDisposition: responseContentDisposition }),
      });
      if (caller !== undefined) nameCaller(command, nonEmptyString('caller', caller));
      const url = await getSignedUrl(client, command, { signingDate, expiresIn: expiresInSeconds });
      return { method: 'GET', url: new SecretUrl(url), ...datesOf(url) };
    },
  };
}

/** Puts the caller into the query before it is signed. */
function nameCaller(command: GetObjectCommand, caller: string): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      const { query } = args.request as { query: Record<string, string> };
      query[CALLER_PARAMETER] = caller;
      return await next(args);
    },
    { step: 'build', name: 'waybillCaller' },
  );
}

/** When a presigned URL begins and ends, read from the URL itself. */
export function datesOf(href: string): { issuedAt: string; expiresAt: string } {
  const { issuedAtMs, expiresAtMs } = inspectPresignedUrl(href, 0);
  if (issuedAtMs === undefined || expiresAtMs === undefined)
    throw new TypeError('url: got one without X-Amz-Date and X-Amz-Expires, expected a presigned URL');
  return { issuedAt: new Date(issuedAtMs).toISOString(), expiresAt: new Date(expiresAtMs).toISOString() };
}
