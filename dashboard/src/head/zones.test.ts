import { expect, it } from 'vitest';
import { currentName, zoneOptions } from './zones';

it('a renamed zone is found by either name', () => {
  const labels = new Map(zoneOptions('UTC').map(({ value, label }) => [value, label]));

  expect(labels.get('Asia/Kolkata')).toBe('Asia/Kolkata (Asia/Calcutta)');
  expect(labels.has('Asia/Calcutta')).toBe(false);
  expect(labels.get('Europe/Berlin')).toBe('Europe/Berlin');
  expect(currentName('Asia/Calcutta')).toBe('Asia/Kolkata');
});

it('each zone is there once, and the browser knows it', () => {
  const zones = zoneOptions('Asia/Calcutta').map(({ value }) => value);

  expect(new Set(zones).size).toBe(zones.length);
  for (const timeZone of zones) Intl.DateTimeFormat('en', { timeZone });
});

it('a zone that is not in the list is there where it is chosen', () => {
  expect(zoneOptions('Etc/GMT+5')).toContainEqual({ value: 'Etc/GMT+5', label: 'Etc/GMT+5' });
});
