import { Group, Text } from '@mantine/core';
import { Bar, BarChart, CartesianGrid, ReferenceLine, Tooltip, XAxis, YAxis } from 'recharts';
import { type FragmentType, graphql, readFragment } from '../gql';
import { formatCount, formatDuration } from '../view/format';
import { ChartTable } from './ChartTable';
import { COMPARISON, COUNTS, FRAME, GRID, LABEL, NAMES, TOOLTIP } from './chart';
import classes from './chart.module.css';
import { Panel } from './Panel';

export const Fragment = graphql(`
  fragment Durations on CallAnalytics {
    durations {
      median: percentile(percent: 50)
      p90: percentile(percent: 90)
      p95: percentile(percent: 95)
      histogram(edges: [10, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800]) { from to calls }
    }
  }
`);

/** How long completed calls take. */
export function Durations({ analytics }: { analytics: FragmentType<typeof Fragment> }) {
  const { durations } = readFragment(Fragment, analytics);
  const bins = durations.histogram.map((bin) => ({ ...bin, name: nameOf(bin) }));
  const marks = [
    { name: 'Median', value: durations.median },
    { name: '90 %', value: durations.p90 },
    { name: '95 %', value: durations.p95 },
  ];
  const namesByBin = new Map<string, string[]>();
  for (const { name, value } of marks) {
    const bin = value == null ? undefined : bins.find(({ to }) => to == null || value < to);
    if (bin) namesByBin.set(bin.name, [...(namesByBin.get(bin.name) ?? []), name]);
  }
  return (
    <Panel
      title="Durations"
      aside={
        <Group gap="md">
          {marks.map(({ name, value }) => (
            <Text size="sm" key={name}>
              <Text span c="dimmed">
                {name}{' '}
              </Text>
              {value == null ? '–' : formatDuration(value)}
            </Text>
          ))}
        </Group>
      }
    >
      <div aria-hidden className={classes.chart}>
        <BarChart data={bins} {...FRAME} margin={{ top: 18, right: 4, bottom: 0, left: 0 }}>
          <CartesianGrid {...GRID} />
          <XAxis {...NAMES} minTickGap={12} />
          <YAxis {...COUNTS} />
          <Tooltip {...TOOLTIP} />
          <Bar
            dataKey="calls"
            name="Calls"
            fill="var(--color-completed)"
            isAnimationActive={false}
          />
          {[...namesByBin].map(([bin, names]) => (
            <ReferenceLine
              key={bin}
              x={bin}
              {...COMPARISON}
              label={{ value: names.join(', '), position: 'top', ...LABEL }}
            />
          ))}
        </BarChart>
      </div>
      <ChartTable
        caption="Durations of completed calls"
        headings={['Duration', 'Calls']}
        rows={bins.map(({ name, calls }) => ({ key: name, name, cells: [formatCount(calls)] }))}
      />
    </Panel>
  );
}

function nameOf({ from, to }: { from: number; to?: number | null }): string {
  if (to == null) return `≥ ${formatDuration(from)}`;
  return from === 0 ? `< ${formatDuration(to)}` : formatDuration(from);
}
