/*
 * Whether code that is not dsgen's (a project's recipes, checks, targets) is under way. JavaScript cannot be interrupted by
 * JavaScript: while such code may hold the thread, a signal handler would never run, so whoever handles signals must know.
 */

export interface ForeignCodeWatcher {
  began(): void;
  ended(): void;
}

let underWay = 0;
let watcher: ForeignCodeWatcher | undefined;

/** Tells `of` whenever the first of such code begins, and when the last has ended; at once if some is under way. */
export function watchForeignCode(of: ForeignCodeWatcher): void {
  watcher = of;
  if (underWay > 0) of.began();
}

/** Runs code that is not dsgen's. */
export async function runForeign<T>(run: () => T | Promise<T>): Promise<T> {
  underWay++;
  if (underWay === 1) watcher?.began();
  try {
    return await run();
  } finally {
    underWay--;
    if (underWay === 0) watcher?.ended();
  }
}
