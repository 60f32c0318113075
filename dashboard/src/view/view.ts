import {
  parseAsArrayOf,
  parseAsInteger,
  parseAsString,
  parseAsStringLiteral,
  type UrlKeys,
  useQueryStates,
} from 'nuqs';
import type { AssistantOrderField, Grain, Period } from '../gql/graphql';

export const PERIODS = {
  TODAY: 'Today',
  YESTERDAY: 'Yesterday',
  THIS_WEEK: 'This week',
  LAST_WEEK: 'Last week',
  THIS_MONTH: 'This month',
  LAST_MONTH: 'Last month',
  LAST_7_DAYS: 'Last 7 days',
  LAST_30_DAYS: 'Last 30 days',
  LAST_90_DAYS: 'Last 90 days',
} satisfies Partial<Record<Period, string>>;
export const GRAINS: Partial<Record<Grain, string>> = {
  HOUR: 'Hours',
  DAY: 'Days',
  WEEK: 'Weeks',
  MONTH: 'Months',
};
export const ORDERS = [
  'NAME',
  'TOTAL_CALLS',
  'COMPLETED_CALLS',
  'FAILED_CALLS',
  'ONGOING_CALLS',
  'SUCCESS_RATE',
  'FAILURE_RATE',
  'AVG_DURATION',
  'TOTAL_DURATION',
] as const satisfies readonly AssistantOrderField[];
/** Seconds between two refreshes; 0 is none. */
export const REFRESHES = { 0: 'Off', 10: '10 s', 60: '1 min' };

const periods = Object.keys(PERIODS) as (keyof typeof PERIODS)[];
const grains = Object.keys(GRAINS) as Grain[];

const parsers = {
  period: parseAsStringLiteral(periods).withDefault('LAST_7_DAYS'),
  first: parseAsString,
  last: parseAsString,
  zone: parseAsString.withDefault(Intl.DateTimeFormat().resolvedOptions().timeZone),
  assistants: parseAsArrayOf(parseAsInteger),
  grain: parseAsStringLiteral(grains),
  order: parseAsStringLiteral(ORDERS).withDefault('TOTAL_CALLS'),
  direction: parseAsStringLiteral(['ASC', 'DESC'] as const).withDefault('DESC'),
  refresh: parseAsInteger.withDefault(0),
  // Which calls are listed beside the figures.
  calls: parseAsStringLiteral(['all', 'bucket', 'hour'] as const),
  start: parseAsString,
  end: parseAsString,
  weekday: parseAsString,
  hour: parseAsInteger,
  status: parseAsString,
  of: parseAsInteger,
};
const names: UrlKeys<typeof parsers> = { of: 'assistant' };

/** What the page shows. It is all in the address, so that a view can be sent to somebody. */
export function useView() {
  const [view, change] = useQueryStates(parsers, { history: 'push', urlKeys: names });
  return { view, change };
}

export type View = ReturnType<typeof useView>['view'];
export type Change = ReturnType<typeof useView>['change'];

export const NO_CALLS = {
  calls: null,
  start: null,
  end: null,
  weekday: null,
  hour: null,
  status: null,
  of: null,
} as const;
