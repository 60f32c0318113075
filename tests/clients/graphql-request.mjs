// The npm package graphql-request.
import { ClientError, GraphQLClient } from 'graphql-request';
import { bearer, plain, report, url } from './documents.mjs';

await report(async (document, variables, key) => {
  const client = new GraphQLClient(url, { headers: bearer(key) });
  try {
    return plain(await client.request(document, variables));
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return plain(error.response.data, error.response.errors);
  }
});
