import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { JsonObject } from "../graph/json.ts";
import { type Problem, wordsOf } from "../graph/problem.ts";
import { err, type Result } from "../graph/result.ts";
import type { ToolRef } from "../graph/target.ts";
import type { Makeable } from "./action.ts";
import type { OutputBlob, Tools } from "./ports.ts";

/*
 * Threads that run dsgen's own recipes. A recipe sees its context and nothing else, so that where it runs never shows in
 * what it makes. Threads outlive the recipe that started them, for the next one to find its code and tools loaded, do
 * not keep the process alive, and go after a while.
 */

/** What a recipe left in its staging folder. */
export interface Made {
  /** The staged files, in the order of the target's outputs. */
  readonly files: readonly string[];
  /** What was written to each. */
  readonly written: readonly OutputBlob[];
  readonly notes: JsonObject;
  readonly durationMs: number;
}

/** What a thread is told to make. */
export interface Task {
  readonly action: Makeable;
  /** The recipe's module, by its absolute path. */
  readonly module: string;
  /** Where its outputs go. */
  readonly folder: string;
}

/** With the tools that it may ask for, by `nameOf`. */
export type ToThread = Task & { readonly handles: ReadonlyMap<string, unknown> };

export interface FromThread {
  readonly made: Result<Made, Problem>;
  /** The module was loaded for this: what it holds now may be other than what the action's key says. */
  readonly loaded: boolean;
}

interface Surroundings {
  readonly tools: Pick<Tools, "open">;
  readonly signal: AbortSignal;
  /** Why a module is not what it was keyed as. */
  readonly changed: () => Problem | undefined;
}

/** By which a thread finds a tool's handle. */
export function nameOf(tool: ToolRef): string {
  return `${tool.kind} ${tool.name}`;
}

/**
 * How much a heap may grow before V8 collects it again, in parts of a hundred. Left to itself it lets each thread's heap grow to several
 * times what the thread holds.
 */
const HEAP_GROWTH = 80;
let heapsKeptSmall = false;

const IDLE_MS = 30_000;
const idle = new Map<Worker, NodeJS.Timeout>();

/** Runs a recipe in a thread. One that ends in the middle (a bug, want of memory) is a failed target, never a crash. */
export async function makeInThread(
  task: Task,
  { tools, signal, changed }: Surroundings,
): Promise<Result<Made, Problem>> {
  const handles = new Map<string, unknown>();
  for (const input of Object.values(task.action.target.inputs))
    if (input.kind === "tool") handles.set(nameOf(input.tool), await tools.open(input.tool));
  const worker = takeWorker();
  const over = new AbortController();
  try {
    const { made, loaded } = await new Promise<FromThread>((resolve, reject) => {
      // Whatever it is at, it is ended: nothing of it was to be kept.
      signal.addEventListener("abort", () => reject(signal.reason), { signal: over.signal });
      worker.once("message", resolve);
      worker.once("messageerror", reject);
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`it ended with ${code}`)));
      worker.postMessage({ ...task, handles } satisfies ToThread);
      signal.throwIfAborted();
    });
    const problem = loaded ? changed() : undefined;
    if (problem === undefined) giveBack(worker);
    else await worker.terminate();
    return problem === undefined ? made : err(problem);
  } catch (error) {
    await worker.terminate();
    return err(ended(error, task.action));
  } finally {
    over.abort();
  }
}

function keepHeapsSmall(): void {
  if (heapsKeptSmall) return;
  heapsKeptSmall = true;
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
  // V8 takes kept code only under the flags that it was made under: it is kept at the end (bin/start.js), under those of a start.
  process.prependOnceListener("exit", () => setFlagsFromString("--heap-growing-percent=0"));
}

function takeWorker(): Worker {
  const [known] = idle.keys();
  if (known === undefined) {
    keepHeapsSmall();
    return new Worker(new URL("./recipe-worker.js", import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
  }
  clearTimeout(idle.get(known));
  idle.delete(known);
  known.ref();
  return known;
}

function giveBack(worker: Worker): void {
  // By name: without one, the listeners go by which Node itself sees who listens, and no answer is heard any more.
  for (const event of ["message", "messageerror", "error", "exit"]) worker.removeAllListeners(event);
  const end = () => {
    idle.delete(worker);
    void worker.terminate();
  };
  // Whatever ends an idle thread ends nothing else.
  worker.once("error", end);
  worker.once("exit", end);
  worker.unref();
  idle.set(worker, setTimeout(end, IDLE_MS).unref());
}

function ended(error: unknown, { target }: Makeable): Problem {
  return {
    kind: "recipe",
    where: target.name,
    message: `the thread that made it ended in the middle: ${wordsOf(error)}.`,
    fix: "Nothing of it was stored. Run again; with --jobs 1 it is made without a thread.",
  };
}
