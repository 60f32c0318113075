import { describe, expect, it } from 'vitest';
import { formatDuration, formatWeekday, localHour } from './format';

describe('a duration', () => {
  it.each([
    [0, '0s'],
    [59.6, '1m'],
    [75, '1m 15s'],
    [3600, '1h'],
    [3661, '1h 1m'],
    [410_399, '113h 59m'],
  ])('of %f seconds is %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('an instant with its offset', () => {
  it('tells the local weekday and hour', () => {
    expect(localHour('2026-03-09T14:00:00-04:00')).toEqual({ weekday: 'MONDAY', hour: 14 });
    expect(localHour('2026-03-08T00:00:00+13:45')).toEqual({ weekday: 'SUNDAY', hour: 0 });
  });
});

it('weekdays have their names', () => {
  expect(formatWeekday('MONDAY', 'long')).toBe('Monday');
  expect(formatWeekday('SUNDAY', 'long')).toBe('Sunday');
});
