import { Alert, Button, Drawer, Group, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { InstantRange, Weekday } from '../gql/graphql';
import { formatCount, formatHour, formatInstant, formatWeekday } from '../view/format';
import { type Change, NO_CALLS, type View } from '../view/view';
import { CallList } from './CallList';
import { download, exportPath, type Format } from './download';
import { useCalls } from './useCalls';

/** The calls behind what was clicked on, beside the figures, for as long as it is there. */
export function CallsDrawer({
  apiKey,
  view,
  change,
  window,
  assistantName,
}: {
  apiKey: string;
  view: View;
  change: Change;
  window: InstantRange;
  assistantName: string | undefined;
}) {
  return (
    <Drawer
      opened
      onClose={() => change(NO_CALLS)}
      position="right"
      size="min(760px, 100vw)"
      title={titleOf(view, assistantName)}
      closeButtonProps={{ 'aria-label': 'Close the list of calls' }}
      // Locking needs a style element, which the page's policy forbids.
      lockScroll={false}
      transitionProps={{ duration: 0 }}
    >
      <Content apiKey={apiKey} view={view} window={window} />
    </Drawer>
  );
}

function Content({ apiKey, view, window }: { apiKey: string; view: View; window: InstantRange }) {
  const { pages, windows, assistantIds, failure } = useCalls(apiKey, view, window);
  const file = useMutation({ mutationFn: save });
  const only = windows?.length === 1 ? windows[0] : undefined;
  const total = pages.data?.pages[0]?.callAnalytics.calls.totalCount;
  return (
    <>
      <Group justify="space-between" mb="xs">
        <Text size="sm" role="status">
          {only && total !== undefined
            ? `${formatCount(total)} calls, newest first`
            : 'Newest first'}
        </Text>
        {windows && windows.length > 0 && (
          <Group gap="xs">
            {(['csv', 'jsonl'] as const).map((format) => (
              <Button
                key={format}
                size="compact-sm"
                variant="default"
                loading={file.isPending}
                onClick={() => file.mutate(format)}
              >
                {format === 'csv' ? 'CSV' : 'JSON Lines'}
              </Button>
            ))}
          </Group>
        )}
      </Group>
      {(failure ?? file.error) && (
        <Alert color="red" title="That did not work">
          {(failure ?? file.error)?.message}
        </Alert>
      )}
      <CallList pages={pages} zone={view.zone} />
    </>
  );

  function save(format: Format) {
    const paths = windows?.map((one) => exportPath(format, one, view, assistantIds)) ?? [];
    // The server names a file by its dates, which those of an hour of several weeks have not.
    const name = only ? undefined : `calls-${view.weekday?.toLowerCase()}-${view.hour}.${format}`;
    return download({ format, paths, name }, apiKey);
  }
}

function titleOf(view: View, assistantName: string | undefined): string {
  const parts = [
    view.status !== null && `status ${view.status || '(empty)'}`,
    assistantName,
    view.calls === 'bucket' &&
      view.start &&
      view.end &&
      `${formatInstant(view.start, view.zone)} – ${formatInstant(view.end, view.zone)}`,
    view.calls === 'hour' &&
      view.weekday &&
      `${formatWeekday(view.weekday as Weekday, 'long')}, ${formatHour(view.hour ?? 0)}`,
  ].filter(Boolean);
  return parts.length ? `Calls: ${parts.join(', ')}` : 'Calls';
}
