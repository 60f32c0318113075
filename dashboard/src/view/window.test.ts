import { describe, expect, it } from 'vitest';
import type { View } from './view';
import { daysOf, grainFor, weekStart, windowOf } from './window';

const view = { period: 'LAST_7_DAYS', first: null, last: null, zone: 'UTC' } as View;

describe('a window', () => {
  it('is a period, or dates where both are given', () => {
    expect(windowOf(view)).toMatchObject({ period: 'LAST_7_DAYS', dates: null });
    expect(windowOf({ ...view, first: '2026-03-01', last: '2026-03-09' })).toMatchObject({
      period: null,
      dates: { first: '2026-03-01', last: '2026-03-09' },
    });
  });

  it('has all assistants where none is chosen', () => {
    expect(windowOf({ ...view, assistants: [] }).assistantIds).toBeNull();
    expect(windowOf({ ...view, assistants: [3] }).assistantIds).toEqual([3]);
  });

  it('has a length in days, both ends included', () => {
    expect(daysOf(view)).toBe(7);
    expect(daysOf({ ...view, first: '2026-03-01', last: '2026-03-01' })).toBe(1);
  });

  it.each([
    [1, 'HOUR'],
    [7, 'DAY'],
    [92, 'DAY'],
    [93, 'WEEK'],
    [732, 'MONTH'],
  ])('of %i days is cut into buckets of a %s', (days, grain) => {
    expect(grainFor(days)).toBe(grain);
  });

  it('begins its weeks as the language does', () => {
    expect(weekStart('en-US')).toBe('SUNDAY');
    expect(weekStart('de-DE')).toBe('MONDAY');
  });
});
