// The GraphiQL explorer: one page, everything from this server.
// First, so that the key leaves the address before anything else runs.
import { currentKey, forgetOnDevice, isKeptOnDevice, onKeyChange, setKey } from './key.js';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { useMemo, useState, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';

const FIRST_QUERY = `query Dashboard {
  callAnalytics(period: LAST_7_DAYS, timeZone: "Europe/Berlin") {
    totalCalls
    successRate
    previous {
      totalCalls
      successRate
    }
    series(grain: DAY) {
      start
      totalCalls
      failedCalls
      isPartial
    }
    topAssistants(limit: 3, orderBy: { field: FAILURE_RATE }, minCalls: 50) {
      assistantName
      totalCalls
      failureRate
    }
    statuses {
      status
      calls
    }
    durations {
      median: percentile(percent: 50)
      p95: percentile(percent: 95)
    }
    hoursOfWeek {
      weekday
      hour
      totalCalls
    }
  }
}
`;

const WORKERS = { graphql: 'graphql.worker.js', json: 'json.worker.js' };

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) =>
    new Worker(new URL(WORKERS[label] ?? 'editor.worker.js', import.meta.url), { type: 'module' }),
};

// Adds the key of the key field, unless the headers editor has an Authorization of its own.
function fetcherWithKey(onRefused) {
  return createGraphiQLFetcher({
    url: location.pathname,
    fetch: async (url, options) => {
      const headers = new Headers(options.headers);
      if (headers.has('Authorization')) {
        return fetch(url, options);
      }
      const key = currentKey();
      if (key) {
        headers.set('Authorization', `Bearer ${key}`);
      }
      const response = await fetch(url, { ...options, headers });
      const { errors } = await response.clone().json().catch(() => ({}));
      if (errors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED')) {
        onRefused(key);
      }
      return response;
    },
  });
}

function KeyField({ refusedKey }) {
  const key = useSyncExternalStore(onKeyChange, currentKey);
  const isKept = useSyncExternalStore(onKeyChange, isKeptOnDevice);

  const edit = (event) => setKey(event.target.value.trim(), isKept);
  const keep = (event) => (event.target.checked ? setKey(key, true) : forgetOnDevice());

  return (
    <form className="key" onSubmit={(event) => event.preventDefault()}>
      {refusedKey === key && (
        <span role="alert">{key ? 'This key is not valid.' : 'A key is needed.'}</span>
      )}
      <label>
        API key <input value={key} onChange={edit} autoComplete="off" spellCheck={false} />
      </label>
      <label>
        <input type="checkbox" checked={isKept} onChange={keep} /> Keep on this device
      </label>
    </form>
  );
}

function Explorer() {
  const [refusedKey, setRefusedKey] = useState(null);
  const fetcher = useMemo(() => fetcherWithKey(setRefusedKey), []);

  // The headers editor is not kept, so that there is one place where a key is.
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultQuery={FIRST_QUERY}
      shouldPersistHeaders={false}
      inputValueDeprecation={false}
    >
      <GraphiQL.Logo>
        <KeyField refusedKey={refusedKey} />
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

createRoot(document.getElementById('explorer')).render(<Explorer />);
