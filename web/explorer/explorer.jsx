// The GraphiQL explorer: one page, everything from this server.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { createRoot } from 'react-dom/client';

const FIRST_QUERY = `# Put your key into the headers below.
query FirstLook {
  callAnalytics(period: LAST_7_DAYS) {
    totalCalls
    successRate
    avgDuration
    dailyStats {
      date
      total
      completed
      failed
    }
    topAssistants(limit: 3) {
      assistantName
      calls
      duration
    }
  }
}
`;

const FIRST_HEADERS = JSON.stringify({ Authorization: 'Bearer ' }, null, 2);

const WORKERS = { graphql: 'graphql.worker.js', json: 'json.worker.js' };

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) =>
    new Worker(new URL(WORKERS[label] ?? 'editor.worker.js', import.meta.url), { type: 'module' }),
};

createRoot(document.getElementById('explorer')).render(
  <GraphiQL
    fetcher={createGraphiQLFetcher({ url: location.pathname })}
    defaultQuery={FIRST_QUERY}
    defaultHeaders={FIRST_HEADERS}
    defaultEditorToolsVisibility="headers"
    inputValueDeprecation={false}
  />,
);
