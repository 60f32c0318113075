import { Button, Group, MultiSelect, SegmentedControl, Select, Text, Title } from '@mantine/core';
import { signOut } from '../api/key';
import { type FragmentType, graphql, readFragment } from '../gql';
import { formatInstant } from '../view/format';
import { type Change, PERIODS, REFRESHES, type View } from '../view/view';
import classes from './Head.module.css';
import { Period } from './Period';
import { Theme } from './Theme';
import { currentName, zoneOptions } from './zones';

export const Fragment = graphql(`
  fragment Head on Organization {
    name
    assistants { id name isActive }
  }
`);

/** Which figures are shown, and how fresh they are. */
export function Head({
  organization,
  asOf,
  isOld,
  view,
  change,
}: {
  organization: FragmentType<typeof Fragment> | undefined;
  asOf: string | undefined;
  isOld: boolean;
  view: View;
  change: Change;
}) {
  const its = readFragment(Fragment, organization);
  return (
    <header className={classes.head}>
      <Group justify="space-between" align="baseline">
        <Title order={1} size="h3">
          {its?.name ?? 'Call Analytics'}
        </Title>
        <Group gap="sm">
          <Text size="sm" c={isOld ? 'var(--color-bad)' : 'dimmed'} role="status">
            {asOf && `as of ${formatInstant(asOf, view.zone, 'time')}${isOld ? ' (old)' : ''}`}
          </Text>
          <Group gap="sm" className={classes.actions ?? ''}>
            <Theme />
            <Button size="compact-sm" variant="subtle" onClick={signOut}>
              Sign out
            </Button>
          </Group>
        </Group>
      </Group>
      <Text size="sm" className={classes.onPaper ?? ''}>
        {describe(view, its?.assistants ?? [])}
      </Text>
      <div className={classes.controls}>
        <Period view={view} change={change} />
        <Select
          label="Time zone"
          size="xs"
          searchable
          allowDeselect={false}
          limit={50}
          data={zoneOptions(view.zone)}
          value={currentName(view.zone)}
          onChange={(zone) => change({ zone })}
        />
        <MultiSelect
          label="Assistants"
          size="xs"
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'All assistants' }}
          placeholder={view.assistants?.length ? '' : 'All'}
          data={(its?.assistants ?? []).map(({ id, name, isActive }) => ({
            value: String(id),
            label: isActive ? name : `${name} (inactive)`,
          }))}
          value={(view.assistants ?? []).map(String)}
          onChange={(ids) => change({ assistants: ids.length ? ids.map(Number) : null })}
        />
        <div className={classes.refresh}>
          <Text size="xs" fw={500} id="refresh">
            Refresh
          </Text>
          <SegmentedControl
            aria-labelledby="refresh"
            size="xs"
            data={Object.entries(REFRESHES).map(([value, label]) => ({ value, label }))}
            value={String(view.refresh)}
            onChange={(seconds) => change({ refresh: Number(seconds) })}
          />
        </div>
      </div>
    </header>
  );
}

/** What the controls say, for paper. */
function describe(view: View, assistants: { id: number; name: string }[]): string {
  const chosen = assistants.filter(({ id }) => view.assistants?.includes(id));
  return [
    view.first && view.last ? `${view.first} – ${view.last}` : PERIODS[view.period],
    view.zone,
    chosen.map(({ name }) => name).join(', ') || 'All assistants',
  ].join(' · ');
}
