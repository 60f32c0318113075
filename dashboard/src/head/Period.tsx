import { Select, Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { type Change, PERIODS, type View } from '../view/view';

// The calendar is fetched when somebody wants it.
const Dates = lazy(() => import('./Dates'));

const CUSTOM = 'CUSTOM';

export function Period({ view, change }: { view: View; change: Change }) {
  const isCustom = view.first !== null;
  return (
    <>
      <Select
        label="Period"
        size="xs"
        allowDeselect={false}
        data={[
          ...Object.entries(PERIODS).map(([value, label]) => ({ value, label })),
          { value: CUSTOM, label: 'Custom dates' },
        ]}
        value={isCustom ? CUSTOM : view.period}
        maxDropdownHeight={400}
        onChange={(value) => {
          const today = new Intl.DateTimeFormat('en-CA', { timeZone: view.zone }).format();
          if (value === CUSTOM) change({ first: today, last: today, grain: null });
          else change({ period: value as View['period'], first: null, last: null, grain: null });
        }}
      />
      {isCustom && (
        <Suspense fallback={<Skeleton height={54} />}>
          <Dates view={view} change={change} />
        </Suspense>
      )}
    </>
  );
}
