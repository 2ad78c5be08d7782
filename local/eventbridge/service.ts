import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';

import type { Clock, Random } from '../../shared/clock.ts';
import { MAX_PUT_EVENTS_ENTRIES } from '../../shared/limits.ts';
import type { Logger } from '../../shared/logger.ts';
import { notImplemented, type AwsError } from '../aws-error.ts';
import type { FaultSwitch } from '../faults.ts';
import type { JsonService } from '../json-service.ts';
import { createPolicyReader } from '../resource-policy.ts';
import type { SpyRecorder } from '../spy.ts';
import { isRecord, parseJson, type JsonReply } from '../wire.ts';
import type { Replay } from './archive.ts';
import { archiveActions } from './archive-actions.ts';
import { openArchiveFiles } from './archive-files.ts';
import { busActions, busArn, type Action, type ActionContext } from './bus-actions.ts';
import { deliver } from './deliver.ts';
import { entryBytes, MAX_PUT_EVENTS_BYTES, readEntry, type ReadEntry } from './entry.ts';
import { toEnvelope, type Envelope } from './envelope.ts';
import { busNameOf, objects, requiredText, validation, type Input } from './input.ts';
import { compilePattern } from './pattern.ts';
import { replayActions } from './replay-actions.ts';
import { ruleActions } from './rule-actions.ts';
import { runReplay } from './run-replay.ts';
import type { QueueSender, ShippingContext } from './shipping.ts';
import { openEventBridgeState, type Bus, type Rule } from './state.ts';
import { targetActions } from './target-actions.ts';

/** What the service is made of. */
export interface EventBridgeOptions {
  /** Where buses, rules and targets are kept. */
  readonly dir: string;
  readonly region: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly queues: QueueSender;
  readonly spy: SpyRecorder;
  readonly faults: FaultSwitch;
  /** Spreads the retries of deliveries. @default Math.random */
  readonly random?: Random;
}

/** An event of one of the stack's own services. */
export interface OwnEvent {
  readonly source: string;
  readonly detailType: string;
  readonly detail: object;
  readonly resources: readonly string[];
  /** Epoch milliseconds. */
  readonly timeMs: number;
}

/** EventBridge of the local stack. */
export interface EventBridgeService extends JsonService {
  /**
   * Runs an action without HTTP, signature or fault.
   * @throws {AwsError} if the action refuses.
   */
  call(action: string, input: Input): Promise<object>;
  /** Publishes an event of one of the stack's own services (`aws.s3`) on the default bus. */
  publishOwn(event: OwnEvent): Promise<void>;
  hasBus(name: string): boolean;
  hasRule(bus: string, name: string): boolean;
  hasArchive(name: string): boolean;
  /** A rule of the default bus; undefined if there is none. */
  readonly rule: (name: string) => Rule | undefined;
  /** Ends retries and replays under way. */
  close(): Promise<void>;
}

const ADMIN_ACTIONS: Readonly<Record<string, Action>> = {
  ...busActions,
  ...ruleActions,
  ...targetActions,
  TestEventPattern: (input) => {
    const matches = compilePattern(requiredText(input, 'EventPattern'));
    let event: unknown;
    try {
      event = parseJson(requiredText(input, 'Event'));
    } catch {
      throw validation('Parameter Event is not valid JSON.');
    }
    if (!isRecord(event)) throw validation('Parameter Event is not a JSON object.');
    return { Result: matches(event) };
  },
};

/** Makes the EventBridge service. PutEvents answers when every target has its message. */
export async function createEventBridgeService(options: EventBridgeOptions): Promise<EventBridgeService> {
  const { region, clock, spy } = options;
  const state = await openEventBridgeState(options.dir, clock.nowMs());
  const files = openArchiveFiles(join(options.dir, 'archives'));
  const context: ActionContext = { state, region, nowMs: () => clock.nowMs() };
  const readPolicyOf = createPolicyReader();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for every retry that waits
  const background = new Set<Promise<void>>();
  const shipping: ShippingContext = {
    ...options,
    random: options.random ?? Math.random,
    background,
    closing: closing.signal,
  };

  const startReplay = (replay: Replay): void => {
    const work = runReplay(replay, state, files, shipping)
      .catch(async (error: unknown) => {
        options.logger.error({ err: error, replay: replay.name }, 'a replay broke');
        await state.putReplay({ ...replay, state: 'FAILED', stateReason: 'Internal failure.' });
      })
      .finally(() => background.delete(work));
    background.add(work);
  };
  const actions: Readonly<Record<string, Action>> = {
    ...ADMIN_ACTIONS,
    ...archiveActions(files),
    ...replayActions(startReplay),
  };

  /** Keeps events in the archives of their bus. */
  const archive = async (bus: Bus, envelopes: readonly Envelope[]): Promise<void> => {
    for (const { name, bus: source, matches } of state.archives.values()) {
      if (source !== bus.name) continue;
      const kept = envelopes.filter((envelope) => matches(envelope));
      if (kept.length > 0) await files.append(name, kept);
    }
  };

  /**
   * Accepts events of one request, in order. To publish on a bus that does not exist succeeds and does nothing:
   * that is what EventBridge does. @see https://github.com/aws/aws-sdk/issues/186
   */
  const accept = async (entries: readonly ReadEntry[]): Promise<readonly string[]> => {
    const perBus = new Map<string, Envelope[]>();
    const ids = entries.map((entry) => {
      const id = randomUUID();
      const bus = busNameOf(entry.bus);
      const envelopes = perBus.get(bus) ?? [];
      perBus.set(bus, envelopes);
      const envelope = toEnvelope({ ...entry, id, region, timeMs: entry.timeMs ?? clock.nowMs() });
      envelopes.push(envelope);
      if (!state.buses.has(bus)) return id;
      const { source, detailType, detail, detailBytes: bytes } = entry;
      spy.record({ kind: 'event', bus, id, source, detailType, bytes, detail: () => detail }, bytes);
      return id;
    });
    for (const [name, envelopes] of perBus) {
      const bus = state.buses.get(name);
      if (bus === undefined) {
        options.logger.warn({ bus: name }, 'events dropped: no such bus');
        continue;
      }
      await archive(bus, envelopes);
      await deliver(bus, envelopes, shipping);
    }
    return ids;
  };

  const putEvents = async (input: Input): Promise<object> => {
    if (input['EndpointId'] !== undefined) throw notImplemented('global endpoints');
    const entries = objects(input['Entries']);
    checkRequest(entries);
    const read = entries.map((entry) => readEntry(entry));
    const ids = await accept(read.filter((entry) => entry.ok));
    let next = 0;
    const Entries = read.map((entry) => {
      if (!entry.ok) return { ErrorCode: entry.ErrorCode, ErrorMessage: entry.ErrorMessage };
      next += 1;
      return { EventId: ids[next - 1] };
    });
    return { FailedEntryCount: read.length - ids.length, Entries };
  };

  const call = async (action: string, input: Input): Promise<object> => {
    if (action === 'PutEvents') return await putEvents(input);
    const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (run === undefined) throw notImplemented(`EventBridge ${action || 'requests without an action'}`);
    return await run(input, context);
  };

  return {
    service: 'events',
    run: async (action, input) => toReply(200, await call(action, input)),
    refuse: (error: AwsError) => toReply(error.status, { __type: error.code, message: error.message }),
    policyOf: (arn) => {
      const name = arn.slice(arn.lastIndexOf('/') + 1);
      return arn === busArn(region, name) ? readPolicyOf(arn, state.buses.get(name)?.policy) : undefined;
    },
    call,
    publishOwn: async ({ source, detailType, detail, resources, timeMs }) => {
      const Detail = JSON.stringify(detail);
      const entry = { Source: source, DetailType: detailType, Detail, Resources: resources };
      const read = readEntry(entry, true);
      if (read.ok) await accept([{ ...read, timeMs }]);
    },
    hasBus: (name) => state.buses.has(name),
    hasRule: (bus, name) => state.buses.get(bus)?.rules.has(name) ?? false,
    hasArchive: (name) => state.archives.has(name),
    rule: (name) => state.buses.get('default')?.rules.get(name),
    close: async () => {
      closing.abort(new Error('the local stack closes'));
      await Promise.all(background);
    },
  };
}

function checkRequest(entries: readonly Input[]): void {
  if (entries.length < 1 || entries.length > MAX_PUT_EVENTS_ENTRIES) {
    const [bound, length] = entries.length < 1 ? ['greater', 1] : ['less', MAX_PUT_EVENTS_ENTRIES];
    throw validation(
      `1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length ${bound} than or equal to ${length}`,
    );
  }
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  if (bytes >= MAX_PUT_EVENTS_BYTES)
    throw validation('Total size of the entries in the request is over the limit.');
}

function toReply(status: number, output: object): JsonReply {
  return {
    status,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
    body: JSON.stringify(output),
  };
}
