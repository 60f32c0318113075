import { ClientError, GraphQLClient } from 'graphql-request';
import type { TypedDocumentString } from '../gql/graphql';

/** Why there is no answer: the key is not valid, was used too often, or the server is away. */
export type Reason = 'key' | 'limit' | 'away' | 'refused';

const REASONS: Record<string, Reason> = {
  UNAUTHENTICATED: 'key',
  RATE_LIMITED: 'limit',
  UNAVAILABLE: 'away',
  OVERLOADED: 'away',
};
const RETRY_SECONDS = 5;

export class Failure extends Error {
  constructor(
    readonly reason: Reason,
    message: string,
    /** Seconds until it makes sense to ask again. */
    readonly retryAfter: number,
  ) {
    super(message);
  }
}

/** The answer to a document; throws a `Failure`. */
export async function ask<Result, Variables>(
  key: string,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  signal: AbortSignal,
): Promise<Result> {
  const client = new GraphQLClient(new URL('/graphql', location.origin).href, {
    headers: { Authorization: `Bearer ${key}` },
    signal,
  });
  try {
    return await client.request<Result>(String(document), variables as object);
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error);
  }
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof ClientError)) return new Failure('away', String(error), RETRY_SECONDS);
  const first = error.response.errors?.[0];
  const code = String(first?.extensions?.code ?? '');
  const headers = error.response.headers as Headers | undefined;
  const retryAfter = Number(headers?.get('Retry-After')) || RETRY_SECONDS;
  const reason = REASONS[code] ?? (error.response.status >= 500 ? 'away' : 'refused');
  return new Failure(reason, first?.message ?? `Status ${error.response.status}`, retryAfter);
}
