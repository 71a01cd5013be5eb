import { closeSync, createReadStream, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { Digest } from "../graph/digest.ts";
import { ProblemError } from "../graph/problem.ts";
import type { ActionFile } from "./action.ts";
import { linePieces, notLinesOfText } from "./file-lines.ts";
import { unguarded } from "./guard.ts";
import { fill } from "./paths.ts";
import type { InputFile } from "./recipe.ts";

const CHUNK = 1 << 20;
const NEWLINE = 0x0a;
/** Small files are read into it, one after another; made with the first. */
let small: Buffer | undefined;

/** What dsgen reads on a recipe's behalf is declared: no guard need look at it. */
export class DiskFile implements InputFile {
  readonly name: string;
  readonly digest: Digest | undefined;
  readonly #path: string;
  /** A person wrote it, not a target. */
  readonly #written: boolean;

  constructor({ name, path, digest }: ActionFile, written: boolean) {
    this.name = name;
    this.digest = digest;
    this.#path = path;
    this.#written = written;
  }

  async bytes(): Promise<Uint8Array> {
    return await unguarded(() => this.#read());
  }

  async text(): Promise<string> {
    this.#check();
    return (await unguarded(() => this.#read())).toString("utf8");
  }

  async *lines(): AsyncIterable<string> {
    for await (const piece of this.#pieces()) {
      // One at a time: a megabyte of lines made texts of at once would outlive what is made of each.
      for (let start = 0; start < piece.length; ) {
        const newline = piece.indexOf(NEWLINE, start);
        const end = newline === -1 ? piece.length : newline;
        yield piece.toString("utf8", start, end);
        start = end + 1;
      }
    }
  }

  pieces(): AsyncIterable<Uint8Array> {
    return this.#pieces();
  }

  async *#pieces(): AsyncIterable<Buffer> {
    this.#check();
    for (const piece of linePieces(this.#path)) {
      yield piece;
      // Files are read without waiting: whoever else has something to do (a signal, the lock) is let in.
      await setImmediate();
    }
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    for await (const chunk of unguarded(() => createReadStream(this.#path, { highWaterMark: CHUNK }))) yield chunk;
  }

  /** Without waiting where that takes no longer than going to sleep: a target may be made of thousands of small files. */
  #read(): Buffer | Promise<Buffer> {
    const descriptor = openSync(this.#path, "r");
    try {
      small ??= Buffer.allocUnsafeSlow(CHUNK + 1);
      const bytes = fill(descriptor, small);
      if (bytes.length <= CHUNK) return Buffer.from(bytes);
    } finally {
      closeSync(descriptor);
    }
    return readFile(this.#path);
  }

  #check(): void {
    const wrong = this.#written ? unguarded(() => notLinesOfText(this.#path)) : undefined;
    if (wrong === undefined) return;
    throw new ProblemError({
      kind: "config",
      where: `${this.name}:${wrong.line}`,
      message: `expected UTF-8 text with lines that end in LF or CR LF, found ${wrong.found}.`,
      fix: "Save the file as UTF-8 with LF line ends.",
    });
  }
}
