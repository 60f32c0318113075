import { ClientError } from 'graphql-request';
import { expect, it } from 'vitest';
import { failureOf } from './ask';

function refusal(status: number, code: string | null, headers: Record<string, string> = {}) {
  const errors = code ? [{ message: 'No.', extensions: { code } }] : undefined;
  const response = { status, headers: new Headers(headers), errors };
  return new ClientError(response as never, { query: '' });
}

it.each([
  [401, 'UNAUTHENTICATED', 'key'],
  [429, 'RATE_LIMITED', 'limit'],
  [503, 'UNAVAILABLE', 'away'],
  [503, 'OVERLOADED', 'away'],
  [422, 'BAD_USER_INPUT', 'refused'],
  [502, null, 'away'],
])('status %i with the code %s means %s', (status, code, reason) => {
  expect(failureOf(refusal(status, code)).reason).toBe(reason);
});

it('a server that cannot be reached is away', () => {
  expect(failureOf(new TypeError('Failed to fetch')).reason).toBe('away');
});

it('the server says when to ask again', () => {
  expect(failureOf(refusal(429, 'RATE_LIMITED', { 'Retry-After': '42' })).retryAfter).toBe(42);
  expect(failureOf(refusal(503, 'UNAVAILABLE')).retryAfter).toBe(5);
});
