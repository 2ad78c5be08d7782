import { AwsError } from '../aws-error.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import { isRecord } from '../wire.ts';
import type { Replay } from './archive.ts';
import { archiveArn, archiveOf } from './archive-actions.ts';
import { busArn, type Action, type ActionContext } from './bus-actions.ts';
import { readTime } from './entry.ts';
import {
  busNameOf,
  optionalText,
  paginate,
  requiredName,
  requiredText,
  validation,
  type Input,
} from './input.ts';

/** Actions on replays; `start` runs one in the background. */
export function replayActions(start: (replay: Replay) => void): Readonly<Record<string, Action>> {
  return {
    StartReplay: async (input, context) => {
      const { state, region } = context;
      const name = requiredName(input, 'ReplayName', 64);
      if (state.replays.has(name))
        throw new AwsError('ResourceAlreadyExistsException', `Replay ${name} already exists.`);
      const source = requiredText(input, 'EventSourceArn');
      const archive = archiveOf(source.replace(/^arn:.*:archive\//, ''), context);
      const destination = isRecord(input['Destination']) ? input['Destination'] : {};
      const busOfReplay = busNameOf(requiredText(destination, 'Arn'));
      if (busOfReplay !== archive.bus)
        throw validation(
          'Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.',
        );
      const [fromMs, toMs] = [instant(input, 'EventStartTime'), instant(input, 'EventEndTime')];
      if (fromMs >= toMs)
        throw validation(
          'Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.',
        );
      const description = optionalText(input, 'Description');
      const replay: Replay = {
        name,
        archive: archive.name,
        bus: archive.bus,
        fromMs,
        toMs,
        state: 'STARTING',
        startedAtMs: context.nowMs(),
        ...(description === undefined ? {} : { description }),
        ...filterOf(destination, context, archive.bus),
      };
      await state.putReplay(replay);
      start(replay);
      return {
        ReplayArn: replayArn(region, name),
        State: 'STARTING',
        ReplayStartTime: replay.startedAtMs / 1_000,
      };
    },

    DescribeReplay: (input, context) => {
      const replay = replayOf(requiredName(input, 'ReplayName', 64), context);
      const { region } = context;
      const { filterArns } = replay;
      return {
        ReplayArn: replayArn(region, replay.name),
        ...describe(replay, region),
        ...(replay.description === undefined ? {} : { Description: replay.description }),
        Destination: {
          Arn: busArn(region, replay.bus),
          ...(filterArns === undefined ? {} : { FilterArns: filterArns }),
        },
      };
    },

    ListReplays: (input, { state, region }) => {
      const [prefix, wanted] = [optionalText(input, 'NamePrefix') ?? '', optionalText(input, 'State')];
      const source = optionalText(input, 'EventSourceArn');
      const found = [...state.replays.values()].filter(
        ({ name, state: is, archive }) =>
          name.startsWith(prefix) &&
          (wanted === undefined || is === wanted) &&
          (source === undefined || source === archiveArn(region, archive)),
      );
      const { page, more } = paginate(found, input);
      return { Replays: page.map((replay) => describe(replay, region)), ...more };
    },

    CancelReplay: async (input, context) => {
      const replay = replayOf(requiredName(input, 'ReplayName', 64), context);
      if (replay.state !== 'STARTING' && replay.state !== 'RUNNING')
        throw new AwsError('IllegalStatusException', `Replay ${replay.name} is not in a valid state.`);
      await context.state.putReplay({ ...replay, state: 'CANCELLING' });
      return { ReplayArn: replayArn(context.region, replay.name), State: 'CANCELLING' };
    },
  };
}

function replayArn(region: string, name: string): string {
  return `arn:aws:events:${region}:${LOCAL_ACCOUNT_ID}:replay/${name}`;
}

function replayOf(name: string, { state }: ActionContext): Replay {
  const replay = state.replays.get(name);
  if (replay !== undefined) return replay;
  throw new AwsError('ResourceNotFoundException', `Replay ${name} does not exist.`);
}

function instant(input: Input, field: string): number {
  const timeMs = input[field] === undefined ? Number.NaN : readTime(input[field]);
  if (Number.isNaN(timeMs))
    throw validation(`Parameter ${field} is not valid. Reason: a time stamp is required.`);
  return timeMs;
}

function filterOf(
  destination: Input,
  { state, region }: ActionContext,
  bus: string,
): Pick<Replay, 'filterArns'> {
  const arns: unknown = destination['FilterArns'];
  if (!Array.isArray(arns) || arns.length === 0) return {};
  const prefix = `arn:aws:events:${region}:${LOCAL_ACCOUNT_ID}:rule/${bus === 'default' ? '' : `${bus}/`}`;
  for (const arn of arns)
    if (typeof arn !== 'string' || !arn.startsWith(prefix))
      throw validation(
        'Parameter Destination.FilterArns is not valid. Reason: it must name rules of the bus.',
      );
    else state.rule(bus, arn.slice(prefix.length));
  return { filterArns: arns as string[] };
}

function describe(replay: Replay, region: string): object {
  const { stateReason, endedAtMs, lastEventMs } = replay;
  return {
    ReplayName: replay.name,
    EventSourceArn: archiveArn(region, replay.archive),
    State: replay.state,
    ...(stateReason === undefined ? {} : { StateReason: stateReason }),
    EventStartTime: replay.fromMs / 1_000,
    EventEndTime: replay.toMs / 1_000,
    ...(lastEventMs === undefined ? {} : { EventLastReplayedTime: lastEventMs / 1_000 }),
    ReplayStartTime: replay.startedAtMs / 1_000,
    ...(endedAtMs === undefined ? {} : { ReplayEndTime: endedAtMs / 1_000 }),
  };
}
