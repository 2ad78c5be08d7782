import {
  createClaimCheckVerifier,
  type ClaimCheckVerifier,
  type ProducerKey,
} from '../../shared/claim-check.ts';
import type { Clock } from '../../shared/clock.ts';
import { ClaimCheckError } from '../../shared/errors.ts';

export interface ReloadingVerifierOptions {
  /** Brings the list of the producers' public keys. */
  readonly load: () => Promise<readonly ProducerKey[]>;
  readonly clock: Clock;
  /** After how long the list is asked for again, in milliseconds: how long a key taken off it lives on. @default 60_000 */
  readonly maxAgeMs?: number;
  /** How soon it may be asked for again because of a claim check that it refuses, in milliseconds. @default 5000 */
  readonly minAgeMs?: number;
}

/**
 * A verifier whose keys come from elsewhere and change: a new key counts as soon as its first claim check arrives, a
 * key taken off the list is dead within `maxAgeMs`. While the list cannot be had, the last one counts.
 * @throws from `verify`: what `load` throws, if there is no list yet
 */
export function createReloadingVerifier(options: ReloadingVerifierOptions): ClaimCheckVerifier {
  const { load, clock, maxAgeMs = 60_000, minAgeMs = 5_000 } = options;
  let current: ClaimCheckVerifier | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<ClaimCheckVerifier> | undefined;

  const reload = async (): Promise<ClaimCheckVerifier> => {
    askedAtMs = clock.monotonicMs();
    try {
      current = createClaimCheckVerifier({ keys: await load(), clock });
    } catch (error) {
      if (current === undefined) {
        askedAtMs = Number.NEGATIVE_INFINITY;
        throw error;
      }
    } finally {
      asking = undefined;
    }
    return current;
  };

  const verifierNotOlderThan = async (ageMs: number): Promise<ClaimCheckVerifier> => {
    if (current !== undefined && clock.monotonicMs() - askedAtMs < ageMs) return current;
    return await (asking ??= reload());
  };

  return {
    async verify(jws) {
      const verifier = await verifierNotOlderThan(maxAgeMs);
      try {
        return await verifier.verify(jws);
      } catch (error) {
        if (!(error instanceof ClaimCheckError)) throw error;
        const newer = await verifierNotOlderThan(minAgeMs);
        if (newer === verifier) throw error;
        return await newer.verify(jws);
      }
    },
  };
}
