import { InvalidArgumentError } from "commander";
import type { Ask } from "../events/schema.ts";
import type { Problem } from "../graph/problem.ts";
import type { ExecutorKind } from "./executor-choice.ts";

/** An option or operand: how it is written and read, and what it is where it is not given. */
export interface Taken<T> {
  readonly about: string;
  readonly absent: T;
  /** `<USD>`: the option takes a value. An option's own name is that of its member in the table: `maxCost`, `--max-cost`. */
  readonly value?: string;
  /** `[TARGET...]`: it is an operand, not an option. */
  readonly operand?: string;
  readonly short?: string;
  readonly choices?: readonly string[];
  /** A shell may offer these of the project. */
  readonly names?: Names;
  /** Members of the same table that it cannot be given with. */
  readonly conflicts?: readonly string[];
  read?(text: string, before: unknown): T;
}

export type Names = "targets" | "tasks" | "jobs";

export type Table = Readonly<Record<string, Taken<unknown>>>;

/** What was given for each member of a table. */
export type Given<T extends Table> = { readonly [Name in keyof T]: T[Name]["absent"] };

export function operand(written: `<${string}>`, about: string): Taken<string> {
  return { operand: written, about, absent: "" };
}

export function optionalOperand(written: `[${string}]`, about: string): Taken<string | undefined> {
  return { operand: written, about, absent: undefined };
}

export function operands(written: `[${string}...]`, about: string): Taken<readonly string[]> {
  return { operand: written, about, absent: [] };
}

export function flag(about: string, short?: string): Taken<boolean> {
  return { about, absent: false, ...(short === undefined ? {} : { short }) };
}

export function text(value: string, about: string): Taken<string | undefined> {
  return { value, about, absent: undefined };
}

/** An option that may be given several times. */
export function several(value: string, about: string): Taken<readonly string[]> {
  const read = (one: string, before: unknown) => [...(Array.isArray(before) ? before.map(String) : []), one];
  return { value, about, absent: [], read };
}

/** Names between commas. */
export function list(value: string, about: string): Taken<readonly string[] | undefined> {
  const read = (given: string) => {
    const found = given.split(",").map((name) => name.trim());
    if (found.includes("")) throw new InvalidArgumentError("Expected names separated by commas.");
    return found;
  };
  return { value, about, absent: undefined, read };
}

export function choice<C extends string>(value: string, about: string, choices: readonly C[]): Taken<C | undefined> {
  return { value, about, absent: undefined, choices };
}

interface Range {
  readonly expected: string;
  has(number: number): boolean;
}

export const AMOUNT: Range = { expected: "a number of at least 0", has: (number) => number >= 0 };
export const POSITIVE: Range = { expected: "a number above 0", has: (number) => number > 0 };
export const COUNT: Range = {
  expected: "a whole number of at least 0",
  has: (number) => Number.isSafeInteger(number) && number >= 0,
};
export const AT_LEAST_ONE: Range = {
  expected: "a whole number of at least 1",
  has: (number) => Number.isSafeInteger(number) && number > 0,
};
export const PORT: Range = {
  expected: "a port: 0 to 65535",
  has: (number) => Number.isInteger(number) && number >= 0 && number <= 65_535,
};

export function number(value: string, about: string, range: Range): Taken<number | undefined> {
  const read = (given: string) => {
    const found = given.trim() === "" ? Number.NaN : Number(given);
    if (!Number.isFinite(found) || !range.has(found)) throw new InvalidArgumentError(`Expected ${range.expected}.`);
    return found;
  };
  return { value, about, absent: undefined, read };
}

/** The options that every command takes. */
export const COMMON = {
  task: { ...text("<NAME>", "work on this task only"), names: "tasks" as const },
  provider: choice("<NAME>", "who answers requests", ["auto", "openai", "simulator"]),
  set: several("<KEY=VALUE>", "override a config value, as refusal.target_scenarios=50 (repeatable)"),
  configDir: text("<FOLDER>", "read the config from here instead of config/"),
  cacheDir: text("<FOLDER>", "keep the cache here instead of .dsgen-cache/"),
  breakLock: flag("take the lock of a holder that cannot be seen to live: if it does, both may pay"),
  json: flag("write events or results to stdout, one JSON object a line"),
  quiet: flag("say nothing but warnings and errors", "q"),
  verbose: flag("name every target", "v"),
  color: { ...choice("<WHEN>", "colour the output", ["auto", "always", "never"]), absent: "auto" as const },
};

export type CommonOptions = Given<typeof COMMON>;

/** What a session is opened with: the common options, those of a command's own that it reads, and the surroundings. */
export interface SessionOptions extends CommonOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** What the lock's holder is called in messages: `dsgen build`. */
  readonly command: string;
  readonly jobs?: number | undefined;
  /** Where what is free is made, whatever the config says. */
  readonly executor?: ExecutorKind | undefined;
  readonly maxCost?: number | undefined;
  readonly lockTimeout?: number | undefined;
  readonly poll?: number | undefined;
  readonly keepGoing?: boolean;
  readonly wait?: boolean;
  /** Datasets are made of what is there, under names of their own. */
  readonly partial?: boolean;
  readonly realtime?: boolean;
  /** The most requests that a real-time build asks. */
  readonly limit?: number | undefined;
  /** Asks again for what the provider has refused. */
  readonly retryRefused?: boolean;
  /** With no key, and none ever used here: real answers all the same, without calling out. */
  readonly realWithoutKey?: boolean;
  /** Buys what others of the project are asking now. */
  readonly buyAgain?: boolean;
  /** Takes in first what the shared caches have that the config names. */
  readonly readShared?: boolean;
  /** Told what is about to be asked, before any of it is sent; a problem that it answers is why nothing is. */
  readonly beforeSending?: (asks: readonly Ask[], signal: AbortSignal) => Promise<Problem | undefined>;
}
