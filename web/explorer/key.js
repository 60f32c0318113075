// The API key of the page. It comes from the part of the address after #, which browsers send to no
// server, or from the key field. It is kept for the tab, or on the device if the user asks for it.
const NAME = 'call-analytics-key';
const listeners = new Set();

export function currentKey() {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME) ?? '';
}

export function isKeptOnDevice() {
  return localStorage.getItem(NAME) === currentKey();
}

export function setKey(key, isKept) {
  sessionStorage.setItem(NAME, key);
  if (isKept) {
    localStorage.setItem(NAME, key);
  }
  listeners.forEach((listener) => listener());
}

export function forgetOnDevice() {
  localStorage.removeItem(NAME);
  listeners.forEach((listener) => listener());
}

// The form that React's useSyncExternalStore takes: it returns how to leave off.
export function onKeyChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function takeKeyFromAddress() {
  const key = new URLSearchParams(location.hash.slice(1)).get('key');
  if (key !== null) {
    history.replaceState(history.state, '', location.pathname + location.search);
    setKey(key, false);
  }
}

takeKeyFromAddress();
// A link with a key that is opened in this tab changes the address, and loads nothing. It may be
// opened before the page has drawn anything, so nothing that is drawn may be what listens.
addEventListener('hashchange', takeKeyFromAddress);
