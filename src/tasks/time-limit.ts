import { createContext, Script } from "node:vm";
import { isMainThread } from "node:worker_threads";

/*
 * JavaScript cannot stop JavaScript that does not return: while a regular expression backtracks or a loop turns, no timer
 * and no signal handler runs. The watchdog of node:vm is a thread of its own and can; it ends a regular expression inside
 * one match, and a loop whatever it catches. What runs is our own code called from the script, not the script's.
 */

const cell: { run: () => void } = { run: () => undefined };
const context = createContext(cell);
const call = new Script("run()");

export type Limited<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "timed-out" }
  /** By Ctrl-C, which has been passed on to whoever listens for it. */
  | { readonly kind: "interrupted" };

/**
 * Runs synchronous code for at most so many milliseconds by the clock. One call costs some tenths of a millisecond, so
 * many short runs go into one. What the code throws is thrown.
 */
export function runWithin<T>(milliseconds: number, run: () => T): Limited<T> {
  let outcome: (() => T) | undefined;
  cell.run = () => {
    try {
      const value = run();
      outcome = () => value;
    } catch (error) {
      outcome = () => {
        throw error;
      };
    }
  };
  try {
    // Ctrl-C must not wait for the limit, which may be minutes. Worker threads get no signals: the main thread has them.
    call.runInContext(context, { timeout: Math.ceil(milliseconds), breakOnSigint: isMainThread });
  } catch (error) {
    // Made in the script's context, it is no Error of ours.
    const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
    if (code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return { kind: "timed-out" };
    if (code !== "ERR_SCRIPT_EXECUTION_INTERRUPTED") throw error;
    // The watchdog has taken the signal for itself; the listeners are back now.
    process.kill(process.pid, "SIGINT");
    return { kind: "interrupted" };
  } finally {
    cell.run = () => undefined;
  }
  if (outcome === undefined) throw new Error("the code to be timed was not run");
  return { kind: "done", value: outcome() };
}
