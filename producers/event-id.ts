import { v7 } from 'uuid';
import type { Clock, Random } from '../shared/clock.ts';

/**
 * Mints an event id, a UUIDv7, once per event and before its upload.
 * @param random bytes come from it if given. @default - the machine's cryptographic source
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
export function mintEventId(clock: Pick<Clock, 'nowMs'>, random?: Random): string {
  const msecs = clock.nowMs();
  if (random === undefined) return v7({ msecs });
  return v7({ msecs, random: Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)) });
}

/** When a UUIDv7 was minted, in milliseconds since the epoch. */
export function mintedAtMs(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
