import { UsageError } from './errors.ts';
import type { FilterFlags } from './event-filter.ts';

/** The options of `waybill replay`. */
export interface ReplayFlags extends FilterFlags {
  readonly from?: Date;
  readonly to?: Date;
  readonly producer?: string;
  readonly dlq?: string | true;
  readonly remove?: boolean;
  readonly archive?: string;
  readonly rule?: readonly string[];
  readonly file?: string;
  readonly consumer?: string;
  readonly again?: boolean;
  readonly unhandledOnly?: boolean;
  readonly skipGone?: boolean;
  readonly dryRun?: boolean;
  readonly resume?: string;
  readonly rate: number;
  readonly limit?: number;
  readonly url: boolean;
  readonly urlTtl: number;
  readonly stores?: string;
  readonly control?: string;
  readonly bus?: string;
  readonly region?: string;
}

/** What `--resume` takes from the replay's own plan, and so cannot be given beside it. */
const PLANNED = [
  [
    'from',
    'to',
    'producer',
    'dlq',
    'remove',
    'archive',
    'rule',
    'file',
    'consumer',
    'again',
    'unhandledOnly',
  ],
  ['skipGone', 'dryRun', 'limit', 'type', 'source', 'subject', 'id', 'attachment', 'minSize', 'maxSize'],
  ['reason', 'pattern'],
].flat() as readonly (keyof ReplayFlags)[];

/** @throws {UsageError} naming the option that does not go with another */
export function checkFlags(flags: ReplayFlags): void {
  const present = (names: readonly (keyof ReplayFlags)[]): string[] =>
    names.filter((name) => flags[name] !== undefined).map((name) => flagName(name));
  const sources = present(['dlq', 'archive', 'file']);
  if (sources.length > 1) throw new UsageError(`${sources.join(', ')}: got several sources, expected one`);
  if (flags.resume !== undefined) {
    const [planned] = present(PLANNED);
    if (planned !== undefined)
      throw new UsageError(`${planned}: got it beside --resume, which takes it from the replay's own plan`);
    return;
  }
  if (flags.dlq === undefined && flags.file === undefined && flags.from === undefined)
    throw new UsageError('--from: missing; say from when on, such as --from 2026-11-01 or --from 24h');
  if (flags.from !== undefined && flags.from >= (flags.to ?? new Date()))
    throw new UsageError(`--from: got ${flags.from.toISOString()}, expected a time before --to`);
  if (flags.remove === true && flags.dlq === undefined)
    throw new UsageError('--remove: expected --dlq beside it');
  if (flags.rule !== undefined && flags.archive === undefined)
    throw new UsageError('--rule: expected --archive beside it');
  if (flags.unhandledOnly === true && flags.consumer === undefined)
    throw new UsageError('--unhandled-only: expected --consumer beside it');
  if (flags.unhandledOnly === true && flags.again === true)
    throw new UsageError('--again: got it beside --unhandled-only, expected one of the two');
  if (flags.reason !== undefined && flags.dlq === undefined)
    throw new UsageError('--reason: expected --dlq beside it; only dead letters have one');
  const timed = present(['from', 'to']);
  if (timed.length > 0 && (flags.dlq !== undefined || flags.file !== undefined))
    throw new UsageError(`${timed[0]}: got it beside ${sources[0]}, which has no times to choose by`);
}

/** An option as it is written: `unhandledOnly` → `--unhandled-only`. */
export function flagName(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
