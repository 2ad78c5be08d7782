import { randomUUID } from 'node:crypto';

import type { Replay } from './archive.ts';
import { pruneArchive } from './archive-actions.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { deliver } from './deliver.ts';
import type { Envelope } from './envelope.ts';
import { ruleArn } from './rule-actions.ts';
import type { ShippingContext } from './shipping.ts';
import type { EventBridgeState } from './state.ts';

/** Events delivered between two looks at whether the replay was cancelled. */
const SLICE = 100;

/**
 * Delivers archived events again, by event time, to the rules that the replay names. Each gets a new id and
 * carries the replay's name; archives do not take them again.
 */
export async function runReplay(
  replay: Replay,
  state: EventBridgeState,
  files: ArchiveFiles,
  context: ShippingContext,
): Promise<void> {
  const { name, bus: busName, filterArns } = replay;
  const current = (): Replay => state.replays.get(name) ?? replay;
  const advance = async (change: Partial<Replay>): Promise<void> =>
    await state.putReplay({ ...current(), ...change });
  const isWanted = (): boolean => current().state === 'RUNNING' && !context.closing.aborted;

  const flush = async (events: readonly Envelope[]): Promise<void> => {
    const bus = state.buses.get(busName);
    const last = events.at(-1);
    if (bus === undefined || last === undefined) return;
    await deliver(bus, events, context, (rule) =>
      filterArns === undefined ? true : filterArns.includes(ruleArn(context.region, busName, rule.name)),
    );
    await advance({ lastEventMs: Date.parse(last.time) });
  };

  if (current().state === 'STARTING') await advance({ state: 'RUNNING' });
  const archive = state.archives.get(replay.archive);
  if (archive !== undefined) await pruneArchive(archive, files, context.clock.nowMs());
  let slice: Envelope[] = [];
  for await (const event of files.read(replay.archive, replay.fromMs, replay.toMs)) {
    if (!isWanted()) break;
    const { detail, ...rest } = event;
    slice.push({ ...rest, id: randomUUID(), 'replay-name': name, detail });
    if (slice.length < SLICE) continue;
    await flush(slice);
    slice = [];
  }
  if (isWanted()) await flush(slice);
  if (context.closing.aborted) return;
  const ended = current().state === 'CANCELLING' ? 'CANCELLED' : 'COMPLETED';
  await advance({ state: ended, endedAtMs: context.clock.nowMs() });
}
