import { errorType, eventAttributes, inSpan } from '../../shared/telemetry.ts';
import { instruments } from '../../shared/telemetry-metrics.ts';
import type { WaybillEvent } from '../../shared/events/index.ts';
import type { ResolvedWorkerOptions } from './options.ts';
import type { Outcome } from './outcome.ts';
import type { QueueMessage } from './queue.ts';
import type { WorkerEvent } from './types.ts';

/** What telemetry needs to know of a worker. */
export type ObservedWorker = Pick<ResolvedWorkerOptions, 'queueUrl' | 'consumer' | 'clock'>;

/**
 * Runs the work on one message inside its span, which goes on with the trace that the event carries. A replay, which
 * may come weeks later, begins a trace of its own and links to that one.
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export async function inProcessSpan(
  worker: ObservedWorker,
  message: QueueMessage,
  event: WaybillEvent,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  const common = attributesOf(worker);
  const name = queueName(worker.queueUrl);
  const beganMs = worker.clock.monotonicMs();
  const count = (failure: Record<string, string>): void => {
    const seconds = (worker.clock.monotonicMs() - beganMs) / 1000;
    instruments().processSeconds.record(seconds, { ...common, ...failure });
  };
  const attributes = () => ({
    ...common,
    ...eventAttributes(event),
    'messaging.operation.type': 'process',
    'messaging.message.id': message.messageId,
    'messaging.message.body.size': Buffer.byteLength(message.body),
    'waybill.receive_count': message.receiveCount,
    'waybill.replay.id': event.replayid,
  });
  const trace = event.replayid === undefined ? { continues: event } : { linksTo: event };
  try {
    const outcome = await inSpan(
      `process ${name}`,
      { kind: 'consumer', attributes, ...trace },
      async (span) => {
        const decided = await work();
        span.set({ 'waybill.outcome': decided.kind });
        return decided;
      },
    );
    count({});
    return outcome;
  } catch (error) {
    count({ 'error.type': errorType(error) });
    throw error;
  }
}

/** Outcomes by the worker's event that tells of them. */
const OUTCOMES: Readonly<Partial<Record<WorkerEvent['kind'], string>>> = {
  succeeded: 'succeeded',
  duplicate: 'duplicate',
  ignored: 'ignored',
  retried: 'retried',
  postponed: 'postponed',
  unavailable: 'unavailable',
  rejected: 'rejected',
  released: 'released',
  'lease-lost': 'lease_lost',
};

/**
 * Makes metrics of what a worker tells.
 * @param inFlight messages in hand now
 */
export function workerTelemetry(
  worker: ObservedWorker,
  inFlight: () => number,
): (event: WorkerEvent) => void {
  const common = attributesOf(worker);
  const receipt = { ...common, 'messaging.operation.name': 'receive' };
  let [lastInFlight, isOpen] = [0, false];
  const circuit = (open: boolean): void => {
    if (open !== isOpen) instruments().circuitsOpen.add(open ? 1 : -1, common);
    isOpen = open;
  };
  return (event) => {
    const now = inFlight();
    if (now !== lastInFlight) instruments().inFlight.add(now - lastInFlight, common);
    lastInFlight = now;
    if (event.kind === 'received') instruments().consumed.add(1, receipt);
    if (event.kind === 'circuit-opened') circuit(true);
    if (event.kind === 'circuit-closed' || event.kind === 'stopped') circuit(false);
    const outcome = OUTCOMES[event.kind];
    if (outcome === undefined) return;
    const failure = 'code' in event ? { 'error.type': event.code } : {};
    instruments().settled.add(1, { ...common, 'waybill.outcome': outcome, ...failure });
  };
}

/** What all messages of a worker have in common. */
const attributes = new WeakMap<ObservedWorker, Readonly<Record<string, string>>>();

function attributesOf(worker: ObservedWorker): Readonly<Record<string, string>> {
  const known = attributes.get(worker);
  if (known !== undefined) return known;
  const { queueUrl, consumer } = worker;
  const made = {
    'messaging.system': 'aws_sqs',
    'messaging.operation.name': 'process',
    'messaging.destination.name': queueName(queueUrl),
    ...(consumer === undefined ? {} : { 'messaging.consumer.group.name': consumer }),
  };
  attributes.set(worker, made);
  return made;
}

/** The last segment of a queue's URL. */
export function queueName(queueUrl: string): string {
  return queueUrl.slice(queueUrl.lastIndexOf('/') + 1);
}
