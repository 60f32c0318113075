// The npm package @apollo/client: normalising cache, and automatic persisted queries by GET.
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { bearer, key as validKey, plain, report, url, PERIODS, TYPED } from './documents.mjs';

const sent = [];
const recording = async (address, options) => {
  const answer = await fetch(address, options);
  sent.push({ method: options.method, status: answer.status });
  return answer;
};
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

const clientFor = (key) =>
  new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([
      new PersistedQueryLink({ sha256, useGETForHashedQueries: true }),
      new HttpLink({ uri: url, headers: bearer(key), fetch: recording }),
    ]),
  });

const withoutTypenames = (value) =>
  JSON.parse(JSON.stringify(value ?? null, (name, inner) => (name === '__typename' ? undefined : inner)));

await report(async (document, variables, key) => {
  const { data, error } = await clientFor(key).query({
    query: gql(document),
    variables,
    errorPolicy: 'all',
  });
  if (error && !CombinedGraphQLErrors.is(error)) throw error;
  return plain(withoutTypenames(data), error?.errors);
});

// A watched query that shares its objects with another one must neither loop nor change its answer.
const client = clientFor(validKey);
sent.length = 0;
const seen = [];
let watched;
await new Promise((resolve) => {
  watched = client
    .watchQuery({ query: gql(PERIODS), fetchPolicy: 'cache-and-network' })
    .subscribe(({ data, loading }) => !loading && resolve(seen.push(withoutTypenames(data))));
});
// Only now: a request that is still on its way would serve the second query too.
await client.query({ query: gql(TYPED), variables: { period: 'LAST_7_DAYS' } });
await client.query({ query: gql(PERIODS), fetchPolicy: 'network-only' });
await new Promise((resolve) => setTimeout(resolve, 500));
watched.unsubscribe();
const cached = Object.keys(client.cache.extract()).filter((id) => id.startsWith('CallAnalytics:'));
console.log(JSON.stringify({ requests: sent, answers: [...new Set(seen.map((one) => JSON.stringify(one)))].length, cached }));
