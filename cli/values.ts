import { InvalidArgumentError } from 'commander';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Parses `250ms`, `5s`, `15m`, `2h`, `7d`, or a bare number of seconds; the result is milliseconds. */
export function durationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
  if (match?.[1] === undefined) {
    throw new InvalidArgumentError('expected a duration such as 500ms, 5s, 15m, 2h or 7d');
  }
  return Number(match[1]) * (UNIT_MS[match[2] ?? 's'] ?? 1000);
}

/** The same in whole seconds, rounded up. */
export function durationSeconds(text: string): number {
  return Math.ceil(durationMs(text) / 1000);
}

/** Parses `2026-11-01`, `2026-11-01T12:00:00Z`, or a span such as `7d`, which is that long ago. */
export function instant(text: string): Date {
  if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)) return new Date(Date.now() - durationMs(text));
  const ms = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isNaN(ms)) return new Date(ms);
  throw new InvalidArgumentError(
    'expected a time such as 2026-11-01, 2026-11-01T12:00:00Z, or 7d for seven days ago',
  );
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1000,
  m: 1000 ** 2,
  g: 1000 ** 3,
  t: 1000 ** 4,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

/** Parses `1048576`, `10MB`, `16MiB`, `5GiB`; the result is bytes. */
export function sizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(|[kmgt]i?)b?$/i.exec(text);
  const unit = SIZE_UNITS[match?.[2]?.toLowerCase() ?? '?'];
  if (match?.[1] === undefined || unit === undefined) {
    throw new InvalidArgumentError('expected a size in bytes such as 1048576, 10MB or 16MiB');
  }
  return Math.floor(Number(match[1]) * unit);
}

/** Parses a whole number within bounds, both inclusive. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
  };
}

/** Bytes for people: `104.9 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

/** A span of time for people: `850 ms`, `12.3 s`, `4 min 5 s`, `2 d 3 h`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Quotes a text for a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
