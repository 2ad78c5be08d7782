/** Where {@link unsignedPayload} goes in a command's middleware stack: before the request is signed. */
export const unsignedPayloadStep = { step: 'build', name: 'waybillUnsignedPayload' } as const;

/**
 * SDK middleware that leaves the body out of a request's signature (`x-amz-content-sha256: UNSIGNED-PAYLOAD`).
 *
 * The SDK else runs SHA-256 over every part before it sends it, beside the SHA-256 over the whole file that an
 * event needs: twice the work, and it blocks the event loop for a part at a time. The signed CRC32C header still
 * makes S3 refuse bytes that were damaged on the way, and consumers check the SHA-256.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function unsignedPayload<Args extends object, Result>(
  next: (args: Args) => Promise<Result>,
): (args: Args) => Promise<Result> {
  return async (args) => {
    const { request } = args as { request?: { headers?: Record<string, string> } };
    if (request?.headers !== undefined) request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
    return await next(args);
  };
}
