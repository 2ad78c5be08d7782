import type { DownloadEvent, WorkerEvent } from '../consumers/index.ts';
import { downloadProgress } from './download-progress.ts';
import type { Output } from './output.ts';
import { formatMs } from './values.ts';

/** Bars and lines for the downloads of every message, and a line for whatever goes wrong. */
export function showWorker(out: Output): (event: WorkerEvent) => void {
  const show = showDownloads(out);
  return (event) => {
    show(event);
    switch (event.kind) {
      case 'rejected':
        out.say(
          `rejected ${event.eventId ?? event.messageId}: ${event.reason} [${event.code}]; it is in the dead-letter queue`,
        );
        out.emit({
          type: 'rejected',
          messageId: event.messageId,
          eventId: event.eventId,
          code: event.code,
          reason: event.reason,
        });
        break;
      case 'retried':
      case 'unavailable':
        out.say(
          `${event.kind} ${event.eventId ?? event.messageId}: ${event.reason} [${event.code}]; again in ${event.delaySeconds} s`,
        );
        out.emit({
          type: event.kind,
          messageId: event.messageId,
          eventId: event.eventId,
          code: event.code,
          reason: event.reason,
        });
        break;
      case 'receive-failed':
        out.say(`cannot receive: ${event.reason}; again in ${formatMs(event.delayMs)}`);
        break;
      case 'lease-lost':
        out.say(`lost the lease of ${event.eventId ?? event.messageId}: ${event.reason}`);
        break;
      case 'circuit-opened':
        // A queue that does not answer is told as `cannot receive` each time.
        if (!event.code.startsWith('queue-'))
          out.say(`waiting ${formatMs(event.delayMs)}: ${event.reason} [${event.code}]`);
        out.emit({ type: 'circuit-opened', code: event.code, reason: event.reason });
        break;
      case 'circuit-closed':
        out.say(`going on after ${formatMs(event.openMs)}`);
        out.emit({ type: 'circuit-closed' });
        break;
      case 'duplicate':
        out.say(`deleted ${event.eventId ?? event.messageId}: it was handled before`);
        out.emit({ type: 'duplicate', messageId: event.messageId, eventId: event.eventId });
        break;
      case 'postponed':
        out.say(
          `${event.eventId ?? event.messageId} has to wait: ${event.reason}; again in ${event.delaySeconds} s`,
        );
        break;
      case 'download':
      case 'started':
      case 'received':
      case 'extended':
      case 'succeeded':
      case 'ignored':
      case 'released':
      case 'circuit-probing':
      case 'stopping':
      case 'stopped':
        break;
    }
  };
}

/** Bars and lines for the downloads of every message. */
export function showDownloads(out: Output): (event: WorkerEvent) => void {
  const downloads = new Map<string, (event: DownloadEvent) => void>();
  return (event) => {
    if (event.kind !== 'download') return;
    const key = `${event.messageId} ${event.attachment.id}`;
    const show = downloads.get(key) ?? downloadProgress(out, event.attachment.name);
    downloads.set(key, show);
    show(event.event);
    if (event.event.kind === 'verified') downloads.delete(key);
  };
}
