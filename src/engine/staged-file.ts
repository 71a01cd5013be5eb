import { closeSync, openSync, writeFileSync } from "node:fs";
import { setImmediate as breathe } from "node:timers/promises";
import { guards } from "./guard.ts";
import type { OutputFile } from "./recipe.ts";

/** Characters that are gathered before they are written: a shard has a line for each of a hundred thousand candidates. */
const GATHERED = 1 << 18;

/** An output on its way to disk. What dsgen writes on a recipe's behalf is declared: no guard need look at it. */
export class StagedFile implements OutputFile {
  readonly #descriptor: number;
  #open = true;
  #gathered = "";

  constructor(path: string) {
    this.#descriptor = guards.exit(() => openSync(path, "wx"));
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (!this.#open) throw new Error("an output is written to after its recipe has ended");
    if (typeof data === "string") this.#gathered += data;
    if (typeof data === "string" && this.#gathered.length < GATHERED) return;
    this.#flush();
    if (typeof data !== "string") guards.exit(() => writeFileSync(this.#descriptor, data));
    // Written without waiting: whoever else has something to do (a signal, the lock) is let in.
    await breathe();
  }

  /** Writes what is left. Throws the system's error, closed all the same. */
  close(): void {
    try {
      this.#flush();
    } finally {
      this.abandon();
    }
  }

  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    guards.exit(() => closeSync(this.#descriptor));
  }

  #flush(): void {
    const text = this.#gathered;
    this.#gathered = "";
    if (text !== "") guards.exit(() => writeFileSync(this.#descriptor, text));
  }
}
