import { Table, UnstyledButton } from '@mantine/core';
import { type FragmentType, graphql, readFragment } from '../gql';
import { formatCount, formatRate } from '../view/format';
import { type Change, NO_CALLS } from '../view/view';
import { BarCell } from './BarCell';
import { Panel } from './Panel';
import { colorOf } from './statuses';

export const Fragment = graphql(`
  fragment Statuses on CallAnalytics {
    totalCalls
    statuses { status calls }
  }
`);

export function Statuses({
  analytics,
  change,
}: {
  analytics: FragmentType<typeof Fragment>;
  change: Change;
}) {
  const { statuses, totalCalls } = readFragment(Fragment, analytics);
  return (
    <Panel title="Statuses">
      <Table aria-label="Statuses" horizontalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Status</Table.Th>
            <Table.Th>Share</Table.Th>
            <Table.Th ta="end">Calls</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {statuses.map(({ status, calls }) => {
            const share = (100 * calls) / totalCalls;
            return (
              <Table.Tr key={status}>
                <Table.Th scope="row" fw={500}>
                  <UnstyledButton
                    fz="sm"
                    td="underline"
                    onClick={() => change({ ...NO_CALLS, calls: 'all', status })}
                  >
                    {status || '(empty)'}
                  </UnstyledButton>
                </Table.Th>
                <BarCell share={share / 100} color={colorOf(status)}>
                  {formatRate(share)}
                </BarCell>
                <Table.Td ta="end">{formatCount(calls)}</Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Panel>
  );
}
