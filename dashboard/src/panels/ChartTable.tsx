import { Anchor, Table } from '@mantine/core';
import classes from './ChartTable.module.css';
import { Scroll } from './Scroll';

interface Row {
  key: string;
  name: string;
  cells: string[];
  onOpen?: () => void;
}

/** What a chart shows as a table, for those who do not see it, or use the keyboard. */
export function ChartTable({
  caption,
  headings,
  rows,
}: {
  caption: string;
  headings: string[];
  rows: Row[];
}) {
  return (
    <details className={classes.details}>
      <summary>As a table</summary>
      <Scroll label={`${caption}, as a table`} className={classes.scroll}>
        <Table captionSide="top" stickyHeader>
          <Table.Caption>{caption}</Table.Caption>
          <Table.Thead>
            <Table.Tr>
              {headings.map((heading) => (
                <Table.Th key={heading}>{heading}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map(({ key, name, cells, onOpen }) => (
              <Table.Tr key={key}>
                <Table.Th scope="row">
                  {onOpen ? (
                    <Anchor component="button" type="button" onClick={onOpen} size="sm">
                      {name}
                    </Anchor>
                  ) : (
                    name
                  )}
                </Table.Th>
                {cells.map((cell, column) => (
                  <Table.Td key={headings[column + 1]}>{cell}</Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Scroll>
    </details>
  );
}
