import { DatePickerInput, DatesProvider } from '@mantine/dates';
import '@mantine/dates/styles.css';
import { useEffect, useState } from 'react';
import type { Change, View } from '../view/view';
import { weekStart } from '../view/window';

const FIRST_DAYS = { MONDAY: 1, SATURDAY: 6, SUNDAY: 0 } as const;
const LABELS = {
  previousMonth: 'Previous month',
  nextMonth: 'Next month',
  previousYear: 'Previous year',
  nextYear: 'Next year',
  previousDecade: 'Previous decade',
  nextDecade: 'Next decade',
};

/** A range of dates, chosen in a calendar. */
export default function Dates({ view, change }: { view: View; change: Change }) {
  const [chosen, choose] = useState<[string | null, string | null]>([view.first, view.last]);
  useEffect(() => choose([view.first, view.last]), [view.first, view.last]);
  const day = FIRST_DAYS[weekStart() as keyof typeof FIRST_DAYS] ?? 1;
  return (
    // Weekends have the colour of the other days: their own is too faint to read.
    <DatesProvider settings={{ firstDayOfWeek: day, weekendDays: [] }}>
      <DatePickerInput
        type="range"
        ariaLabels={LABELS}
        allowSingleDateInRange
        label="Dates"
        size="xs"
        valueFormat="YYYY-MM-DD"
        value={chosen}
        onChange={(dates) => {
          choose(dates);
          const [first, last] = dates;
          if (first && last) change({ first, last, grain: null });
        }}
      />
    </DatesProvider>
  );
}
