import { describe, expect, it } from 'vitest';
import { hoursWithCalls, within } from './source';

const window = { start: '2026-03-02T14:30:00+00:00', end: '2026-03-10T12:00:00+00:00' };

describe('the calls of an hour of the week', () => {
  it('are in each of its hours that has calls, the latest first, as far as they are in the window', () => {
    const hours = ['2026-03-02', '2026-03-03', '2026-03-09'].map((day, number) => ({
      start: `${day}T14:00:00+00:00`,
      end: `${day}T15:00:00+00:00`,
      totalCalls: number + 1,
    }));

    expect(hoursWithCalls(hours, 'MONDAY', 14, window)).toEqual([
      { start: '2026-03-09T14:00:00+00:00', end: '2026-03-09T15:00:00+00:00' },
      { start: window.start, end: '2026-03-02T15:00:00+00:00' },
    ]);
  });

  it('are nowhere where the hours have none', () => {
    const hours = [{ start: '2026-03-09T14:00:00Z', end: '2026-03-09T15:00:00Z', totalCalls: 0 }];

    expect(hoursWithCalls(hours, 'MONDAY', 14, window)).toEqual([]);
  });
});

it('a bucket is cut at the ends of the window, whatever the offsets are', () => {
  const bucket = { start: '2026-03-10T00:00:00-05:00', end: '2026-03-11T00:00:00-05:00' };

  expect(within(bucket, window)).toEqual({ start: bucket.start, end: window.end });
});
