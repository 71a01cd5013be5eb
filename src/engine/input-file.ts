import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { ProblemError } from "../graph/problem.ts";
import { guards } from "./guard.ts";
import type { InputFile } from "./recipe.ts";
import { notLinesOfText } from "./text-file.ts";

/** What dsgen reads on a recipe's behalf is declared: no guard need look at it. */
export class DiskFile implements InputFile {
  readonly name: string;
  readonly #path: string;
  /** A person wrote it, not a target. */
  readonly #written: boolean;

  constructor(name: string, path: string, written: boolean) {
    this.name = name;
    this.#path = path;
    this.#written = written;
  }

  bytes(): Promise<Uint8Array> {
    return guards.exit(() => readFile(this.#path));
  }

  async text(): Promise<string> {
    this.#check();
    return await guards.exit(() => readFile(this.#path, "utf8"));
  }

  async *lines(): AsyncIterable<string> {
    this.#check();
    const input = guards.exit(() => createReadStream(this.#path, { encoding: "utf8", highWaterMark: 1 << 18 }));
    for await (const line of splitLines(input)) yield line;
  }

  #check(): void {
    const wrong = this.#written ? guards.exit(() => notLinesOfText(this.#path)) : undefined;
    if (wrong === undefined) return;
    throw new ProblemError({
      kind: "config",
      where: `${this.name}:${wrong.line}`,
      message: `expected UTF-8 text with lines that end in LF or CR LF, found ${wrong.found}.`,
      fix: "Save the file as UTF-8 with LF line ends.",
    });
  }
}

/** Splits at LF only: U+2028 and a lone CR are content, which readline would take for line ends. */
async function* splitLines(chunks: AsyncIterable<string>): AsyncIterable<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
