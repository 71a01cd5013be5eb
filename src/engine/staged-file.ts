import { closeSync, openSync, writeFileSync } from "node:fs";
import { setImmediate as breathe } from "node:timers/promises";
import { digestStream } from "../graph/digest.ts";
import { unguarded } from "./guard.ts";
import type { OutputBlob } from "./ports.ts";
import type { OutputFile } from "./recipe.ts";

/** Bytes that are gathered before they are written: a shard has a line for each of a hundred thousand candidates. */
const GATHERED = 1 << 18;
/** UTF-8 takes at most so many bytes for a unit of a string. */
const WIDEST = 3;

/** Of the last output that was closed, for the next: most hold far less than their room. */
let spare: Buffer | undefined;

function room(): Buffer {
  const taken = spare ?? Buffer.allocUnsafeSlow(GATHERED + WIDEST);
  spare = undefined;
  return taken;
}

/** An output on its way to disk. What dsgen writes on a recipe's behalf is declared: no guard need look at it. */
export class StagedFile implements OutputFile {
  readonly #descriptor: number;
  #open = true;
  /** Bytes and not text: thousands of lines put together as one string are as many objects for the collector to carry along. */
  readonly #gathered = room();
  #length = 0;
  /** Of all that was written to the file: it is stored without being read again. */
  readonly #hash = digestStream();
  #size = 0;
  /** The first half of a surrogate pair that a string has ended with: the next may bring the other. */
  #half = "";

  constructor(path: string) {
    this.#descriptor = unguarded(() => openSync(path, "wx"));
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (!this.#open) throw new Error("an output is written to after its recipe has ended");
    if (typeof data !== "string") this.#endHalf();
    const bytes = typeof data === "string" ? this.#gather(this.#whole(data)) : this.#gatherBytes(data);
    if (bytes === undefined) return;
    this.#flush();
    this.#put(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    // Written without waiting: whoever else has something to do (a signal, the lock) is let in.
    await breathe();
  }

  /** Writes what is left; what the file holds now. Throws the system's error, closed all the same. */
  close(): OutputBlob {
    try {
      this.#endHalf();
      this.#flush();
    } finally {
      this.abandon();
    }
    return { digest: this.#hash.end(), size: this.#size };
  }

  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    spare = this.#gathered;
    unguarded(() => closeSync(this.#descriptor));
  }

  #whole(data: string): string {
    const text = this.#half + data;
    const last = text.charCodeAt(text.length - 1);
    this.#half = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : "";
    return this.#half === "" ? text : text.slice(0, -1);
  }

  /** There is room for what stands for a half without the other. */
  #endHalf(): void {
    this.#length += this.#gathered.write(this.#half, this.#length);
    this.#half = "";
  }

  /** Answers the text where there is no room for it. */
  #gather(text: string): string | undefined {
    if (text.length * WIDEST > GATHERED - this.#length) return text;
    this.#length += this.#gathered.write(text, this.#length);
    return undefined;
  }

  /** Answers the bytes where there is no room for them. */
  #gatherBytes(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length > GATHERED - this.#length) return bytes;
    this.#gathered.set(bytes, this.#length);
    this.#length += bytes.length;
    return undefined;
  }

  #flush(): void {
    const bytes = this.#gathered.subarray(0, this.#length);
    this.#length = 0;
    if (bytes.length > 0) this.#put(bytes);
  }

  #put(bytes: Uint8Array): void {
    unguarded(() => writeFileSync(this.#descriptor, bytes));
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }
}
