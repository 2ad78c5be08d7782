import { startSpan, type TelemetrySpan } from '../../shared/telemetry.ts';
import { instruments } from '../../shared/telemetry-metrics.ts';
import type { DownloadEvent } from './result.ts';
import type { ObjectIdentity, Transfer } from './transfer.ts';

/** Begins the span of one download. */
export function startDownloadSpan({ store, key, sizeBytes }: ObjectIdentity): TelemetrySpan {
  const attributes = { 'waybill.store': store, 'aws.s3.key': key, 'waybill.attachment.size': sizeBytes };
  return startSpan('waybill.download', { attributes });
}

/** Ends it, and counts what the download did. */
export function endDownloadSpan({
  meter,
  identity,
  clock,
  startedMs,
}: Pick<Transfer, 'meter' | 'identity' | 'clock' | 'startedMs'>): void {
  const { span, fetchedBytes, refetches, retries, restarts, journalBytes } = meter;
  span.set({
    'waybill.download.fetched_bytes': fetchedBytes,
    'waybill.download.resumed_bytes': journalBytes,
    'waybill.download.refetches': refetches,
    'waybill.download.retries': retries,
    'waybill.download.restarts': restarts,
  });
  span.end();
  const attributes = { 'waybill.store': identity.store };
  const { downloadBytes, downloadSeconds, retries: counted } = instruments();
  downloadBytes.add(fetchedBytes, attributes);
  downloadSeconds.record((clock.monotonicMs() - startedMs) / 1000, attributes);
  if (retries > 0) counted.add(retries, attributes);
}

/** What a download tells, as a moment of its span. */
export function tellDownloadSpan(span: TelemetrySpan, event: DownloadEvent): void {
  switch (event.kind) {
    case 'expired':
    case 'resumed':
      return span.event(`waybill.download.${event.kind}`, { 'waybill.byte': event.atByte });
    case 'retrying':
      return span.event('waybill.download.retrying', {
        'waybill.byte': event.atByte,
        'waybill.attempt': event.attempt,
        'waybill.reason': event.reason,
      });
    case 'restarted':
      return span.event('waybill.download.restarted', { 'waybill.reason': event.reason });
    case 'journal-resumed':
      return span.event('waybill.download.journal_resumed', { 'waybill.bytes': event.bytes });
    case 'started':
    case 'progress':
    case 'refetching':
    case 'refetched':
    case 'verifying':
    case 'verified':
      return;
  }
}
