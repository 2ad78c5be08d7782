import type { SigningIdentity } from './sigv4-signer.ts';

/** The credentials that Lambda puts into the environment; it gives a function new ones by starting it anew. */
export function environmentCredentials(
  env: Readonly<Record<string, string | undefined>>,
): () => SigningIdentity {
  return () => ({
    accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
    ...(env['AWS_SESSION_TOKEN'] === undefined ? {} : { sessionToken: env['AWS_SESSION_TOKEN'] }),
  });
}
