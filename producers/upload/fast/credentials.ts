import type { SigningIdentity } from '../../../shared/sigv4-signer.ts';

/** An identity, and when its session ends. */
export interface SessionIdentity extends SigningIdentity {
  readonly expiration?: Date;
}

/** Where credentials come from. */
export type CredentialSource = SessionIdentity | (() => Promise<SessionIdentity>);

/** Before the end of a session, in milliseconds, from when on its successor is asked for. The SDK's own margin. */
const REFRESH_BEFORE_END_MS = 300_000;

/** Credentials that are asked for once per session. */
export interface CredentialCache {
  /** @throws what the source throws */
  get(): Promise<SessionIdentity>;
  /** Asks again next time: S3 says that the session is over. */
  forget(): void;
}

/**
 * Keeps what a provider gave until shortly before the session ends; callers at the same time share one call.
 * @param source @default - the SDK's provider chain, loaded when it is needed
 */
export function createCredentialCache(
  source: CredentialSource | undefined,
  nowMs: () => number,
): CredentialCache {
  let provider = typeof source === 'function' ? source : undefined;
  let latest: SessionIdentity | undefined = typeof source === 'function' ? undefined : source;
  let asking: Promise<SessionIdentity> | undefined;

  const ask = async (): Promise<SessionIdentity> => {
    try {
      provider ??= (await import('@aws-sdk/credential-provider-node')).defaultProvider();
      latest = await provider();
      return latest;
    } finally {
      asking = undefined;
    }
  };

  return {
    async get() {
      const endsAtMs = latest?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
      if (latest !== undefined && endsAtMs - nowMs() > REFRESH_BEFORE_END_MS) return latest;
      if (latest !== undefined && typeof source === 'object') return latest; // there is no other
      asking ??= ask();
      return await asking;
    },
    forget() {
      if (typeof source !== 'object') latest = undefined;
    },
  };
}
