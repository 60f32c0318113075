import { Select } from '@mantine/core';
import {
  Bar,
  CartesianGrid,
  Cell,
  ComposedChart,
  Legend,
  Line,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts';
import { type FragmentType, graphql, readFragment } from '../gql';
import type { Grain } from '../gql/graphql';
import { formatBucket, formatCount } from '../view/format';
import { type Change, GRAINS, NO_CALLS } from '../view/view';
import { ChartTable } from './ChartTable';
import { COMPARISON, COUNTS, FRAME, GRID, NAMES, TOOLTIP } from './chart';
import classes from './chart.module.css';
import { Panel } from './Panel';
import { STATUSES } from './statuses';

export const Fragment = graphql(`
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
    previous { series(grain: $grain) { start totalCalls } }
  }
`);

/** Calls over time, stacked by status, with those of the window before as a line. */
export function Series({
  analytics,
  grain,
  change,
}: {
  analytics: FragmentType<typeof Fragment>;
  grain: Grain;
  change: Change;
}) {
  const { series, previous, timeZone } = readFragment(Fragment, analytics);
  const points = series.map((point, number) => ({
    ...point,
    name: formatBucket(point.start, grain, timeZone),
    before: previous.series[number]?.totalCalls ?? null,
  }));
  const open = (start: string, end: string) => change({ ...NO_CALLS, calls: 'bucket', start, end });
  return (
    <Panel
      title="Calls over time"
      aside={
        <Select
          aria-label="Bucket"
          size="xs"
          w={110}
          allowDeselect={false}
          data={Object.entries(GRAINS).map(([value, label]) => ({ value, label }))}
          value={grain}
          onChange={(value) => change({ grain: value as Grain })}
        />
      }
    >
      <div aria-hidden className={classes.chart}>
        <ComposedChart
          data={points}
          {...FRAME}
          margin={{ top: 4, right: 4, bottom: 0, left: 0 }}
          onClick={({ activeTooltipIndex }) => {
            const point = points[Number(activeTooltipIndex)];
            if (activeTooltipIndex != null && point) open(point.start, point.end);
          }}
        >
          <CartesianGrid {...GRID} />
          <XAxis {...NAMES} minTickGap={24} />
          <YAxis {...COUNTS} />
          <Tooltip {...TOOLTIP} />
          <Legend />
          {STATUSES.map(({ figure, name, color }) => (
            <Bar
              key={figure}
              dataKey={figure}
              name={name}
              stackId="calls"
              fill={color}
              isAnimationActive={false}
              cursor="pointer"
            >
              {points.map((point) => (
                <Cell
                  key={point.start}
                  fillOpacity={point.isPartial ? 0.45 : 1}
                  stroke={color}
                  strokeDasharray={point.isPartial ? '3 2' : ''}
                />
              ))}
            </Bar>
          ))}
          <Line
            dataKey="before"
            name="Before"
            {...COMPARISON}
            dot={false}
            isAnimationActive={false}
          />
        </ComposedChart>
      </div>
      <ChartTable
        caption="Calls over time"
        headings={['From', ...STATUSES.map(({ name }) => name), 'All', 'Before']}
        rows={points.map((point) => ({
          key: point.start,
          name: point.isPartial ? `${point.name} (unfinished)` : point.name,
          cells: [
            ...STATUSES.map(({ figure }) => formatCount(point[figure])),
            formatCount(point.totalCalls),
            point.before === null ? '' : formatCount(point.before),
          ],
          onOpen: () => open(point.start, point.end),
        }))}
      />
    </Panel>
  );
}
