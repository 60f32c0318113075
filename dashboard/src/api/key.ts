import { useSyncExternalStore } from 'react';
// The explorer and this page have one key: who is signed in to one is signed in to the other.
import { currentKey, forgetOnDevice, onKeyChange, setKey } from '../../../web/explorer/key.js';

export const signIn = setKey;

export function useKey(): string {
  return useSyncExternalStore(onKeyChange, currentKey);
}

export function signOut(): void {
  forgetOnDevice();
  setKey('', false);
}
