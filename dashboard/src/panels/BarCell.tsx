import { Table } from '@mantine/core';
import type { CSSProperties, ReactNode } from 'react';
import classes from './BarCell.module.css';

/** A cell of a table with a bar under its text; the share is 0 to 1. */
export function BarCell({
  share,
  color,
  children,
}: {
  share: number;
  color: string;
  children: ReactNode;
}) {
  return (
    <Table.Td className={classes.cell ?? ''}>
      <span
        aria-hidden
        className={classes.bar}
        style={{ '--share': share, '--bar': color } as CSSProperties}
      />
      {children}
    </Table.Td>
  );
}
