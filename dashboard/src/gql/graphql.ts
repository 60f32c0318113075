/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** The order of `topAssistants`. Ties are in the order of ascending `assistantId`. */
export type AssistantOrder = {
  /** The smallest or the largest first. */
  direction?: OrderDirection;
  /** What to order by. */
  field?: AssistantOrderField;
};

/** What assistants may be ordered by: any figure of `CallFigures`, or the name. */
export type AssistantOrderField =
  /** By `avgDuration`. */
  | 'AVG_DURATION'
  /** By `completedCalls`. */
  | 'COMPLETED_CALLS'
  /** By `durationOfAllStatuses`. */
  | 'DURATION_OF_ALL_STATUSES'
  /** By `failedCalls`. */
  | 'FAILED_CALLS'
  /** By `failureRate`. */
  | 'FAILURE_RATE'
  /** By `assistantName`, character by character: capitals come before small letters. */
  | 'NAME'
  /** By `ongoingCalls`. */
  | 'ONGOING_CALLS'
  /** By `otherCalls`. */
  | 'OTHER_CALLS'
  /** By `successRate`. */
  | 'SUCCESS_RATE'
  /** By `totalCalls`. */
  | 'TOTAL_CALLS'
  /** By `totalDuration`. */
  | 'TOTAL_DURATION';

/** Local dates of `timeZone`, both included: 3,660 at most. */
export type DateRange = {
  /** The first date; its year is 1970 to 2200. */
  first: string;
  /** The last date, which is not before the first. */
  last: string;
};

/** The length of a bucket of `series`, on the calendar and the clock of `timeZone`. */
export type Grain =
  /** A local date, which has 23 or 25 hours where the clocks change. */
  | 'DAY'
  /** An hour of the local clock. Where clocks are set back, an hour that is repeated is a bucket of its own; an hour that is skipped is none. */
  | 'HOUR'
  /** A month of local dates. */
  | 'MONTH'
  /** A quarter of an hour of the local clock. Where clocks are set back, a quarter that is repeated is a bucket of its own. */
  | 'QUARTER_HOUR'
  /** Seven local dates, from `weekStartsOn` on. */
  | 'WEEK';

/** Instants from `start` to before `end`: 3,660 times 24 hours at most. */
export type InstantRange = {
  /** The end of the window, itself not included, written in the same way. */
  end: string;
  /** The first instant that counts, with its offset from UTC or `Z`; its year is 1970 to 2200. */
  start: string;
};

/** The direction of an order. */
export type OrderDirection =
  /** The smallest first. */
  | 'ASC'
  /** The largest first. */
  | 'DESC';

/** A window by its name. `LAST_1_DAY` to `LAST_90_DAYS` are rolling: they end now, and have no upper bound. The others are periods of the calendar of `timeZone`, from their first instant to the first instant of the next one. */
export type Period =
  /** The last 24 hours. */
  | 'LAST_1_DAY'
  /** The last 7 times 24 hours, which normally touch eight dates. */
  | 'LAST_7_DAYS'
  /** The last 30 times 24 hours. */
  | 'LAST_30_DAYS'
  /** The last 90 times 24 hours. */
  | 'LAST_90_DAYS'
  /** The month before this one. */
  | 'LAST_MONTH'
  /** The quarter before this one. */
  | 'LAST_QUARTER'
  /** The week before this one. */
  | 'LAST_WEEK'
  /** The year before this one. */
  | 'LAST_YEAR'
  /** The current month. */
  | 'THIS_MONTH'
  /** The current quarter: three months from January, April, July or October on. */
  | 'THIS_QUARTER'
  /** The current week; it begins on `weekStartsOn`. */
  | 'THIS_WEEK'
  /** The current year. */
  | 'THIS_YEAR'
  /** The current date in `timeZone`. */
  | 'TODAY'
  /** The date before today. */
  | 'YESTERDAY';

/** A day of the week. */
export type Weekday =
  /** Friday. */
  | 'FRIDAY'
  /** Monday. */
  | 'MONDAY'
  /** Saturday. */
  | 'SATURDAY'
  /** Sunday. */
  | 'SUNDAY'
  /** Thursday. */
  | 'THURSDAY'
  /** Tuesday. */
  | 'TUESDAY'
  /** Wednesday. */
  | 'WEDNESDAY';

export type DashboardQueryVariables = Exact<{
  period?: Period | null | undefined;
  dates?: DateRange | null | undefined;
  timeZone: string;
  weekStartsOn: Weekday;
  assistantIds?: Array<number> | number | null | undefined;
  grain: Grain;
  orderBy: AssistantOrder;
}>;


export type DashboardQuery = { organization: (
    { assistants: Array<{ id: number, name: string }> }
    & { ' $fragmentRefs'?: { 'HeadFragment': HeadFragment } }
  ), callAnalytics: (
    { asOf: string, windowStart: string, windowEnd: string, totalCalls: number }
    & { ' $fragmentRefs'?: { 'CardsFragment': CardsFragment;'SeriesFragment': SeriesFragment;'WeekFragment': WeekFragment;'DurationsFragment': DurationsFragment;'StatusesFragment': StatusesFragment;'AssistantsFragment': AssistantsFragment } }
  ) };

export type CallsQueryVariables = Exact<{
  period?: Period | null | undefined;
  dates?: DateRange | null | undefined;
  instants?: InstantRange | null | undefined;
  timeZone: string;
  weekStartsOn: Weekday;
  assistantIds?: Array<number> | number | null | undefined;
  statuses?: Array<string> | string | null | undefined;
  after?: string | null | undefined;
}>;


export type CallsQuery = { callAnalytics: { calls: { totalCount: number, nodes: Array<{ id: string, callSid: string, toPhoneNumber: string | null, customerPhoneNumber: string | null, status: string, duration: number | null, startedAt: string | null, assistant: { name: string } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } };

export type HoursQueryVariables = Exact<{
  period?: Period | null | undefined;
  dates?: DateRange | null | undefined;
  timeZone: string;
  weekStartsOn: Weekday;
  assistantIds?: Array<number> | number | null | undefined;
}>;


export type HoursQuery = { callAnalytics: { series: Array<{ start: string, end: string, totalCalls: number }> } };

export type HeadFragment = { name: string, assistants: Array<{ id: number, name: string, isActive: boolean }> } & { ' $fragmentName'?: 'HeadFragment' };

export type AssistantsFragment = { failureRate: number, topAssistants: Array<{ assistantId: number, assistantName: string, totalCalls: number, completedCalls: number, failedCalls: number, ongoingCalls: number, successRate: number, failureRate: number, avgDuration: number, totalDuration: number }> } & { ' $fragmentName'?: 'AssistantsFragment' };

type CardFigures_AssistantStat_Fragment = { totalCalls: number, successRate: number, avgDuration: number, totalDuration: number, failedCalls: number, ongoingCalls: number } & { ' $fragmentName'?: 'CardFigures_AssistantStat_Fragment' };

type CardFigures_CallAnalytics_Fragment = { totalCalls: number, successRate: number, avgDuration: number, totalDuration: number, failedCalls: number, ongoingCalls: number } & { ' $fragmentName'?: 'CardFigures_CallAnalytics_Fragment' };

type CardFigures_HourOfWeekStat_Fragment = { totalCalls: number, successRate: number, avgDuration: number, totalDuration: number, failedCalls: number, ongoingCalls: number } & { ' $fragmentName'?: 'CardFigures_HourOfWeekStat_Fragment' };

type CardFigures_SeriesPoint_Fragment = { totalCalls: number, successRate: number, avgDuration: number, totalDuration: number, failedCalls: number, ongoingCalls: number } & { ' $fragmentName'?: 'CardFigures_SeriesPoint_Fragment' };

export type CardFiguresFragment =
  | CardFigures_AssistantStat_Fragment
  | CardFigures_CallAnalytics_Fragment
  | CardFigures_HourOfWeekStat_Fragment
  | CardFigures_SeriesPoint_Fragment
;

export type CardsFragment = (
  { previous: { ' $fragmentRefs'?: { 'CardFigures_CallAnalytics_Fragment': CardFigures_CallAnalytics_Fragment } }, series: Array<(
    { start: string }
    & { ' $fragmentRefs'?: { 'CardFigures_SeriesPoint_Fragment': CardFigures_SeriesPoint_Fragment } }
  )> }
  & { ' $fragmentRefs'?: { 'CardFigures_CallAnalytics_Fragment': CardFigures_CallAnalytics_Fragment } }
) & { ' $fragmentName'?: 'CardsFragment' };

export type DurationsFragment = { durations: { median: number | null, p90: number | null, p95: number | null, histogram: Array<{ from: number, to: number | null, calls: number }> } } & { ' $fragmentName'?: 'DurationsFragment' };

export type SeriesFragment = { timeZone: string, series: Array<{ start: string, end: string, isPartial: boolean, totalCalls: number, completedCalls: number, failedCalls: number, ongoingCalls: number, otherCalls: number }>, previous: { series: Array<{ start: string, totalCalls: number }> } } & { ' $fragmentName'?: 'SeriesFragment' };

export type StatusesFragment = { totalCalls: number, statuses: Array<{ status: string, calls: number }> } & { ' $fragmentName'?: 'StatusesFragment' };

export type WeekFragment = { hoursOfWeek: Array<{ weekday: Weekday, hour: number, totalCalls: number }> } & { ' $fragmentName'?: 'WeekFragment' };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const HeadFragmentDoc = new TypedDocumentString(`
    fragment Head on Organization {
  name
  assistants {
    id
    name
    isActive
  }
}
    `, {"fragmentName":"Head"}) as unknown as TypedDocumentString<HeadFragment, unknown>;
export const AssistantsFragmentDoc = new TypedDocumentString(`
    fragment Assistants on CallAnalytics {
  failureRate
  topAssistants(limit: 100, orderBy: $orderBy) {
    assistantId
    assistantName
    totalCalls
    completedCalls
    failedCalls
    ongoingCalls
    successRate
    failureRate
    avgDuration
    totalDuration
  }
}
    `, {"fragmentName":"Assistants"}) as unknown as TypedDocumentString<AssistantsFragment, unknown>;
export const CardFiguresFragmentDoc = new TypedDocumentString(`
    fragment CardFigures on CallFigures {
  totalCalls
  successRate
  avgDuration
  totalDuration
  failedCalls
  ongoingCalls
}
    `, {"fragmentName":"CardFigures"}) as unknown as TypedDocumentString<CardFiguresFragment, unknown>;
export const CardsFragmentDoc = new TypedDocumentString(`
    fragment Cards on CallAnalytics {
  ...CardFigures
  previous {
    ...CardFigures
  }
  series(grain: $grain) {
    start
    ...CardFigures
  }
}
    fragment CardFigures on CallFigures {
  totalCalls
  successRate
  avgDuration
  totalDuration
  failedCalls
  ongoingCalls
}`, {"fragmentName":"Cards"}) as unknown as TypedDocumentString<CardsFragment, unknown>;
export const DurationsFragmentDoc = new TypedDocumentString(`
    fragment Durations on CallAnalytics {
  durations {
    median: percentile(percent: 50)
    p90: percentile(percent: 90)
    p95: percentile(percent: 95)
    histogram(edges: [10, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800]) {
      from
      to
      calls
    }
  }
}
    `, {"fragmentName":"Durations"}) as unknown as TypedDocumentString<DurationsFragment, unknown>;
export const SeriesFragmentDoc = new TypedDocumentString(`
    fragment Series on CallAnalytics {
  timeZone
  series(grain: $grain) {
    start
    end
    isPartial
    totalCalls
    completedCalls
    failedCalls
    ongoingCalls
    otherCalls
  }
  previous {
    series(grain: $grain) {
      start
      totalCalls
    }
  }
}
    `, {"fragmentName":"Series"}) as unknown as TypedDocumentString<SeriesFragment, unknown>;
export const StatusesFragmentDoc = new TypedDocumentString(`
    fragment Statuses on CallAnalytics {
  totalCalls
  statuses {
    status
    calls
  }
}
    `, {"fragmentName":"Statuses"}) as unknown as TypedDocumentString<StatusesFragment, unknown>;
export const WeekFragmentDoc = new TypedDocumentString(`
    fragment Week on CallAnalytics {
  hoursOfWeek {
    weekday
    hour
    totalCalls
  }
}
    `, {"fragmentName":"Week"}) as unknown as TypedDocumentString<WeekFragment, unknown>;
export const DashboardDocument = new TypedDocumentString(`
    query Dashboard($period: Period, $dates: DateRange, $timeZone: TimeZone!, $weekStartsOn: Weekday!, $assistantIds: [Int!], $grain: Grain!, $orderBy: AssistantOrder!) {
  organization {
    ...Head
    assistants {
      id
      name
    }
  }
  callAnalytics(
    period: $period
    dates: $dates
    timeZone: $timeZone
    weekStartsOn: $weekStartsOn
    assistantIds: $assistantIds
  ) {
    asOf
    windowStart
    windowEnd
    totalCalls
    ...Cards
    ...Series
    ...Week
    ...Durations
    ...Statuses
    ...Assistants
  }
}
    fragment Head on Organization {
  name
  assistants {
    id
    name
    isActive
  }
}
fragment Assistants on CallAnalytics {
  failureRate
  topAssistants(limit: 100, orderBy: $orderBy) {
    assistantId
    assistantName
    totalCalls
    completedCalls
    failedCalls
    ongoingCalls
    successRate
    failureRate
    avgDuration
    totalDuration
  }
}
fragment CardFigures on CallFigures {
  totalCalls
  successRate
  avgDuration
  totalDuration
  failedCalls
  ongoingCalls
}
fragment Cards on CallAnalytics {
  ...CardFigures
  previous {
    ...CardFigures
  }
  series(grain: $grain) {
    start
    ...CardFigures
  }
}
fragment Durations on CallAnalytics {
  durations {
    median: percentile(percent: 50)
    p90: percentile(percent: 90)
    p95: percentile(percent: 95)
    histogram(edges: [10, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800]) {
      from
      to
      calls
    }
  }
}
fragment Series on CallAnalytics {
  timeZone
  series(grain: $grain) {
    start
    end
    isPartial
    totalCalls
    completedCalls
    failedCalls
    ongoingCalls
    otherCalls
  }
  previous {
    series(grain: $grain) {
      start
      totalCalls
    }
  }
}
fragment Statuses on CallAnalytics {
  totalCalls
  statuses {
    status
    calls
  }
}
fragment Week on CallAnalytics {
  hoursOfWeek {
    weekday
    hour
    totalCalls
  }
}`) as unknown as TypedDocumentString<DashboardQuery, DashboardQueryVariables>;
export const CallsDocument = new TypedDocumentString(`
    query Calls($period: Period, $dates: DateRange, $instants: InstantRange, $timeZone: TimeZone!, $weekStartsOn: Weekday!, $assistantIds: [Int!], $statuses: [String!], $after: String) {
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
        assistant {
          name
        }
        toPhoneNumber
        customerPhoneNumber
        status
        duration
        startedAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CallsQuery, CallsQueryVariables>;
export const HoursDocument = new TypedDocumentString(`
    query Hours($period: Period, $dates: DateRange, $timeZone: TimeZone!, $weekStartsOn: Weekday!, $assistantIds: [Int!]) {
  callAnalytics(
    period: $period
    dates: $dates
    timeZone: $timeZone
    weekStartsOn: $weekStartsOn
    assistantIds: $assistantIds
  ) {
    series(grain: HOUR) {
      start
      end
      totalCalls
    }
  }
}
    `) as unknown as TypedDocumentString<HoursQuery, HoursQueryVariables>;