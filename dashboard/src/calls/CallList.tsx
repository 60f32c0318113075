import { Skeleton, Text } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';
import type { CallsQuery } from '../gql/graphql';
import { Scroll } from '../panels/Scroll';
import { colorOf } from '../panels/statuses';
import { formatDuration, formatInstant } from '../view/format';
import classes from './CallList.module.css';
import type { useCalls } from './useCalls';

type Call = CallsQuery['callAnalytics']['calls']['nodes'][number];

const ROW_HEIGHT = 44;
const COLUMNS: { name: string; show: (call: Call, zone: string) => React.ReactNode }[] = [
  {
    name: 'Started',
    show: (call, zone) => (call.startedAt ? formatInstant(call.startedAt, zone) : ''),
  },
  { name: 'Assistant', show: (call) => call.assistant.name },
  { name: 'Customer', show: (call) => call.customerPhoneNumber },
  {
    name: 'Status',
    show: (call) => (
      <span className={classes.status} style={{ borderColor: colorOf(call.status) }}>
        {call.status}
      </span>
    ),
  },
  {
    name: 'Duration',
    show: (call) => (call.duration == null ? '–' : formatDuration(call.duration)),
  },
];

/** A list of any length: only the rows that are seen are there, and the next pages come in time. */
export function CallList({
  pages,
  zone,
}: {
  pages: ReturnType<typeof useCalls>['pages'];
  zone: string;
}) {
  const scroll = useRef<HTMLElement>(null);
  const calls = pages.data?.pages.flatMap((page) => page.callAnalytics.calls.nodes) ?? [];
  const rows = useVirtualizer({
    count: calls.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 10,
  });
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  const last = rows.getVirtualItems().at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= calls.length - 1 && hasNextPage && !isFetchingNextPage) fetchNextPage();
  }, [last, calls.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  if (pages.isPending) return <Skeleton height={ROW_HEIGHT * 10} />;
  if (!calls.length && !hasNextPage) return <Text>No calls.</Text>;
  const shown = rows.getVirtualItems();
  const above = shown[0]?.start ?? 0;
  const below = rows.getTotalSize() - (shown.at(-1)?.end ?? 0);
  return (
    <Scroll ref={scroll} label="List of calls" className={classes.scroll}>
      <table className={classes.list} aria-rowcount={hasNextPage ? -1 : calls.length + 1}>
        <thead>
          <tr>
            {COLUMNS.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr aria-hidden style={{ height: above }} />
          {shown.map(({ index }) => {
            const call = calls[index] as Call;
            return (
              <tr
                key={call.id}
                className={classes.row}
                aria-rowindex={index + 2}
                title={call.callSid}
              >
                {COLUMNS.map(({ name, show }) => (
                  <td key={name}>{show(call, zone)}</td>
                ))}
              </tr>
            );
          })}
          <tr aria-hidden style={{ height: below }} />
        </tbody>
      </table>
    </Scroll>
  );
}
