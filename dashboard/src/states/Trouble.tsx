import { Alert, Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { Failure } from '../api/ask';

const TITLES: Record<Failure['reason'], string> = {
  key: 'This key is not valid',
  limit: 'Asked too often',
  away: 'The service does not answer',
  refused: 'The service refuses this question',
};

/** Why there are no new figures, and when they are asked for again. */
export function Trouble({
  failure,
  hasFigures,
  onRetry,
}: {
  failure: Failure;
  hasFigures: boolean;
  onRetry: () => void;
}) {
  const isTemporary = failure.reason === 'limit' || failure.reason === 'away';
  const [seconds, setSeconds] = useState(failure.retryAfter);
  useEffect(() => setSeconds(failure.retryAfter), [failure]);
  useEffect(() => {
    if (!isTemporary) return;
    const timer = setTimeout(() => {
      if (seconds > 1) setSeconds(seconds - 1);
      else onRetry();
    }, 1000);
    return () => clearTimeout(timer);
  }, [seconds, isTemporary, onRetry]);
  return (
    <Alert color={isTemporary ? 'yellow' : 'red'} title={TITLES[failure.reason]}>
      {isTemporary ? `Trying again in ${seconds} s. ` : `${failure.message} `}
      {hasFigures && 'The figures below are those from before. '}
      {isTemporary && (
        <Button size="compact-xs" variant="default" onClick={onRetry}>
          Try now
        </Button>
      )}
    </Alert>
  );
}
