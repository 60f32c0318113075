// What all charts have in common: the properties of Recharts' parts.
import { formatCompact, formatCount } from '../view/format';

const TICK = { fill: 'var(--color-tick)', fontSize: 12 };
const GRID_COLOR = 'var(--color-grid)';

export const FRAME = {
  responsive: true,
  style: { width: '100%', height: '100%' },
  accessibilityLayer: false,
};
export const GRID = { vertical: false, stroke: GRID_COLOR };
export const NAMES = { dataKey: 'name', tickLine: false, tick: TICK, stroke: GRID_COLOR };
export const COUNTS = {
  allowDecimals: false,
  axisLine: false,
  tickLine: false,
  width: 44,
  tick: TICK,
  tickFormatter: formatCompact,
};
export const TOOLTIP = {
  formatter: (value: unknown) => formatCount(Number(value)),
  contentStyle: {
    background: 'var(--mantine-color-body)',
    border: `1px solid ${GRID_COLOR}`,
    borderRadius: 6,
  },
  cursor: { fill: 'var(--color-hover)' },
  isAnimationActive: false,
};
/** A line that compares. */
export const COMPARISON = { stroke: 'var(--color-before)', strokeDasharray: '4 3' };
export const LABEL = TICK;
