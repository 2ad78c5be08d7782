import type { DownloadEvent } from '../consumers/index.ts';
import type { Output, ProgressBar } from './output.ts';
import { formatBytes, formatMs } from './values.ts';

/** Shows what a download tells: a bar, and a line for each thing that a person would want to know. */
export function downloadProgress(out: Output, name: string): (event: DownloadEvent) => void {
  let bar: ProgressBar | undefined;
  let atBytes = 0;
  const say = (line: string): void => out.say(`  ${name}: ${line}`);
  return (event) => {
    switch (event.kind) {
      case 'progress':
        bar ??= out.bar(name, event.sizeBytes);
        atBytes = event.receivedBytes;
        bar.update(atBytes, '');
        break;
      case 'expired':
        say(`${event.status} ${event.code ?? ''} "${event.message ?? ''}" at byte ${event.atByte}`);
        break;
      case 'refetching':
        say(REFETCH_REASONS[event.reason]);
        break;
      case 'refetched':
        say(`fresh URL, good for ${formatMs(event.expiresAtMs - Date.now())}`);
        break;
      case 'resumed':
        say(`resumes at byte ${event.atByte}`);
        break;
      case 'retrying':
        say(`${event.reason} at byte ${event.atByte}; again in ${formatMs(event.delayMs)}`);
        break;
      case 'restarted':
        say(
          event.reason === 'range' ? 'S3 answered another range; starts again' : 'bytes differ; starts again',
        );
        break;
      case 'journal-resumed':
        say(`${formatBytes(event.bytes)} are there from an earlier run`);
        break;
      case 'verified':
        bar ??= out.bar(name, atBytes);
        bar.done(
          event.sha256
            ? 'SHA-256 verified'
            : event.crc32c
              ? 'CRC32C verified'
              : 'not verified: no digest given',
        );
        bar = undefined;
        break;
      case 'started':
      case 'verifying':
        break;
    }
  };
}

const REFETCH_REASONS = {
  'no-url': 'the event has no URL: asks the URL service',
  early: 'the URL expires soon: asks for a fresh one',
  expired: 'asks the URL service for a fresh URL',
  'signer-expired': "the signer's session ended: asks for a fresh URL",
  refused: 'refused: asks once for a fresh URL',
  missing: 'not found: asks the URL service whether it still exists',
} as const;
