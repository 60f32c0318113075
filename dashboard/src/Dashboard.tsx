import { Alert } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { ask, type Failure } from './api/ask';
import classes from './Dashboard.module.css';
import { graphql } from './gql';
import { Head } from './head/Head';
import { Assistants } from './panels/Assistants';
import { Cards } from './panels/Cards';
import { Durations } from './panels/Durations';
import { Series } from './panels/Series';
import { Statuses } from './panels/Statuses';
import { Week } from './panels/Week';
import { Placeholder } from './states/Placeholder';
import { SignIn } from './states/SignIn';
import { Trouble } from './states/Trouble';
import { useView } from './view/view';
import { daysOf, grainFor, MOST_DAYS_OF_HOURS, windowOf } from './view/window';

// The list is fetched when somebody wants it.
const CallsDrawer = lazy(() =>
  import('./calls/CallsDrawer').then(({ CallsDrawer }) => ({ default: CallsDrawer })),
);

// Everything above the list, in one request.
const Document = graphql(`
  query Dashboard(
    $period: Period
    $dates: DateRange
    $timeZone: TimeZone!
    $weekStartsOn: Weekday!
    $assistantIds: [Int!]
    $grain: Grain!
    $orderBy: AssistantOrder!
  ) {
    organization { ...Head assistants { id name } }
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
`);

export function Dashboard({ apiKey }: { apiKey: string }) {
  const { view, change } = useView();
  const days = daysOf(view);
  const grain = view.grain ?? grainFor(days);
  const variables = {
    ...windowOf(view),
    grain,
    orderBy: { field: view.order, direction: view.direction },
  };
  const {
    data: answer,
    error,
    isPending,
    refetch,
  } = useQuery({
    queryKey: ['dashboard', apiKey, variables],
    queryFn: ({ signal }) => ask(apiKey, Document, variables, signal),
    refetchInterval: view.refresh > 0 && 1000 * view.refresh,
  });
  // What was seen last stays, while another question is answered and where it is refused.
  const [seen, see] = useState(answer);
  if (answer && answer !== seen) see(answer);
  const data = answer ?? seen;
  const failure = error as Failure | null;
  const hasNoCalls = data?.callAnalytics.totalCalls === 0;
  const assistants = data?.organization.assistants;
  const named = assistants?.find(({ id }) => id === view.of)?.name;

  if (failure?.reason === 'key') return <SignIn isWrong />;
  return (
    <main className={classes.page}>
      <Head
        organization={data?.organization}
        asOf={data?.callAnalytics.asOf}
        isOld={failure !== null}
        view={view}
        change={change}
      />
      {failure && (
        <Trouble failure={failure} hasFigures={data !== undefined} onRetry={() => refetch()} />
      )}
      {!data && !failure && <Placeholder />}
      {hasNoCalls && (
        <Alert title="No calls in this window">
          {assistants?.length
            ? 'Choose a longer period, another one, or other assistants.'
            : 'This organization has no assistants and no calls yet. They appear here once the calling platform writes them, or after an import.'}
        </Alert>
      )}
      {data && (
        <div className={classes.panels} aria-busy={isPending}>
          <div className={classes.wide}>
            <Cards analytics={data.callAnalytics} />
          </div>
          <div className={classes.wide}>
            <Series analytics={data.callAnalytics} grain={grain} change={change} />
          </div>
          <Week
            analytics={data.callAnalytics}
            change={days <= MOST_DAYS_OF_HOURS ? change : null}
          />
          <Durations analytics={data.callAnalytics} />
          <Statuses analytics={data.callAnalytics} change={change} />
          <div className={classes.wide}>
            <Assistants analytics={data.callAnalytics} view={view} change={change} />
          </div>
        </div>
      )}
      {data && view.calls !== null && (
        <Suspense>
          <CallsDrawer
            apiKey={apiKey}
            view={view}
            change={change}
            window={{ start: data.callAnalytics.windowStart, end: data.callAnalytics.windowEnd }}
            assistantName={named}
          />
        </Suspense>
      )}
    </main>
  );
}
