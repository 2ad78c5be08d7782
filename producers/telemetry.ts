import type { Clock } from '../shared/clock.ts';
import { activeTrace, errorType, inSpan, type TelemetrySpan } from '../shared/telemetry.ts';
import { instruments } from '../shared/telemetry-metrics.ts';
import type { PublishInput } from './publish-input.ts';
import type { UploadResult } from './upload/index.ts';

/** Where an event goes. */
export interface PublishDestination {
  readonly bus: string;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** The semantic conventions have no name for EventBridge; it is formed like theirs. */
const SYSTEM = 'aws.eventbridge';

/**
 * Runs one publish inside its span, and counts it. The span's context goes into the event, unless the caller gave
 * one: consumers go on with the trace from there.
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export async function inPublishSpan<T>(
  { bus, clock }: PublishDestination,
  input: PublishInput,
  publish: (input: PublishInput, span: TelemetrySpan) => Promise<T>,
): Promise<T> {
  const common = {
    'messaging.system': SYSTEM,
    'messaging.operation.name': 'send',
    'messaging.destination.name': bus,
  };
  const startedMs = clock.monotonicMs();
  const count = (failure: Record<string, string>): void => {
    const attributes = { ...common, ...failure };
    instruments().sent.add(1, attributes);
    instruments().operationSeconds.record((clock.monotonicMs() - startedMs) / 1000, attributes);
  };
  try {
    const result = await inSpan(
      `send ${bus}`,
      { kind: 'producer', attributes: { ...common, 'messaging.operation.type': 'send' } },
      async (span) => {
        const trace = input.traceparent === undefined ? activeTrace() : {};
        return await publish({ ...input, ...trace }, span);
      },
    );
    count({});
    return result;
  } catch (error) {
    count({ 'error.type': errorType(error) });
    throw error;
  }
}

/** Runs one upload inside its span. */
export async function inUploadSpan<T extends Pick<UploadResult, 'size' | 'parts' | 'resumedParts'>>(
  { store, key }: { readonly store: string; readonly key: string },
  upload: () => Promise<T>,
): Promise<T> {
  const attributes = { 'waybill.store': store, 'aws.s3.key': key };
  return await inSpan('waybill.upload', { attributes }, async (span) => {
    const stored = await upload();
    span.set({
      'waybill.attachment.size': stored.size,
      'waybill.upload.parts': stored.parts,
      'waybill.upload.resumed_parts': stored.resumedParts,
    });
    return stored;
  });
}

/** Counts one upload that S3 has taken. */
export function countUpload(store: string, bytes: number, durationMs: number): void {
  const attributes = { 'waybill.store': store };
  instruments().uploadBytes.add(bytes, attributes);
  instruments().uploadSeconds.record(durationMs / 1000, attributes);
}
