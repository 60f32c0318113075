import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { ask } from '../api/ask';
import { graphql } from '../gql';
import type { CallsQueryVariables, InstantRange, Weekday } from '../gql/graphql';
import type { View } from '../view/view';
import { windowOf } from '../view/window';
import { hoursWithCalls, within } from './source';

const Calls = graphql(`
  query Calls(
    $period: Period
    $dates: DateRange
    $instants: InstantRange
    $timeZone: TimeZone!
    $weekStartsOn: Weekday!
    $assistantIds: [Int!]
    $statuses: [String!]
    $after: String
  ) {
    callAnalytics(
      period: $period
      dates: $dates
      instants: $instants
      timeZone: $timeZone
      weekStartsOn: $weekStartsOn
      assistantIds: $assistantIds
    ) {
      calls(first: 50, after: $after, statuses: $statuses) {
        totalCount
        nodes {
          id
          callSid
          assistant { name }
          toPhoneNumber
          customerPhoneNumber
          status
          duration
          startedAt
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);
const Hours = graphql(`
  query Hours(
    $period: Period
    $dates: DateRange
    $timeZone: TimeZone!
    $weekStartsOn: Weekday!
    $assistantIds: [Int!]
  ) {
    callAnalytics(
      period: $period
      dates: $dates
      timeZone: $timeZone
      weekStartsOn: $weekStartsOn
      assistantIds: $assistantIds
    ) {
      series(grain: HOUR) { start end totalCalls }
    }
  }
`);

/** What is asked for in turn: the calls of each of these windows. */
type Windows = Pick<CallsQueryVariables, 'period' | 'dates' | 'instants'>[];

/** The calls that the view lists, a page at a time; `window` is that of the figures. */
export function useCalls(key: string, view: View, window: InstantRange) {
  const { period, dates, ...common } = windowOf(view);
  const assistantIds = view.of === null ? common.assistantIds : [view.of];
  const isByHour = view.calls === 'hour';
  const hours = useQuery({
    queryKey: ['hours', key, period, dates, common],
    queryFn: ({ signal }) => ask(key, Hours, { period, dates, ...common }, signal),
    enabled: isByHour,
  });
  const windows = windowsOf();
  const pages = useInfiniteQuery({
    queryKey: ['calls', key, windows, common, view.status, view.of],
    enabled: windows !== null,
    placeholderData: keepPreviousData,
    initialPageParam: { number: 0, after: null as string | null },
    queryFn: ({ pageParam, signal }) =>
      ask(
        key,
        Calls,
        {
          ...common,
          ...windows?.[pageParam.number],
          assistantIds,
          statuses: view.status === null ? null : [view.status],
          after: pageParam.after,
        },
        signal,
      ),
    getNextPageParam: (page, _pages, { number }) => {
      const { pageInfo } = page.callAnalytics.calls;
      if (pageInfo.hasNextPage) return { number, after: pageInfo.endCursor ?? null };
      return number + 1 < (windows?.length ?? 0) ? { number: number + 1, after: null } : null;
    },
  });
  return { pages, windows, assistantIds, failure: hours.error ?? pages.error };

  function windowsOf(): Windows | null {
    if (view.calls === 'bucket' && view.start && view.end) {
      return [{ instants: within({ start: view.start, end: view.end }, window) }];
    }
    if (!isByHour) return [{ period: period ?? null, dates: dates ?? null }];
    if (!hours.data || view.weekday === null || view.hour === null) return null;
    const { series } = hours.data.callAnalytics;
    const found = hoursWithCalls(series, view.weekday as Weekday, view.hour, window);
    return found.map((instants) => ({ instants }));
  }
}
