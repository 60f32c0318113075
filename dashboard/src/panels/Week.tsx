import { type KeyboardEvent, useRef } from 'react';
import { type FragmentType, graphql, readFragment } from '../gql';
import type { Weekday } from '../gql/graphql';
import { formatCount, formatHour, formatWeekday } from '../view/format';
import { type Change, NO_CALLS } from '../view/view';
import { Panel } from './Panel';
import { Scroll } from './Scroll';
import classes from './Week.module.css';

export const Fragment = graphql(`
  fragment Week on CallAnalytics {
    hoursOfWeek { weekday hour totalCalls }
  }
`);

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const MOVES: Record<string, [number, number]> = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};

/** The hours of the week as a heat map: a table, whose cells open their calls. */
export function Week({
  analytics,
  change,
}: {
  analytics: FragmentType<typeof Fragment>;
  /** Absent where the window is too long to find the calls of an hour. */
  change: Change | null;
}) {
  const { hoursOfWeek } = readFragment(Fragment, analytics);
  const table = useRef<HTMLTableElement>(null);
  const weekdays = [...new Set(hoursOfWeek.map(({ weekday }) => weekday))];
  const calls = new Map(hoursOfWeek.map((one) => [`${one.weekday} ${one.hour}`, one.totalCalls]));
  const most = Math.max(1, ...calls.values());
  const open = (weekday: Weekday, hour: number) =>
    change?.({ ...NO_CALLS, calls: 'hour', weekday, hour });

  function move(event: KeyboardEvent, row: number, hour: number) {
    const step = MOVES[event.key];
    const cell = step && table.current?.tBodies[0]?.rows[row + step[0]]?.cells[hour + 1 + step[1]];
    if (!cell) return;
    event.preventDefault();
    cell.querySelector('button')?.focus();
  }

  return (
    <Panel title="Hours of the week">
      <Scroll label="Table of the hours of the week" className={classes.scroll}>
        <table ref={table} className={classes.week}>
          <caption className={classes.hidden}>Calls by weekday and hour</caption>
          <thead>
            <tr>
              <td />
              {HOURS.map((hour) => (
                <th key={hour} scope="col">
                  <span className={hour % 3 ? classes.hidden : ''}>{hour}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {weekdays.map((weekday, row) => (
              <tr key={weekday}>
                <th scope="row">{formatWeekday(weekday)}</th>
                {HOURS.map((hour) => {
                  const count = calls.get(`${weekday} ${hour}`) ?? 0;
                  const label = `${formatWeekday(weekday, 'long')}, ${formatHour(hour)}: ${formatCount(count)} calls`;
                  return (
                    <td key={hour}>
                      <button
                        type="button"
                        aria-label={label}
                        title={label}
                        disabled={change === null}
                        tabIndex={row === 0 && hour === 0 ? 0 : -1}
                        style={{ '--share': count / most } as React.CSSProperties}
                        onClick={() => open(weekday, hour)}
                        onKeyDown={(event) => move(event, row, hour)}
                      />
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
