import { limited } from "./limited.ts";

/** The time that a build has for shared caches in all. It runs while one is waited for, and not in between. */
export class Allowance {
  #leftMs: number;
  #since = 0;
  #waiting = 0;

  constructor(milliseconds: number) {
    this.#leftMs = milliseconds;
  }

  /** What `work` comes to, whose signal aborts when the time is up, or with the outer one. */
  async spend<T>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) this.#since = performance.now();
    try {
      return await limited(outer, Math.max(0, this.#leftMs - (performance.now() - this.#since)), work);
    } finally {
      if (--this.#waiting === 0) this.#leftMs -= performance.now() - this.#since;
    }
  }
}
