/** The statuses whose calls have a figure of their own, in the order in which bars are stacked. */
export const STATUSES = [
  { figure: 'completedCalls', name: 'Completed', color: 'var(--color-completed)' },
  { figure: 'failedCalls', name: 'Failed', color: 'var(--color-failed)' },
  { figure: 'ongoingCalls', name: 'Ongoing', color: 'var(--color-ongoing)' },
  { figure: 'otherCalls', name: 'Other', color: 'var(--color-other)' },
] as const;

const COLORS: Record<string, string> = {
  completed: 'var(--color-completed)',
  failed: 'var(--color-failed)',
  ongoing: 'var(--color-ongoing)',
};

export const colorOf = (status: string) => COLORS[status] ?? 'var(--color-other)';
