// What every client is asked to send, and where to.
export const [url, key] = process.argv.slice(2);

export const TYPED = `query Typed($period: Period!) {
  callAnalytics(period: $period) { id period totalCalls dailyStats { date total } }
}`;

const FIGURES = 'id period totalCalls successRate topAssistants(limit: 3) { assistantId calls }';

export const PERIODS = `query Periods {
  day: callAnalytics(period: LAST_1_DAY) { ${FIGURES} }
  week: callAnalytics { ${FIGURES} }
  month: callAnalytics(period: LAST_30_DAYS) { ${FIGURES} }
  quarter: callAnalytics(period: LAST_90_DAYS) { ${FIGURES} }
}`;

export const WRONG = `query Wrong { callAnalytics { topAssistants(limit: 1000) { calls } } }`;

export const bearer = (which) => (which ? { Authorization: `Bearer ${which}` } : {});

// Sends all of it with one client, and prints what came back.
export async function report(send) {
  const answers = {
    variables: await send(TYPED, { period: 'LAST_30_DAYS', unknownToTheDocument: 1 }, key),
    periods: await send(PERIODS, {}, key),
    error: await send(WRONG, {}, key),
    missingKey: await send(PERIODS, {}, null),
  };
  console.log(JSON.stringify(answers));
}

// A result as all clients have it: plain data, and the codes of the errors.
export const plain = (data, errors) => ({
  data: data ?? null,
  codes: (errors ?? []).map((error) => error.extensions?.code),
});
