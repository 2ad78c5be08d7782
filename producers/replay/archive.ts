import {
  CancelReplayCommand,
  DescribeArchiveCommand,
  DescribeReplayCommand,
  DescribeRuleCommand,
  ListRulesCommand,
  StartReplayCommand,
  type EventBridgeClient,
} from '@aws-sdk/client-eventbridge';
import { systemClock, type Clock } from '../../shared/clock.ts';
import { ReplayError } from '../../shared/errors.ts';
import { isRecord } from '../../shared/json.ts';

/** Pause between two looks at a replay, in milliseconds. */
const LOOK_MS = 2_000;

/** A replay by EventBridge itself. */
export interface ArchiveReplayOptions {
  readonly eventBridge: EventBridgeClient;
  /** Name of the archive. */
  readonly archive: string;
  /** By the events' own time, inclusive; EventBridge looks at whole minutes. */
  readonly from: Date;
  readonly to: Date;
  /** Names of the rules of the bus that shall get the events. @default - all rules */
  readonly rules?: readonly string[];
  /** 1 to 64 of `A-Z a-z 0-9 . _ -`; consumers see it as `replay-name` of the envelope. */
  readonly replayName: string;
  readonly signal?: AbortSignal;
  /** @default systemClock */
  readonly clock?: Pick<Clock, 'sleep'>;
  readonly onProgress?: (progress: ArchiveReplayProgress) => void;
}

export interface ArchiveReplayProgress {
  readonly state: string;
  /** Time of the last event that was replayed. */
  readonly lastEventAt?: string;
}

export interface ArchiveReplayReport extends ArchiveReplayProgress {
  readonly replayName: string;
  readonly archiveArn: string;
  readonly ruleArns: readonly string[];
}

/**
 * Lets EventBridge replay an archive to its own bus, and waits for the end. What it cannot do: filter otherwise than by
 * rules, keep an order, keep to a rate, mark events (`replayid`, `replayfor`). Events of the last ten minutes may not be
 * in the archive yet. An abort cancels the replay.
 * @throws {ReplayError} when the replay fails or is cancelled
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
 */
export async function replayArchive(options: ArchiveReplayOptions): Promise<ArchiveReplayReport> {
  const { eventBridge, archive, replayName, signal, clock = systemClock, onProgress = () => {} } = options;
  const abort = signal === undefined ? {} : { abortSignal: signal };
  const { ArchiveArn: archiveArn = '', EventSourceArn: busArn = '' } = await eventBridge.send(
    new DescribeArchiveCommand({ ArchiveName: archive }),
    abort,
  );
  const ruleArns: string[] = [];
  for (const Name of options.rules ?? []) {
    const { Arn = '' } = await eventBridge.send(
      new DescribeRuleCommand({ Name, EventBusName: busArn }),
      abort,
    );
    ruleArns.push(Arn);
  }
  await eventBridge.send(
    new StartReplayCommand({
      ReplayName: replayName,
      EventSourceArn: archiveArn,
      EventStartTime: options.from,
      EventEndTime: options.to,
      Destination: { Arn: busArn, ...(ruleArns.length === 0 ? {} : { FilterArns: ruleArns }) },
    }),
    abort,
  );
  try {
    for (;;) {
      const {
        State = 'UNKNOWN',
        StateReason,
        EventLastReplayedTime,
      } = await eventBridge.send(new DescribeReplayCommand({ ReplayName: replayName }), abort);
      const last = EventLastReplayedTime?.toISOString();
      const progress = { state: State, ...(last === undefined ? {} : { lastEventAt: last }) };
      onProgress(progress);
      if (State === 'COMPLETED') return { ...progress, replayName, archiveArn, ruleArns };
      if (State === 'FAILED' || State === 'CANCELLED')
        throw new ReplayError(
          `replay ${replayName} of ${archiveArn} ended as ${State}: ${StateReason ?? 'no reason given'}`,
        );
      await clock.sleep(LOOK_MS, signal);
    }
  } catch (error) {
    if (signal?.aborted === true) {
      await eventBridge.send(new CancelReplayCommand({ ReplayName: replayName })).catch(() => undefined); // may have ended
      throw signal.reason;
    }
    throw error;
  }
}

/**
 * The consumers that the rules of a bus speak of (`detail.replayfor`), each with its rules' names: what tells a
 * consumer's name from a misspelt one. Needs `events:ListRules`.
 * @param bus name or ARN
 */
export async function consumersOfBus(
  eventBridge: EventBridgeClient,
  bus: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const consumers = new Map<string, string[]>();
  let token: string | undefined;
  do {
    const { Rules = [], NextToken } = await eventBridge.send(
      new ListRulesCommand({ EventBusName: bus, ...(token === undefined ? {} : { NextToken: token }) }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    for (const { Name = '', EventPattern = '{}' } of Rules)
      for (const consumer of namesIn(JSON.parse(EventPattern), []))
        consumers.set(consumer, [...(consumers.get(consumer) ?? []), Name]);
    token = NextToken;
  } while (token !== undefined);
  return consumers;
}

/** The strings at `detail.replayfor`, also inside `$or`. */
function namesIn(pattern: unknown, path: readonly string[]): string[] {
  if (!isRecord(pattern)) return [];
  return Object.entries(pattern).flatMap(([name, value]) => {
    if (name === '$or' && Array.isArray(value)) return value.flatMap((each) => namesIn(each, path));
    if (name === 'replayfor' && path.join('.') === 'detail' && Array.isArray(value))
      return value.filter((each): each is string => typeof each === 'string');
    return namesIn(value, [...path, name]);
  });
}
