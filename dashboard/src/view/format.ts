// Numbers, dates and durations, as the reader's language writes them.
import type { Grain, Weekday } from '../gql/graphql';

const count = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: 'compact' });
const rate = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });
const change = new Intl.NumberFormat(undefined, {
  style: 'percent',
  maximumFractionDigits: 1,
  signDisplay: 'exceptZero',
});

export const formatCount = (value: number) => count.format(value);
export const formatCompact = (value: number) => compact.format(value);
/** A percent, 0 to 100. */
export const formatRate = (value: number) => rate.format(value / 100);
/** A share, 0 to 1, with its sign. */
export const formatChange = (value: number) => change.format(value);

const units = (['hour', 'minute', 'second'] as const).map(
  (unit) => new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'narrow' }),
);

/** Seconds, in the two largest units. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const first = parts.findIndex((part) => part > 0);
  if (first === -1) return units[2]?.format(0) ?? '';
  return parts
    .slice(first, first + 2)
    .map((part, number) => (part || !number ? units[first + number]?.format(part) : ''))
    .filter(Boolean)
    .join(' ');
}

/** An instant on the clock of a zone. */
export function formatInstant(instant: string, zone: string, style: 'time' | 'both' = 'both') {
  const date = style === 'both' ? ({ dateStyle: 'medium' } as const) : {};
  const format = new Intl.DateTimeFormat(undefined, {
    ...date,
    timeStyle: 'medium',
    timeZone: zone,
  });
  return format.format(new Date(instant));
}

const BUCKETS: Partial<Record<Grain, Intl.DateTimeFormatOptions>> = {
  HOUR: { weekday: 'short', hour: 'numeric' },
  DAY: { weekday: 'short', day: 'numeric', month: 'short' },
  WEEK: { day: 'numeric', month: 'short' },
  MONTH: { month: 'short', year: 'numeric' },
};

/** The name of a bucket, from its first instant. */
export function formatBucket(start: string, grain: Grain, zone: string): string {
  const format = new Intl.DateTimeFormat(undefined, { ...BUCKETS[grain], timeZone: zone });
  return format.format(new Date(start));
}

const WEEKDAYS: Weekday[] = [
  'MONDAY',
  'TUESDAY',
  'WEDNESDAY',
  'THURSDAY',
  'FRIDAY',
  'SATURDAY',
  'SUNDAY',
];

export function formatWeekday(weekday: Weekday, style: 'short' | 'long' = 'short'): string {
  // 1 January 2024 was a Monday.
  const day = new Date(Date.UTC(2024, 0, 1 + WEEKDAYS.indexOf(weekday)));
  return new Intl.DateTimeFormat(undefined, { weekday: style, timeZone: 'UTC' }).format(day);
}

/** The local weekday and hour of an instant that is written with its offset. */
export function localHour(instant: string): { weekday: Weekday; hour: number } {
  const day = new Date(`${instant.slice(0, 10)}T00:00:00Z`).getUTCDay();
  return { weekday: WEEKDAYS[(day + 6) % 7] as Weekday, hour: Number(instant.slice(11, 13)) };
}

export function formatHour(hour: number): string {
  const moment = new Date(Date.UTC(2024, 0, 1, hour));
  return new Intl.DateTimeFormat(undefined, { hour: 'numeric', timeZone: 'UTC' }).format(moment);
}
