import { systemClock, type Clock } from '../../shared/clock.ts';
import type { UploadService } from './core.ts';

/** What a sweep found. */
export interface UploadSweep {
  /** Opened, never completed, and over: taken back, with every byte of them. */
  readonly aborted: readonly string[];
  /** Accepted, but not published: their news must come again, or the intake's dead-letter queue be redriven. */
  readonly stuck: readonly string[];
}

/**
 * Takes back what was opened and never completed.
 * @param options.graceMs how long after its end an upload is left alone: a PUT that began in time may still run.
 *   @default 3_600_000
 */
export async function sweepUploads(
  service: UploadService,
  options: { readonly graceMs?: number; readonly clock?: Pick<Clock, 'nowMs'> } = {},
): Promise<UploadSweep> {
  const { graceMs = 3_600_000, clock = systemClock } = options;
  const aborted: string[] = [];
  const stuck: string[] = [];
  for await (const uploadId of service.records.allOpen()) {
    const stored = await service.records.get(uploadId);
    if (stored === undefined) continue; // being opened just now
    const { record } = stored;
    if (Date.parse(record.expiresAt) + graceMs > clock.nowMs()) continue;
    if (record.state === 'accepted') stuck.push(uploadId);
    else if (record.state === 'open') {
      await service.abort(record.owner, uploadId);
      aborted.push(uploadId);
    } else await service.records.close(record);
  }
  return { aborted, stuck };
}
