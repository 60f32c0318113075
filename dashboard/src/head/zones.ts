import cldr from 'cldr-bcp47/bcp47/timezone.json';

// Some zones were renamed, and browsers may go on with the name from before: Chrome says
// Asia/Calcutta. Unicode's list has both names of each.
const renamed = Object.values(cldr.keyword.u.tz).flatMap((zone) =>
  typeof zone === 'object' && '_iana' in zone
    ? [{ before: zone._alias.split(' ')[0] as string, now: zone._iana }]
    : [],
);
const nameNow = new Map(renamed.map(({ before, now }) => [before, now]));
const nameBefore = new Map(renamed.map(({ before, now }) => [now, before]));

/** The name that a zone has today. */
export const currentName = (zone: string) => nameNow.get(zone) ?? zone;

const known = Intl.supportedValuesOf('timeZone').map(currentName).sort();

/** The zones to choose from, the chosen one included, each with all its names to search for. */
export function zoneOptions(chosen: string) {
  return [...new Set(['UTC', ...known, currentName(chosen)])].map((value) => {
    const before = nameBefore.get(value);
    return { value, label: before ? `${value} (${before})` : value };
  });
}
