import { expect, it } from 'vitest';
import { exportPath } from './download';

const view = { zone: 'Europe/Berlin', status: null };
const query = (path: string) => [...new URL(path, 'http://x').searchParams];

it.each([
  ['LAST_7_DAYS', '7d'],
  ['LAST_1_DAY', '1d'],
  ['THIS_WEEK', 'this_week'],
] as const)('the file of %s is asked for as %s', (period, name) => {
  expect(query(exportPath('csv', { period }, view, null))).toEqual([
    ['format', 'csv'],
    ['time_zone', 'Europe/Berlin'],
    ['period', name],
  ]);
});

it('a file has the window, the assistants and the status of the list', () => {
  const instants = { start: '2026-03-09T00:00:00+01:00', end: '2026-03-10T00:00:00+01:00' };

  expect(query(exportPath('jsonl', { instants }, { ...view, status: 'failed' }, [3, 4]))).toEqual([
    ['format', 'jsonl'],
    ['time_zone', 'Europe/Berlin'],
    ['start', instants.start],
    ['end', instants.end],
    ['assistant_id', '3'],
    ['assistant_id', '4'],
    ['status', 'failed'],
  ]);
});
