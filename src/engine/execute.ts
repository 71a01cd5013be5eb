import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { isOwnRecipe, type RecipeRef } from "../graph/names.ts";
import { type Problem, ProblemError, wordsOf } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Input } from "../graph/target.ts";
import type { Makeable } from "./action.ts";
import { problemOfSystem } from "./blocked-path.ts";
import { runForeign } from "./foreign-code.ts";
import { type Guard, guarded, guardFor, guards, unguarded } from "./guard.ts";
import { guardClock } from "./guarded-clock.ts";
import { DiskFile } from "./input-file.ts";
import type { Modules } from "./modules.ts";
import type { Tools } from "./ports.ts";
import type { InputFile, OutputFile, Recipe, RecipeContext } from "./recipe.ts";
import type { Made } from "./recipe-threads.ts";
import { StagedFile } from "./staged-file.ts";

/** With its staging folder. */
export interface Staged extends Made {
  /** Removes the staging folder and what is left in it. */
  dispose(): void;
}

export interface ExecuteOptions {
  readonly modules: Modules;
  readonly tools: Tools;
  /** Staging folders are made here; on the cache's own file system, so that storing is a rename. */
  readonly stagingRoot: string;
  readonly threads: number;
  readonly signal: AbortSignal;
  /** What the action's gate let through. */
  readonly answers: unknown;
  /** How far the clock is ahead for a project's own code. */
  readonly clockAheadMs?: number;
}

/** What a recipe's context is made of. In a thread there are no modules: what asks for one is not run there. */
export type Surroundings = Pick<ExecuteOptions, "threads" | "signal" | "answers" | "clockAheadMs"> & {
  readonly modules?: Modules;
  readonly tools: Pick<Tools, "open">;
};

/**
 * Runs an action's recipe on its declared inputs, into a staging folder. Nothing is placed or stored here.
 * A recipe that throws, leaves an output out, or reads what it did not declare is a failed target, never a crash.
 */
export function execute(action: Makeable, options: ExecuteOptions): Promise<Result<Staged, Problem>> {
  const { recipe, inputs } = action.target;
  const foreign = !isOwnRecipe(recipe) || Object.values(inputs).some(({ kind }) => kind === "module");
  return foreign ? runForeign(() => run(action, options)) : run(action, options);
}

async function run(action: Makeable, options: ExecuteOptions): Promise<Result<Staged, Problem>> {
  const loaded = await options.modules.load(action.target.recipe);
  // Before what came of loading: a module that looks for a file that is not there may throw for that.
  const guard = guardOf(action.target.recipe, action, options);
  if (guard?.problem !== undefined) return err(guard.problem);
  if (!loaded.ok) return err({ ...loaded.error, where: `${action.target.name}: ${loaded.error.where}` });
  const recipe = loaded.value;
  if (!isRecipe(recipe)) {
    return err({
      kind: "recipe",
      where: action.target.name,
      message: `the default export of ${action.target.recipe} is not a function.`,
      fix: "Export `defineRecipe(async (context) => { … })`.",
    });
  }
  mkdirSync(options.stagingRoot, { recursive: true });
  const folder = mkdtempSync(join(options.stagingRoot, "action-"));
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  const thread = guard === undefined && isWorthAThread(action, options);
  const made = await (thread ? makeApart(action, folder, options) : makeIn(folder, recipe, action, options, guard));
  if (made.ok) return ok({ ...made.value, dispose });
  dispose();
  return made;
}

/** What a recipe made, in a folder that is there and empty. */
export async function makeIn(
  folder: string,
  recipe: Recipe,
  action: Makeable,
  options: Surroundings,
  guard?: Guard,
): Promise<Result<Made, Problem>> {
  const started = performance.now();
  const context = new Context(action, options, folder);
  try {
    await guarded(guard, () => recipe(context));
    const undeclared = guard?.problem ?? context.undeclared;
    // Code may have caught the error; what it made still hangs on what it saw.
    if (undeclared !== undefined) throw new ProblemError(undeclared);
    const { files, written } = context.finish();
    return ok({ files, written, notes: context.notes, durationMs: performance.now() - started });
  } catch (error) {
    context.abandon();
    return err(guard?.problem ?? context.undeclared ?? problemOf(error, action));
  }
}

/** Sources that are compiled on the fly are run where they were loaded. */
const HAS_THREADS = !import.meta.url.endsWith(".ts");
/** Bytes of inputs from which on a thread is worth its start: 20 to 100 milliseconds, and a heap of its own. */
const WORTH_A_THREAD = 1 << 18;

/**
 * Whether a recipe is run in a thread of its own: one of dsgen's, which need no guard, that reads much. Shards are then made
 * on every processor, and this thread answers signals and shows what is going on.
 */
function isWorthAThread({ target, files }: Makeable, { threads, clockAheadMs, answers }: ExecuteOptions): boolean {
  if (threads < 2 || clockAheadMs !== undefined || answers !== undefined || !HAS_THREADS) return false;
  if (Object.values(target.inputs).some(({ kind }) => kind === "module")) return false;
  let size = 0;
  for (const { path } of Object.values(files).flat()) {
    size += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size >= WORTH_A_THREAD) return true;
  }
  return false;
}

async function makeApart(action: Makeable, folder: string, options: ExecuteOptions): Promise<Result<Made, Problem>> {
  const { recipe } = action.target;
  const module = options.modules.resolve(recipe);
  if (!module.ok) return module;
  const changed = () => options.modules.changedSinceKeyed(recipe);
  const { makeInThread } = await import("./recipe-threads.ts");
  return makeInThread({ action, module: module.value, folder }, { ...options, changed });
}

interface Guarding {
  readonly modules: Modules;
  readonly clockAheadMs?: number | undefined;
}

/** The guard of a recipe or check of the project's own while it makes this action's target. */
function guardOf(code: RecipeRef, action: Makeable, options: Guarding): Guard | undefined {
  const identity = options.modules.identity(code);
  if (!identity.ok) throw new ProblemError(identity.error);
  if (options.clockAheadMs !== undefined) guardClock();
  const files = Object.values(action.files).flatMap((input) => input.map(({ path }) => path));
  return guardFor(code, identity.value, {
    where: action.target.name,
    projectRoot: options.modules.projectRoot,
    files,
    environment: action.environment,
    clockAheadMs: options.clockAheadMs ?? 0,
  });
}

function isRecipe(value: unknown): value is Recipe {
  return typeof value === "function";
}

function problemOf(error: unknown, action: Makeable): Problem {
  if (error instanceof ProblemError) return error.problem;
  const errno = problemOfSystem(error, action.target.name);
  if (errno !== undefined) return errno;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = stack.split("\n").find((line) => /^\s+at .*(recipes|targets)/.test(line));
  return {
    kind: "recipe",
    where: action.target.name,
    message: `the recipe ${action.target.recipe} threw ${wordsOf(error)}${at === undefined ? "" : ` (${at.trim()})`}.`,
    fix: "This is a bug in the recipe; its inputs are untouched and nothing was stored.",
  };
}

class Context implements RecipeContext {
  readonly signal: AbortSignal;
  readonly threads: number;
  notes: JsonObject = {};
  readonly #action: Makeable;
  readonly #options: Surroundings;
  readonly #folder: string;
  readonly #outputs = new Map<number, StagedFile>();
  readonly #guards: Guard[] = [];

  constructor(action: Makeable, options: Surroundings, folder: string) {
    this.#action = action;
    this.#options = options;
    this.#folder = folder;
    this.signal = options.signal;
    this.threads = options.threads;
  }

  value<T>(input: string, absent?: T): T {
    if (absent !== undefined && this.#action.target.inputs[input] === undefined) return absent;
    // A copy: targets share config values, and a recipe that changed one would change the others'.
    return structuredClone(this.#declared("value", input, ["value"]).value) as T;
  }

  file(input: string): InputFile {
    const { kind } = this.#declared("file", input, ["file", "target"]);
    const file = this.#action.files[input]?.[0];
    if (file === undefined) throw this.#undeclared("file", input);
    return new DiskFile(file, kind === "file");
  }

  files(input: string): readonly InputFile[] {
    const { kind } = this.#declared("list of files", input, ["glob", "targets", "expand"]);
    return (this.#action.files[input] ?? []).map((file) => new DiskFile(file, kind === "glob"));
  }

  async tool<T>(input: string): Promise<T> {
    const { tool } = this.#declared("tool", input, ["tool"]);
    const handle = await unguarded(() => this.#options.tools.open(tool));
    // A tool's files are hashed as an input: where its handle says in which folder they lie, the recipe may read them.
    if (isJsonObject(handle) && typeof handle["folder"] === "string") guards.getStore()?.allow(handle["folder"]);
    return handle as T;
  }

  async module(input: string): Promise<unknown> {
    const { module } = this.#declared("module", input, ["module"]);
    const { modules, clockAheadMs } = this.#options;
    if (modules === undefined) throw new Error("a thread was given a recipe that asks for a module");
    const loaded = await unguarded(() => modules.load(module));
    const guard = guardOf(module, this.#action, { modules, clockAheadMs });
    if (guard !== undefined) this.#guards.push(guard);
    if (!loaded.ok) throw new ProblemError(loaded.error);
    const { value } = loaded;
    if (guard === undefined || typeof value !== "function") return value;
    return (...args: readonly unknown[]): unknown => guarded(guard, () => Reflect.apply(value, undefined, args));
  }

  /** What a module that was asked for touched without its being declared. */
  get undeclared(): Problem | undefined {
    return this.#guards.find(({ problem }) => problem !== undefined)?.problem;
  }

  answers<T>(): T {
    if (this.#options.answers === undefined) throw this.#undeclared("gate", "answers");
    return this.#options.answers as T;
  }

  output(index = 0): OutputFile {
    const name = this.#action.target.outputs[index];
    if (name === undefined) {
      throw new ProblemError({
        kind: "recipe",
        where: this.#action.target.name,
        message: `the recipe writes output ${index}, but the target declares ${this.#action.target.outputs.length}.`,
        fix: "List every file it makes in the target's `outputs`.",
      });
    }
    const file = this.#outputs.get(index) ?? new StagedFile(this.#path(index));
    this.#outputs.set(index, file);
    return { write: (data) => file.write(data) };
  }

  note(notes: JsonObject): void {
    this.notes = { ...this.notes, ...notes };
  }

  /** Closes every output. Throws for one that was declared and never opened. */
  finish(): Pick<Made, "files" | "written"> {
    for (const [i, name] of this.#action.target.outputs.entries()) {
      if (this.#outputs.has(i)) continue;
      throw new ProblemError({
        kind: "recipe",
        where: name,
        message: `the recipe ${this.#action.target.recipe} ended without writing this declared output.`,
        fix: "Open every declared output, even one that stays empty.",
      });
    }
    const written = this.#action.target.outputs.flatMap((_, i) => this.#outputs.get(i)?.close() ?? []);
    return { files: this.#action.target.outputs.map((_, i) => this.#path(i)), written };
  }

  abandon(): void {
    for (const file of this.#outputs.values()) file.abandon();
  }

  #path(index: number): string {
    return join(this.#folder, String(index));
  }

  /** @param as what the recipe takes it for */
  #declared<Kind extends Input["kind"]>(as: string, input: string, kinds: readonly Kind[]) {
    const declared = this.#action.target.inputs[input];
    if (declared === undefined || !isOneOf(declared, kinds)) throw this.#undeclared(as, input);
    return declared;
  }

  #undeclared(as: string, input: string): ProblemError {
    const { name, inputs } = this.#action.target;
    const all = Object.entries(inputs).map(([declared, { kind }]) => `${declared} (${kind})`);
    return new ProblemError({
      kind: "recipe",
      where: name,
      message: `the recipe reads "${input}" as a ${as}, which the target does not declare; it declares ${all.join(", ") || "nothing"}.`,
      fix: "Declare it among the target's inputs, so that a change to it is noticed.",
    });
  }
}

function isOneOf<Kind extends Input["kind"]>(input: Input, kinds: readonly Kind[]): input is Input & { kind: Kind } {
  return kinds.some((kind) => kind === input.kind);
}
