import { SegmentedControl, useMantineColorScheme } from '@mantine/core';

const THEMES = [
  { value: 'auto', label: 'System' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

export function Theme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme({
    // Holding them needs a style element, which the page's policy forbids.
    keepTransitions: true,
  });
  return (
    <SegmentedControl
      aria-label="Colours"
      size="xs"
      data={THEMES}
      value={colorScheme}
      onChange={(value) => setColorScheme(value as typeof colorScheme)}
    />
  );
}
