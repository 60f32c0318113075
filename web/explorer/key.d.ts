export function currentKey(): string;
export function isKeptOnDevice(): boolean;
export function setKey(key: string, isKept: boolean): void;
export function forgetOnDevice(): void;
export function onKeyChange(listener: () => void): () => void;
