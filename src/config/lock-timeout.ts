/** Seconds that a command waits for the cache's lock where nothing else is said. */
export const LOCK_TIMEOUT_SECONDS = 60;
