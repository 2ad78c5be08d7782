import { crc32cToBase64 } from '../../shared/crc32c.ts';
import { sameDigest } from '../../shared/digest.ts';
import { ChecksumMismatchError } from '../../shared/errors.ts';
import { RestartNeeded } from './restart.ts';
import type { DownloadResult } from './result.ts';
import type { Transfer } from './transfer.ts';
import type { Sums } from './verifier.ts';

type Summed = Pick<Transfer, 'identity' | 'options' | 'meter'>;

/**
 * Compares what was summed with what the event says, as far as it says and `verify` asks.
 * @returns what was compared and found equal
 * @throws {RestartNeeded} holding a ChecksumMismatchError
 */
export function checkSums(transfer: Summed, sums: Sums): DownloadResult['verified'] {
  const { identity, options, meter } = transfer;
  const compareCrc = options.verify.crc32c && identity.crc32c !== undefined;
  const compareDigest = sums.digest !== undefined && identity.digest !== undefined;
  const crc = crc32cToBase64(sums.crc32c);
  if (compareCrc && crc !== identity.crc32c) throw mismatch(transfer, 'CRC32C', identity.crc32c, crc);
  if (compareDigest && !sameDigest(sums.digest, identity.digest)) {
    throw mismatch(transfer, 'digest', identity.digest, sums.digest);
  }
  meter.emit({ kind: 'verified', sha256: compareDigest, crc32c: compareCrc });
  return { sha256: compareDigest, crc32c: compareCrc };
}

/** What a finished download says of itself. */
export function toResult(
  transfer: Transfer,
  sums: Sums,
  verified: DownloadResult['verified'],
): DownloadResult {
  const { meter, identity, clock } = transfer;
  return {
    ...meter.totals(identity.sizeBytes),
    digest: sums.digest,
    crc32c: crc32cToBase64(sums.crc32c),
    verified,
    etag: identity.etag,
    durationMs: clock.monotonicMs() - transfer.startedMs,
  };
}

function mismatch(transfer: Summed, what: string, expected: string | undefined, got: string): RestartNeeded {
  const { label, store, key, sizeBytes } = transfer.identity;
  return new RestartNeeded(
    'checksum',
    new ChecksumMismatchError(`GET ${label}: expected ${what} ${expected ?? ''}, got ${got}`, {
      details: { store, key, sizeBytes, expected, got },
    }),
  );
}
