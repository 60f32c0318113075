import { Paper, Text, Tooltip } from '@mantine/core';
import { Area, AreaChart, YAxis } from 'recharts';
import { type FragmentType, graphql, readFragment } from '../gql';
import type { CardFiguresFragment } from '../gql/graphql';
import { formatChange, formatCount, formatDuration, formatRate } from '../view/format';
import classes from './Cards.module.css';
import { FRAME } from './chart';

const Figures = graphql(`
  fragment CardFigures on CallFigures {
    totalCalls
    successRate
    avgDuration
    totalDuration
    failedCalls
    ongoingCalls
  }
`);
export const Fragment = graphql(`
  fragment Cards on CallAnalytics {
    ...CardFigures
    previous { ...CardFigures }
    series(grain: $grain) { start ...CardFigures }
  }
`);

type Figure = Exclude<keyof CardFiguresFragment, '__typename' | ' $fragmentName'>;

interface Card {
  figure: Figure;
  name: string;
  format: (value: number) => string;
  /** Whether more of it is good news; null is neither. */
  isMoreGood: boolean | null;
}

export const CARDS: Card[] = [
  { figure: 'totalCalls', name: 'Calls', format: formatCount, isMoreGood: true },
  { figure: 'successRate', name: 'Success rate', format: formatRate, isMoreGood: true },
  { figure: 'avgDuration', name: 'Average duration', format: formatDuration, isMoreGood: null },
  { figure: 'totalDuration', name: 'Total duration', format: formatDuration, isMoreGood: true },
  { figure: 'failedCalls', name: 'Failed', format: formatCount, isMoreGood: false },
  { figure: 'ongoingCalls', name: 'Ongoing', format: formatCount, isMoreGood: null },
];

export function Cards({ analytics }: { analytics: FragmentType<typeof Fragment> }) {
  const its = readFragment(Fragment, analytics);
  const now = readFragment(Figures, its);
  const before = readFragment(Figures, its.previous);
  const points = readFragment(Figures, its.series);
  return (
    <section aria-label="Totals" className={classes.cards}>
      {CARDS.map((card) => (
        <Paper key={card.figure} component="article" aria-label={card.name} withBorder p="md">
          <Text size="sm" c="dimmed">
            {card.name}
          </Text>
          <div className={classes.figure}>
            <Text className={classes.value ?? ''}>{card.format(now[card.figure])}</Text>
            <Change card={card} now={now[card.figure]} before={before[card.figure]} />
          </div>
          <Sparkline values={points.map((point) => point[card.figure])} />
        </Paper>
      ))}
    </section>
  );
}

function Change({ card, now, before }: { card: Card; now: number; before: number }) {
  const label = `Before: ${card.format(before)}`;
  const change = before === 0 ? null : (now - before) / before;
  const isGood = change && card.isMoreGood !== null ? change > 0 === card.isMoreGood : null;
  const mood = isGood === null ? 'neutral' : isGood ? 'good' : 'bad';
  const arrow = !change ? '→' : change > 0 ? '↑' : '↓';
  return (
    <Tooltip label={label} events={{ hover: true, focus: true, touch: true }}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the tooltip is for the keyboard, too */}
      <span tabIndex={0} className={classes[mood]} role="note" aria-label={describe(change, label)}>
        {arrow} {change === null ? '–' : formatChange(change)}
      </span>
    </Tooltip>
  );
}

function describe(change: number | null, before: string): string {
  return change === null ? before : `Change ${formatChange(change)}. ${before}`;
}

function Sparkline({ values }: { values: number[] }) {
  return (
    <div aria-hidden className={classes.sparkline}>
      <AreaChart
        data={values.map((value) => ({ value }))}
        {...FRAME}
        margin={{ top: 2, right: 0, bottom: 0, left: 0 }}
      >
        <YAxis hide domain={[0, 'dataMax']} />
        <Area
          dataKey="value"
          stroke="var(--color-line)"
          fill="var(--color-area)"
          strokeWidth={1.5}
          isAnimationActive={false}
          dot={false}
        />
      </AreaChart>
    </div>
  );
}
