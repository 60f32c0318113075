// The audit suite of the npm package graphql-http against a running server: node audit.mjs URL [KEY]
import { serverAudits } from 'graphql-http';

const [url, key] = process.argv.slice(2);
const fetchFn = (address, options = {}) =>
  fetch(address, {
    ...options,
    headers: { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) },
  });

const counts = {};
for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  counts[result.status] = (counts[result.status] ?? 0) + 1;
  if (result.status !== 'ok') console.error(`${result.status}: ${audit.name}: ${result.reason}`);
}
console.log(JSON.stringify(counts));
process.exitCode = Object.keys(counts).every((status) => status === 'ok') ? 0 : 1;
