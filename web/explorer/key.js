// The API key of the page. It comes from the part of the address after #, which browsers send to no
// server, or from the key field. It is kept for the tab, or on the device if the user asks for it.
const NAME = 'call-analytics-key';

export function takeKeyFromAddress() {
  const key = new URLSearchParams(location.hash.slice(1)).get('key');
  if (key !== null) {
    history.replaceState(history.state, '', location.pathname + location.search);
    setKey(key, false);
  }
}

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
}

export function forgetOnDevice() {
  localStorage.removeItem(NAME);
}

takeKeyFromAddress();
