import type { IncomingMessage } from 'node:http';

/**
 * A request's headers as its signature covers them: those that stand there several times as lists, for Node joins
 * them with `, ` and the signature with `,`. What Node keeps only once stays as Node gives it.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function signedHeaders(
  req: Pick<IncomingMessage, 'headers' | 'headersDistinct'>,
): Record<string, string | string[] | undefined> {
  const headers: Record<string, string | string[] | undefined> = { ...req.headers };
  for (const [name, values = []] of Object.entries(req.headersDistinct)) {
    if (values.length > 1 && headers[name] === values.join(', ')) headers[name] = values;
  }
  return headers;
}
