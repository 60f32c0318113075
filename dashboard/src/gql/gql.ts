/* eslint-disable */
import * as types from './graphql';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  query Dashboard(\n    $period: Period\n    $dates: DateRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n    $grain: Grain!\n    $orderBy: AssistantOrder!\n  ) {\n    organization { ...Head assistants { id name } }\n    callAnalytics(\n      period: $period\n      dates: $dates\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      asOf\n      windowStart\n      windowEnd\n      totalCalls\n      ...Cards\n      ...Series\n      ...Week\n      ...Durations\n      ...Statuses\n      ...Assistants\n    }\n  }\n": typeof types.DashboardDocument,
    "\n  query Calls(\n    $period: Period\n    $dates: DateRange\n    $instants: InstantRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n    $statuses: [String!]\n    $after: String\n  ) {\n    callAnalytics(\n      period: $period\n      dates: $dates\n      instants: $instants\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      calls(first: 50, after: $after, statuses: $statuses) {\n        totalCount\n        nodes {\n          id\n          callSid\n          assistant { name }\n          toPhoneNumber\n          customerPhoneNumber\n          status\n          duration\n          startedAt\n        }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n": typeof types.CallsDocument,
    "\n  query Hours(\n    $period: Period\n    $dates: DateRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n  ) {\n    callAnalytics(\n      period: $period\n      dates: $dates\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      series(grain: HOUR) { start end totalCalls }\n    }\n  }\n": typeof types.HoursDocument,
    "\n  fragment Head on Organization {\n    name\n    assistants { id name isActive }\n  }\n": typeof types.HeadFragmentDoc,
    "\n  fragment Assistants on CallAnalytics {\n    failureRate\n    topAssistants(limit: 100, orderBy: $orderBy) {\n      assistantId\n      assistantName\n      totalCalls\n      completedCalls\n      failedCalls\n      ongoingCalls\n      successRate\n      failureRate\n      avgDuration\n      totalDuration\n    }\n  }\n": typeof types.AssistantsFragmentDoc,
    "\n  fragment CardFigures on CallFigures {\n    totalCalls\n    successRate\n    avgDuration\n    totalDuration\n    failedCalls\n    ongoingCalls\n  }\n": typeof types.CardFiguresFragmentDoc,
    "\n  fragment Cards on CallAnalytics {\n    ...CardFigures\n    previous { ...CardFigures }\n    series(grain: $grain) { start ...CardFigures }\n  }\n": typeof types.CardsFragmentDoc,
    "\n  fragment Durations on CallAnalytics {\n    durations {\n      median: percentile(percent: 50)\n      p90: percentile(percent: 90)\n      p95: percentile(percent: 95)\n      histogram(edges: [10, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800]) { from to calls }\n    }\n  }\n": typeof types.DurationsFragmentDoc,
    "\n  fragment Series on CallAnalytics {\n    timeZone\n    series(grain: $grain) {\n      start\n      end\n      isPartial\n      totalCalls\n      completedCalls\n      failedCalls\n      ongoingCalls\n      otherCalls\n    }\n    previous { series(grain: $grain) { start totalCalls } }\n  }\n": typeof types.SeriesFragmentDoc,
    "\n  fragment Statuses on CallAnalytics {\n    totalCalls\n    statuses { status calls }\n  }\n": typeof types.StatusesFragmentDoc,
    "\n  fragment Week on CallAnalytics {\n    hoursOfWeek { weekday hour totalCalls }\n  }\n": typeof types.WeekFragmentDoc,
};
const documents: Documents = {
    "\n  query Dashboard(\n    $period: Period\n    $dates: DateRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n    $grain: Grain!\n    $orderBy: AssistantOrder!\n  ) {\n    organization { ...Head assistants { id name } }\n    callAnalytics(\n      period: $period\n      dates: $dates\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      asOf\n      windowStart\n      windowEnd\n      totalCalls\n      ...Cards\n      ...Series\n      ...Week\n      ...Durations\n      ...Statuses\n      ...Assistants\n    }\n  }\n": types.DashboardDocument,
    "\n  query Calls(\n    $period: Period\n    $dates: DateRange\n    $instants: InstantRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n    $statuses: [String!]\n    $after: String\n  ) {\n    callAnalytics(\n      period: $period\n      dates: $dates\n      instants: $instants\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      calls(first: 50, after: $after, statuses: $statuses) {\n        totalCount\n        nodes {\n          id\n          callSid\n          assistant { name }\n          toPhoneNumber\n          customerPhoneNumber\n          status\n          duration\n          startedAt\n        }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n": types.CallsDocument,
    "\n  query Hours(\n    $period: Period\n    $dates: DateRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n  ) {\n    callAnalytics(\n      period: $period\n      dates: $dates\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      series(grain: HOUR) { start end totalCalls }\n    }\n  }\n": types.HoursDocument,
    "\n  fragment Head on Organization {\n    name\n    assistants { id name isActive }\n  }\n": types.HeadFragmentDoc,
    "\n  fragment Assistants on CallAnalytics {\n    failureRate\n    topAssistants(limit: 100, orderBy: $orderBy) {\n      assistantId\n      assistantName\n      totalCalls\n      completedCalls\n      failedCalls\n      ongoingCalls\n      successRate\n      failureRate\n      avgDuration\n      totalDuration\n    }\n  }\n": types.AssistantsFragmentDoc,
    "\n  fragment CardFigures on CallFigures {\n    totalCalls\n    successRate\n    avgDuration\n    totalDuration\n    failedCalls\n    ongoingCalls\n  }\n": types.CardFiguresFragmentDoc,
    "\n  fragment Cards on CallAnalytics {\n    ...CardFigures\n    previous { ...CardFigures }\n    series(grain: $grain) { start ...CardFigures }\n  }\n": types.CardsFragmentDoc,
    "\n  fragment Durations on CallAnalytics {\n    durations {\n      median: percentile(percent: 50)\n      p90: percentile(percent: 90)\n      p95: percentile(percent: 95)\n      histogram(edges: [10, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800]) { from to calls }\n    }\n  }\n": types.DurationsFragmentDoc,
    "\n  fragment Series on CallAnalytics {\n    timeZone\n    series(grain: $grain) {\n      start\n      end\n      isPartial\n      totalCalls\n      completedCalls\n      failedCalls\n      ongoingCalls\n      otherCalls\n    }\n    previous { series(grain: $grain) { start totalCalls } }\n  }\n": types.SeriesFragmentDoc,
    "\n  fragment Statuses on CallAnalytics {\n    totalCalls\n    statuses { status calls }\n  }\n": types.StatusesFragmentDoc,
    "\n  fragment Week on CallAnalytics {\n    hoursOfWeek { weekday hour totalCalls }\n  }\n": types.WeekFragmentDoc,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Dashboard(\n    $period: Period\n    $dates: DateRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n    $grain: Grain!\n    $orderBy: AssistantOrder!\n  ) {\n    organization { ...Head assistants { id name } }\n    callAnalytics(\n      period: $period\n      dates: $dates\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      asOf\n      windowStart\n      windowEnd\n      totalCalls\n      ...Cards\n      ...Series\n      ...Week\n      ...Durations\n      ...Statuses\n      ...Assistants\n    }\n  }\n"): typeof import('./graphql').DashboardDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Calls(\n    $period: Period\n    $dates: DateRange\n    $instants: InstantRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n    $statuses: [String!]\n    $after: String\n  ) {\n    callAnalytics(\n      period: $period\n      dates: $dates\n      instants: $instants\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      calls(first: 50, after: $after, statuses: $statuses) {\n        totalCount\n        nodes {\n          id\n          callSid\n          assistant { name }\n          toPhoneNumber\n          customerPhoneNumber\n          status\n          duration\n          startedAt\n        }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n"): typeof import('./graphql').CallsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Hours(\n    $period: Period\n    $dates: DateRange\n    $timeZone: TimeZone!\n    $weekStartsOn: Weekday!\n    $assistantIds: [Int!]\n  ) {\n    callAnalytics(\n      period: $period\n      dates: $dates\n      timeZone: $timeZone\n      weekStartsOn: $weekStartsOn\n      assistantIds: $assistantIds\n    ) {\n      series(grain: HOUR) { start end totalCalls }\n    }\n  }\n"): typeof import('./graphql').HoursDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Head on Organization {\n    name\n    assistants { id name isActive }\n  }\n"): typeof import('./graphql').HeadFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Assistants on CallAnalytics {\n    failureRate\n    topAssistants(limit: 100, orderBy: $orderBy) {\n      assistantId\n      assistantName\n      totalCalls\n      completedCalls\n      failedCalls\n      ongoingCalls\n      successRate\n      failureRate\n      avgDuration\n      totalDuration\n    }\n  }\n"): typeof import('./graphql').AssistantsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment CardFigures on CallFigures {\n    totalCalls\n    successRate\n    avgDuration\n    totalDuration\n    failedCalls\n    ongoingCalls\n  }\n"): typeof import('./graphql').CardFiguresFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Cards on CallAnalytics {\n    ...CardFigures\n    previous { ...CardFigures }\n    series(grain: $grain) { start ...CardFigures }\n  }\n"): typeof import('./graphql').CardsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Durations on CallAnalytics {\n    durations {\n      median: percentile(percent: 50)\n      p90: percentile(percent: 90)\n      p95: percentile(percent: 95)\n      histogram(edges: [10, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800]) { from to calls }\n    }\n  }\n"): typeof import('./graphql').DurationsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Series on CallAnalytics {\n    timeZone\n    series(grain: $grain) {\n      start\n      end\n      isPartial\n      totalCalls\n      completedCalls\n      failedCalls\n      ongoingCalls\n      otherCalls\n    }\n    previous { series(grain: $grain) { start totalCalls } }\n  }\n"): typeof import('./graphql').SeriesFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Statuses on CallAnalytics {\n    totalCalls\n    statuses { status calls }\n  }\n"): typeof import('./graphql').StatusesFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Week on CallAnalytics {\n    hoursOfWeek { weekday hour totalCalls }\n  }\n"): typeof import('./graphql').WeekFragmentDoc;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
