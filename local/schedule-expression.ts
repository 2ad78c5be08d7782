/** When a schedule is due. */
export interface Schedule {
  /** The first due instant after `afterMs`, epoch milliseconds; undefined if there is none any more. */
  next(afterMs: number): number | undefined;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { minute: MINUTE_MS, hour: 3_600_000, day: DAY_MS };
const MONTHS = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ');
const WEEKDAYS = 'SUN MON TUE WED THU FRI SAT'.split(' ');

/** A date, for fields that look at the whole of it; weekdays count from 1, Sunday. */
interface Day {
  readonly year: number;
  readonly month: number;
  readonly date: number;
  readonly weekday: number;
  readonly lastDate: number;
}

type DayTest = (day: Day) => boolean;

/**
 * Reads `rate(5 minutes)` or `cron(0 12 ? * MON-FRI *)`, in UTC.
 * @param startMs from when a rate counts, epoch milliseconds. @default 0
 * @returns undefined if the text is no such expression.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export function parseSchedule(expression: string, startMs: number = 0): Schedule | undefined {
  const rate = /^rate\(([1-9]\d*) (minute|hour|day)(s?)\)$/.exec(expression);
  if (rate !== null) {
    const [, count = '', unit = '', plural = ''] = rate;
    if ((count === '1') !== (plural === '')) return undefined; // "1 minute", "2 minutes": EventBridge insists
    const everyMs = Number(count) * (UNITS[unit] ?? DAY_MS);
    return { next: (afterMs) => startMs + (Math.floor((afterMs - startMs) / everyMs) + 1) * everyMs };
  }
  const cron = /^cron\((.+)\)$/.exec(expression)?.[1]?.split(/\s+/);
  return cron?.length === 6 ? parseCron(cron) : undefined;
}

function parseCron(fields: readonly string[]): Schedule | undefined {
  const [minute = '', hour = '', date = '', month = '', weekday = '', year = ''] = fields;
  if ((date === '?') === (weekday === '?')) return undefined; // one of both, and only one, must be left open
  const minutes = numbers(minute, 0, 59);
  const hours = numbers(hour, 0, 23);
  const months = numbers(month, 1, 12, MONTHS);
  const years = numbers(year, 1970, 2199);
  const dates = date === '?' ? () => true : dateTest(date);
  const weekdays = weekday === '?' ? () => true : weekdayTest(weekday);
  if ([minutes, hours, months, years, dates, weekdays].includes(undefined)) return undefined;
  const isDue: DayTest = (day) =>
    years?.has(day.year) === true &&
    months?.has(day.month) === true &&
    dates?.(day) === true &&
    weekdays?.(day) === true;
  const times = [...(hours ?? [])].flatMap((h) => [...(minutes ?? [])].map((m) => (h * 60 + m) * MINUTE_MS));
  times.sort((a, b) => a - b);
  const lastMs = Date.UTC(Math.max(...(years ?? [])) + 1, 0);
  return {
    next: (afterMs) => {
      for (let dayMs = Math.floor(afterMs / DAY_MS) * DAY_MS; dayMs < lastMs; dayMs += DAY_MS) {
        if (!isDue(dayOf(dayMs))) continue;
        const due = times.find((time) => dayMs + time > afterMs);
        if (due !== undefined) return dayMs + due;
      }
      return undefined;
    },
  };
}

/** `*`, or a list of numbers, names, ranges and steps; undefined if it is none. */
function numbers(
  field: string,
  min: number,
  max: number,
  names: readonly string[] = [],
): ReadonlySet<number> | undefined {
  const valueOf = (text: string): number => {
    const index = names.indexOf(text.toUpperCase());
    return index < 0 ? (/^\d+$/.test(text) ? Number(text) : Number.NaN) : index + min;
  };
  const found = new Set<number>();
  for (const item of field.split(',')) {
    const [range = '', step, ...more] = item.split('/');
    const [low = '', high, ...rest] = range === '*' ? [String(min), String(max)] : range.split('-');
    const from = valueOf(low);
    const to = high === undefined ? (step === undefined ? from : max) : valueOf(high);
    const by = step === undefined ? 1 : Number(step);
    const isRange = from >= min && to <= max && from <= to && Number.isInteger(by) && by > 0;
    if (!isRange || more.length > 0 || rest.length > 0) return undefined;
    for (let value = from; value <= to; value += by) found.add(value);
  }
  return found;
}

/** Day of the month: also `L`, the last, and `15W`, the weekday nearest to the 15th. */
function dateTest(field: string): DayTest | undefined {
  if (field === 'L') return ({ date, lastDate }) => date === lastDate;
  const nearest = /^(\d{1,2})W$/.exec(field)?.[1];
  if (nearest !== undefined) {
    const wanted = Number(nearest);
    return (day) => day.date === nearestWeekday(day, wanted);
  }
  const dates = numbers(field, 1, 31);
  return dates === undefined ? undefined : ({ date }) => dates.has(date);
}

function nearestWeekday({ year, month, lastDate }: Day, wanted: number): number {
  const weekday = new Date(Date.UTC(year, month - 1, wanted)).getUTCDay();
  if (weekday === 6) return wanted === 1 ? 3 : wanted - 1;
  if (weekday === 0) return wanted === lastDate ? wanted - 2 : wanted + 1;
  return wanted;
}

/** Day of the week: also `6L`, the last Friday of the month, and `2#1`, its first Monday. */
function weekdayTest(field: string): DayTest | undefined {
  const [, lastOf] = /^([1-7]|[A-Z]{3})L$/i.exec(field) ?? [];
  const [, of, nth] = /^([1-7]|[A-Z]{3})#([1-5])$/i.exec(field) ?? [];
  const days = numbers(lastOf ?? of ?? (field === 'L' ? 'SAT' : field), 1, 7, WEEKDAYS);
  if (days === undefined) return undefined;
  if (lastOf !== undefined) return ({ weekday, date, lastDate }) => days.has(weekday) && date + 7 > lastDate;
  if (nth !== undefined)
    return ({ weekday, date }) => days.has(weekday) && Math.ceil(date / 7) === Number(nth);
  return ({ weekday }) => days.has(weekday);
}

function dayOf(ms: number): Day {
  const date = new Date(ms);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + 1];
  const lastDate = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return { year, month, date: date.getUTCDate(), weekday: date.getUTCDay() + 1, lastDate };
}
