import type { DashboardQueryVariables, Grain, Weekday } from '../gql/graphql';
import type { View } from './view';

const MILLISECONDS_OF_A_DAY = 86_400_000;
const DAYS: Partial<Record<string, number>> = {
  TODAY: 1,
  YESTERDAY: 1,
  THIS_WEEK: 7,
  LAST_WEEK: 7,
  THIS_MONTH: 31,
  LAST_MONTH: 31,
  LAST_7_DAYS: 7,
  LAST_30_DAYS: 30,
  LAST_90_DAYS: 90,
};
/** The longest window whose hours are asked for one by one. */
export const MOST_DAYS_OF_HOURS = 92;

/** How many days a view has, about. */
export function daysOf(view: Pick<View, 'period' | 'first' | 'last'>): number {
  if (!view.first || !view.last) return DAYS[view.period] ?? 7;
  return (Date.parse(view.last) - Date.parse(view.first)) / MILLISECONDS_OF_A_DAY + 1;
}

/** The bucket that shows a window best. */
export function grainFor(days: number): Grain {
  if (days <= 2) return 'HOUR';
  if (days <= 92) return 'DAY';
  return days <= 731 ? 'WEEK' : 'MONTH';
}

/** The first day of the week where the reader lives; browsers that do not know say Monday. */
export function weekStart(locale = Intl.DateTimeFormat().resolvedOptions().locale): Weekday {
  const known = new Intl.Locale(locale) as Intl.Locale & {
    getWeekInfo?: () => { firstDay: number };
    weekInfo?: { firstDay: number };
  };
  const day = (known.getWeekInfo?.() ?? known.weekInfo)?.firstDay ?? 1;
  const names: Record<number, Weekday> = { 1: 'MONDAY', 6: 'SATURDAY', 7: 'SUNDAY' };
  return names[day] ?? 'MONDAY';
}

type Window = Pick<DashboardQueryVariables, 'period' | 'dates' | 'timeZone' | 'weekStartsOn'>;

/** The window of a view, as the API takes it. */
export function windowOf(view: View): Window & { assistantIds: number[] | null } {
  const isCustom = Boolean(view.first && view.last);
  return {
    period: isCustom ? null : view.period,
    dates: isCustom ? { first: view.first ?? '', last: view.last ?? '' } : null,
    timeZone: view.zone,
    weekStartsOn: weekStart(),
    assistantIds: view.assistants?.length ? view.assistants : null,
  };
}
