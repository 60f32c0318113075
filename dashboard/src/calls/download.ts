import type { CallsQueryVariables } from '../gql/graphql';
import type { View } from '../view/view';

type Window = Pick<CallsQueryVariables, 'period' | 'dates' | 'instants'>;

/** The address of a file with the calls that the view lists. */
export function exportPath(
  format: 'csv' | 'jsonl',
  window: Window,
  view: Pick<View, 'zone' | 'status'>,
  assistantIds: number[] | null,
): string {
  const parameters = new URLSearchParams({ format, time_zone: view.zone });
  const { period, dates, instants } = window;
  if (period) parameters.set('period', nameOf(period));
  for (const [name, value] of Object.entries({ ...dates, ...instants })) {
    parameters.set(name, value);
  }
  for (const id of assistantIds ?? []) parameters.append('assistant_id', String(id));
  if (view.status !== null) parameters.append('status', view.status);
  return `/api/v1/calls/export?${parameters}`;
}

function nameOf(period: string): string {
  const rolling = /^LAST_(\d+)_DAYS?$/.exec(period);
  return rolling ? `${rolling[1]}d` : period.toLowerCase();
}

/** Fetches a file with the key, and has the browser save it. */
export async function download(path: string, key: string): Promise<void> {
  const answer = await fetch(path, { headers: { Authorization: `Bearer ${key}` } });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  const name = /filename="([^"]+)"/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1];
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = name ?? 'calls';
  link.click();
  URL.revokeObjectURL(address);
}
