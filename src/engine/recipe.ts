import type { JsonObject } from "../graph/json.ts";

/*
 * What a recipe is. A recipe module's default export takes a context and nothing else: its declared inputs by name, a
 * place for its outputs, and a place for notes. It may be run in this process, in a worker, or on another machine.
 */

/** One input file. Its name is for messages; where it lies on this machine is not the recipe's business. */
export interface InputFile {
  readonly name: string;
  /** The SHA-256 of its content, where a target made it; of what a person wrote it is not known. */
  readonly digest: string | undefined;
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
  /** The lines without their ends, streamed: memory stays flat whatever the file's size. An empty last line is left out. */
  lines(): AsyncIterable<string>;
  /**
   * The same as bytes, with their ends: whole lines, about a megabyte at a time, good until the next is asked for. For what
   * looks at a million lines and needs the text of few.
   */
  pieces(): AsyncIterable<Uint8Array>;
  /** The bytes, a megabyte at a time. */
  chunks(): AsyncIterable<Uint8Array>;
}

export interface OutputFile {
  /** Resolves when it is safe to write more. */
  write(data: string | Uint8Array): Promise<void>;
}

export interface RecipeContext {
  /**
   * A declared config value, as the config's schema has checked it; the caller states the type that schema gave.
   * @param absent what it is where the target declares no input of that name; without it, that is an error
   */
  value<T>(input: string, absent?: T): T;
  /** A declared `file` or `target`. */
  file(input: string): InputFile;
  /** A declared `glob`, `targets` or `expand`, in declared (or path) order. */
  files(input: string): readonly InputFile[];
  /** A declared tool's handle. */
  tool<T>(input: string): Promise<T>;
  /** The default export of a declared module; the caller states what it must be, and checks it. */
  module(input: string): Promise<unknown>;
  /** What the target's gate let through; the caller states its type. */
  answers<T>(): T;
  /** The target's n-th output (0 is its name). Each declared output must be opened, even to stay empty. */
  output(index?: number): OutputFile;
  /** Kept in the trace, shown by reports. Must not depend on time, place or order of arrival. */
  note(notes: JsonObject): void;
  readonly signal: AbortSignal;
  /** How many threads the recipe may use; never allowed to show in its output. */
  readonly threads: number;
}

export type Recipe = (context: RecipeContext) => Promise<void>;

/** Gives a recipe module's default export its type. */
export function defineRecipe(recipe: Recipe): Recipe {
  return recipe;
}
