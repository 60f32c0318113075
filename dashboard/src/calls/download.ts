import type { CallsQueryVariables } from '../gql/graphql';
import type { View } from '../view/view';

export type Format = 'csv' | 'jsonl';
type Window = Pick<CallsQueryVariables, 'period' | 'dates' | 'instants'>;

/** The address of a file with the calls that the view lists. */
export function exportPath(
  format: Format,
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

/** Fetches the parts of a file with the key, one after another, and has the browser save it. */
export async function download(
  { format, paths, name }: { format: Format; paths: string[]; name: string | undefined },
  key: string,
): Promise<void> {
  const parts: Blob[] = [];
  let fileName = name;
  for (const path of paths) {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${key}` } });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const header = answer.headers.get('Content-Disposition') ?? '';
    fileName ??= /filename="([^"]+)"/.exec(header)?.[1];
    const part = await answer.blob();
    // Each part of a CSV file has the headings; the whole has them once.
    parts.push(format === 'csv' && parts.length ? await withoutFirstLine(part) : part);
  }
  const address = URL.createObjectURL(new Blob(parts));
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName ?? 'calls';
  link.click();
  URL.revokeObjectURL(address);
}

async function withoutFirstLine(file: Blob): Promise<Blob> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  return file.slice(bytes.indexOf(10) + 1); // after the line feed
}
