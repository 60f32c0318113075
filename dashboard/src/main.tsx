import { createTheme, MantineProvider } from '@mantine/core';
import '@mantine/core/styles.css';
import './theme.css';
import './print';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { NuqsAdapter } from 'nuqs/adapters/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';

const theme = createTheme({ fontFamily: 'system-ui, sans-serif', cursorType: 'pointer' });
const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: false, gcTime: 60_000, staleTime: 30_000, refetchOnWindowFocus: false },
  },
});

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      {/* The page's policy allows no style elements: what they would say is in styles.css. */}
      <MantineProvider
        theme={theme}
        defaultColorScheme="auto"
        withCssVariables={false}
        withGlobalClasses={false}
      >
        <QueryClientProvider client={queries}>
          <NuqsAdapter>
            <App />
          </NuqsAdapter>
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
