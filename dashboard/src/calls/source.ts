import type { InstantRange, Weekday } from '../gql/graphql';
import { localHour } from '../view/format';

interface Bucket {
  start: string;
  end: string;
  totalCalls: number;
}

/** A bucket as far as it is in a window, whose ends are instants. */
export function within(bucket: InstantRange, window: InstantRange): InstantRange {
  const isBefore = (one: string, other: string) => Date.parse(one) < Date.parse(other);
  return {
    start: isBefore(bucket.start, window.start) ? window.start : bucket.start,
    end: isBefore(window.end, bucket.end) ? window.end : bucket.end,
  };
}

/** Each hour of a window that is this hour of the week and has calls, the latest first. */
export function hoursWithCalls(
  hours: Bucket[],
  weekday: Weekday,
  hour: number,
  window: InstantRange,
): InstantRange[] {
  return hours
    .filter(({ start, totalCalls }) => {
      const local = localHour(start);
      return totalCalls > 0 && local.weekday === weekday && local.hour === hour;
    })
    .map((bucket) => within(bucket, window))
    .reverse();
}
