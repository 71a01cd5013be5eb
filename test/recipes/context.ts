import type { AnswerReader } from "../../src/api/answers.ts";
import type { InputFile, RecipeContext } from "../../src/engine/recipe.ts";
import type { JsonObject } from "../../src/graph/json.ts";

/** What a recipe is given in a test, by input name; files by their text. */
export interface Given {
  readonly values?: Readonly<Record<string, unknown>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly lists?: Readonly<Record<string, readonly (readonly [name: string, text: string])[]>>;
  readonly modules?: Readonly<Record<string, unknown>>;
  readonly answers?: AnswerReader;
  readonly tools?: Readonly<Record<string, unknown>>;
}

/** A context that keeps everything in memory, and what the recipe made of it. */
export function contextOf(given: Given) {
  const outputs: string[] = [];
  let notes: JsonObject = {};
  const context: RecipeContext = {
    value<T>(input: string, absent?: T): T {
      if (absent !== undefined && !Object.hasOwn(given.values ?? {}, input)) return absent;
      if (!Object.hasOwn(given.values ?? {}, input)) throw new Error(`no value ${input}`);
      return given.values?.[input] as T;
    },
    file: (input) => textFile(input, given.files?.[input]),
    files: (input) => (given.lists?.[input] ?? []).map(([name, text]) => textFile(name, text)),
    async tool<T>(input: string): Promise<T> {
      if (!Object.hasOwn(given.tools ?? {}, input)) throw new Error(`no tool ${input}`);
      return given.tools?.[input] as T;
    },
    module: (input) => Promise.resolve(given.modules?.[input]),
    answers<T>(): T {
      if (given.answers === undefined) throw new Error("no answers");
      return given.answers as T;
    },
    output(index = 0) {
      outputs[index] ??= "";
      return {
        write: (data) => {
          outputs[index] += typeof data === "string" ? data : Buffer.from(data).toString("utf8");
          return Promise.resolve();
        },
      };
    },
    note(more) {
      notes = { ...notes, ...more };
    },
    signal: new AbortController().signal,
    threads: 1,
  };
  return { context, outputs, notes: () => notes };
}

function textFile(name: string, text: string | undefined): InputFile {
  if (text === undefined) throw new Error(`no file ${name}`);
  return {
    name,
    digest: undefined,
    bytes: () => Promise.resolve(Buffer.from(text)),
    text: () => Promise.resolve(text),
    async *lines() {
      yield* text.replace(/\n$/, "").split("\n");
    },
    async *pieces() {
      yield Buffer.from(text);
    },
    async *chunks() {
      yield Buffer.from(text);
    },
  };
}
