const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `5 MiB`, `1.4 GiB`. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `12 s`, `3 min`, `2 h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dateAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** The time of day; with its date when that is not today. */
export function formatInstant(instant: string | number): string {
  const date = new Date(instant);
  const today = date.toDateString() === new Date().toDateString();
  return (today ? clock : dateAndClock).format(date);
}
