import { Anchor, Badge, Table, Text, UnstyledButton } from '@mantine/core';
import { type FragmentType, graphql, readFragment } from '../gql';
import type { AssistantsFragment } from '../gql/graphql';
import { formatCount, formatDuration, formatRate } from '../view/format';
import { type Change, NO_CALLS, type ORDERS, type View } from '../view/view';
import classes from './Assistants.module.css';
import { BarCell } from './BarCell';
import { Panel } from './Panel';
import { Scroll } from './Scroll';

export const Fragment = graphql(`
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
`);

type Assistant = AssistantsFragment['topAssistants'][number];

interface Column {
  order: (typeof ORDERS)[number];
  name: string;
  figure: Exclude<keyof Assistant, 'assistantId' | 'assistantName'>;
  format: (value: number) => string;
}

export const COLUMNS: Column[] = [
  { order: 'TOTAL_CALLS', name: 'Calls', figure: 'totalCalls', format: formatCount },
  {
    order: 'COMPLETED_CALLS',
    name: 'Completed',
    figure: 'completedCalls',
    format: formatCount,
  },
  { order: 'FAILED_CALLS', name: 'Failed', figure: 'failedCalls', format: formatCount },
  {
    order: 'ONGOING_CALLS',
    name: 'Ongoing',
    figure: 'ongoingCalls',
    format: formatCount,
  },
  {
    order: 'SUCCESS_RATE',
    name: 'Success rate',
    figure: 'successRate',
    format: formatRate,
  },
  {
    order: 'FAILURE_RATE',
    name: 'Failure rate',
    figure: 'failureRate',
    format: formatRate,
  },
  {
    order: 'AVG_DURATION',
    name: 'Average',
    figure: 'avgDuration',
    format: formatDuration,
  },
  {
    order: 'TOTAL_DURATION',
    name: 'Duration',
    figure: 'totalDuration',
    format: formatDuration,
  },
];
/** A failure rate stands out from so many calls on, and so far above that of all calls. */
const ENOUGH_CALLS = 20;
const TIMES_OF_ALL = 1.5;

export function Assistants({
  analytics,
  view,
  change,
}: {
  analytics: FragmentType<typeof Fragment>;
  view: View;
  change: Change;
}) {
  const { topAssistants, failureRate } = readFragment(Fragment, analytics);
  const largest = new Map(
    COLUMNS.map(({ figure }) => [
      figure,
      Math.max(1e-9, ...topAssistants.map((one) => one[figure])),
    ]),
  );
  const standsOut = (one: Assistant) =>
    one.totalCalls >= ENOUGH_CALLS && one.failureRate > TIMES_OF_ALL * failureRate;
  return (
    <Panel title="Assistants">
      <Scroll label="Table of assistants" className={classes.scroll}>
        <Table aria-label="Assistants" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Heading name="Assistant" order="NAME" view={view} change={change} />
              {COLUMNS.map((column) => (
                <Heading key={column.name} {...column} view={view} change={change} />
              ))}
              <Table.Th>List</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {topAssistants.map((one) => (
              <Table.Tr key={one.assistantId}>
                <Table.Th scope="row">
                  <Anchor
                    component="button"
                    type="button"
                    size="sm"
                    ta="start"
                    title="Show this assistant alone"
                    onClick={() => change({ assistants: [one.assistantId] })}
                  >
                    {one.assistantName}
                  </Anchor>
                </Table.Th>
                {COLUMNS.map(({ order, figure, format }) => (
                  <BarCell
                    key={figure}
                    share={one[figure] / (largest.get(figure) ?? 1)}
                    color={barOf(order)}
                  >
                    {order === 'FAILURE_RATE' && standsOut(one) ? (
                      <Badge
                        color="red"
                        variant="light"
                        tt="none"
                        title="Far above that of all calls"
                      >
                        ▲ {format(one[figure])}
                      </Badge>
                    ) : (
                      format(one[figure])
                    )}
                  </BarCell>
                ))}
                <Table.Td>
                  <Anchor
                    component="button"
                    type="button"
                    size="sm"
                    aria-label={`Calls of ${one.assistantName}`}
                    onClick={() => change({ ...NO_CALLS, calls: 'all', of: one.assistantId })}
                  >
                    Calls
                  </Anchor>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        {topAssistants.length === 100 && (
          <Text size="sm" c="dimmed">
            The first 100 in this order.
          </Text>
        )}
      </Scroll>
    </Panel>
  );
}

function Heading({
  name,
  order,
  view,
  change,
}: Pick<Column, 'name' | 'order'> & { view: View; change: Change }) {
  const isBy = view.order === order;
  const isAscending = view.direction === 'ASC';
  const turned = isAscending ? 'DESC' : 'ASC';
  const next = isBy ? turned : order === 'NAME' ? 'ASC' : 'DESC';
  return (
    <Table.Th aria-sort={isBy ? (isAscending ? 'ascending' : 'descending') : 'none'}>
      <UnstyledButton
        fz="sm"
        fw={600}
        className={classes.heading ?? ''}
        onClick={() => change({ order, direction: next })}
      >
        {name} {isBy ? (isAscending ? '↑' : '↓') : ''}
      </UnstyledButton>
    </Table.Th>
  );
}

function barOf(order: Column['order']): string {
  if (order === 'FAILED_CALLS' || order === 'FAILURE_RATE') return 'var(--color-failed)';
  return order === 'ONGOING_CALLS' ? 'var(--color-ongoing)' : 'var(--color-completed)';
}
