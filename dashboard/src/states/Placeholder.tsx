import { Skeleton } from '@mantine/core';
import classes from '../Dashboard.module.css';
import { CARDS } from '../panels/Cards';
import cardClasses from '../panels/Cards.module.css';

/** The page before its first figures, in the places where they will be. */
export function Placeholder() {
  return (
    <div className={classes.panels} role="status" aria-label="Loading">
      <div className={`${cardClasses.cards} ${classes.wide}`}>
        {CARDS.map(({ figure }) => (
          <Skeleton key={figure} height={132} />
        ))}
      </div>
      <Skeleton height={420} className={classes.wide ?? ''} />
      <Skeleton height={300} />
      <Skeleton height={300} />
    </div>
  );
}
