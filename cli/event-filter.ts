import { InvalidArgumentError, type Command } from 'commander';
import type { EventFilterOptions } from '../producers/index.ts';
import { jsonOrFile } from './environment.ts';
import { UsageError } from './errors.ts';
import { sizeBytes } from './values.ts';

/** The filter options that `replay` and `dlq` share. */
export interface FilterFlags {
  readonly type?: readonly string[];
  readonly source?: readonly string[];
  readonly subject?: readonly string[];
  readonly id?: readonly string[];
  readonly attachment?: readonly string[];
  readonly minSize?: number;
  readonly maxSize?: number;
  readonly reason?: readonly string[];
  readonly pattern?: string;
}

/** Adds the filter options; those that take a list may be repeated, and any one of the list must fit. */
export function withFilter(command: Command): Command {
  return command
    .option('--type <glob>', "event type, such as 'invoice.*'; may be repeated", collect)
    .option('--source <glob>', 'event source; may be repeated', collect)
    .option('--subject <glob>', 'event subject; may be repeated', collect)
    .option('--id <uuid>', 'event id; may be repeated', collect)
    .option('--attachment <glob>', "an attachment's name; may be repeated", collect)
    .option('--min-size <size>', 'an attachment of at least this size', sizeBytes)
    .option('--max-size <size>', 'an attachment of at most this size', sizeBytes)
    .option('--reason <text>', 'failure code (glob), or part of the reason; may be repeated', collect)
    .option('--pattern <json|file>', 'EventBridge event pattern over the whole event');
}

/** The library's filter. @throws {UsageError} if `--pattern` is not JSON, or the sizes leave nothing */
export function filterOf(flags: FilterFlags): EventFilterOptions {
  const { type, source, subject, id, attachment, minSize, maxSize, reason, pattern } = flags;
  if (minSize !== undefined && maxSize !== undefined && minSize > maxSize)
    throw new UsageError(
      `--min-size: got ${minSize} bytes, expected at most --max-size, which is ${maxSize}`,
    );
  return {
    ...(type === undefined ? {} : { types: type }),
    ...(source === undefined ? {} : { sources: source }),
    ...(subject === undefined ? {} : { subjects: subject }),
    ...(id === undefined ? {} : { ids: id }),
    ...(attachment === undefined ? {} : { attachmentNames: attachment }),
    ...(minSize === undefined ? {} : { minAttachmentBytes: minSize }),
    ...(maxSize === undefined ? {} : { maxAttachmentBytes: maxSize }),
    ...(reason === undefined ? {} : { reasons: reason }),
    ...(pattern === undefined ? {} : { pattern: jsonOrFile('--pattern', pattern) as object }),
  };
}

/** Collects a repeated option. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  if (value === '') throw new InvalidArgumentError('expected some text');
  return [...(before ?? []), value];
}

/** `50`, `50/s`, `600/m`, `3600/h`; the result is per second. */
export function ratePerSecond(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/(s|m|h))?$/.exec(text);
  const seconds = { s: 1, m: 60, h: 3600 }[match?.[2] ?? 's'] ?? 1;
  const rate = Number(match?.[1]) / seconds;
  if (rate >= 0.001 && rate <= 1_000_000) return rate;
  throw new InvalidArgumentError('expected a rate such as 50/s, 600/m or 3600/h');
}
