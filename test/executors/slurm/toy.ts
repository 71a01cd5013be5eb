import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Execution, Executor, Work } from "../../../src/engine/executor.ts";
import type { Clock } from "../../../src/engine/ports.ts";
import { type RunSlurm, seenByTasks, slurmCommands } from "../../../src/executors/slurm/commands.ts";
import { SLURM_DEFAULTS, type SlurmSettings } from "../../../src/executors/slurm/settings.ts";
import { slurmExecutor } from "../../../src/executors/slurm/slurm.ts";
import { type ActionKey, type Fingerprint, fingerprintOf, fingerprintOfJson } from "../../../src/graph/digest.ts";
import type { JsonObject } from "../../../src/graph/json.ts";
import type { TargetName } from "../../../src/graph/names.ts";
import { openStore, type Store } from "../../../src/store/store.ts";

/*
 * Works that do what they are told, made by toy-worker.ts on the nodes of a Slurm of the tests' own: what the executor does
 * about what clusters do is the same whatever is made.
 */

/** What a toy's making is to be. */
export interface Doing extends JsonObject {
  readonly name: string;
  /** Waits so long before it is made. */
  readonly sleepMs?: number;
  readonly act?: "write" | "fail" | "refuse" | "exit" | "eat-memory" | "damage" | "zombie" | "break-on-n1";
}

export function toyWork(doing: Doing, resources?: JsonObject): Work {
  const key = fingerprintOfJson(doing) as ActionKey;
  const identity = fingerprintOf("toy") as Fingerprint;
  const target = doing.name as TargetName;
  const recipe = "toy.ts" as Work["action"]["target"]["recipe"];
  const inputs = { doing: { kind: "value", value: doing, at: "toy" } } as const;
  return {
    action: {
      target: {
        name: target,
        outputs: [target],
        recipe,
        inputs,
        pool: "cpu",
        stage: "toys",
        ...(resources && { resources }),
      },
      key,
      manifest: { v: 1, recipe: { ref: recipe, identity, modules: {} }, outputs: 1, inputs: {} },
      files: {},
      environment: {},
    } as Work["action"],
    answers: undefined,
    describe: () =>
      Promise.resolve({
        ok: true,
        value: {
          v: 1,
          key,
          target,
          outputs: [target],
          recipe: { ref: recipe, identity },
          inputs,
          resources: resources ?? {},
        },
      }),
  };
}

const REAL_CLOCK: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export interface ToyCluster {
  readonly root: string;
  readonly store: Store;
  readonly notices: string[];
  /** Called for each call of one of Slurm's programs. */
  readonly calls: string[];
  /** The store as it is on disk now. */
  open(): Store;
  /** As a new process has it, but for the store's files. */
  executor(): Executor;
  env: Record<string, string>;
  remove(): void;
}

export const QUICK: Partial<SlurmSettings> = {
  resultsLagMs: 1500,
  queueLagMs: 1500,
  callMs: 20_000,
  firstWaitMs: 50,
  pollMs: 200,
  resources: { mem: "300M" },
};

/** Compiles what a process loads, wherever it was started. */
export const JITI = new URL("../../../node_modules/jiti/lib/jiti-register.mjs", import.meta.url).href;
const WORKER = [process.execPath, "--import", JITI, fileURLToPath(new URL("toy-worker.ts", import.meta.url))];

/** A cache in a temporary folder, and executors over it. */
export function toyCluster(
  env: Readonly<Record<string, string>>,
  settings: Partial<SlurmSettings> = {},
  root: string = mkdtempSync(join(tmpdir(), "dsgen-toys-")),
  clock: Clock = REAL_CLOCK,
): ToyCluster {
  const notices: string[] = [];
  const calls: string[] = [];
  const open = (): Store => {
    const opened = openStore({ cacheDir: join(root, "cache"), projectRoot: root, writable: true });
    if (!opened.ok) throw new Error(opened.error.message);
    return opened.value;
  };
  const cluster: ToyCluster = {
    root,
    store: open(),
    open,
    notices,
    calls,
    env: { ...seenByTasks(process.env), ...env },
    executor: () => {
      const store = open();
      const all = { ...SLURM_DEFAULTS, ...QUICK, ...settings };
      const slurm = slurmCommands({ env: cluster.env, boundMs: all.callMs });
      const run: RunSlurm = (program, args) => {
        calls.push(program);
        return slurm(program, args);
      };
      return slurmExecutor({
        paths: store.paths,
        journal: store.journal,
        blobs: store.blobs,
        clock,
        run,
        settings: all,
        head: { build: "toy", node: process.version },
        worker: WORKER,
        lastTook: () => undefined,
        emit: (event) => {
          if (event.type === "notice") notices.push(event.message);
        },
      });
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  return cluster;
}

/** The one array that a cluster's folder holds: its id. */
export function arraysOf({ store }: ToyCluster): readonly string[] {
  return readdirSync(join(store.paths.version, "elsewhere", "arrays"));
}

/** Runs works to their ends, as the engine does that waits. */
export async function finish(
  executor: Executor,
  works: readonly Work[],
  onLook: (standings: ReadonlyMap<ActionKey, Execution>) => void | Promise<void> = () => {},
  boundMs = 90_000,
): Promise<ReadonlyMap<string, Execution>> {
  const ends = new Map<string, Execution>();
  const end = performance.now() + boundMs;
  let left = works;
  for (;;) {
    const standings = await executor.run(left, { more: false, signal: new AbortController().signal });
    for (const { action } of left) {
      const standing = standings.get(action.key);
      if (standing !== undefined && standing.state !== "waiting") ends.set(action.target.name, standing);
    }
    left = left.filter(({ action }) => !ends.has(action.target.name));
    await onLook(standings);
    if (left.length === 0) return ends;
    if (performance.now() > end) throw new Error(`still waiting: ${JSON.stringify([...standings.values()])}`);
    await new Promise((resolve) => setTimeout(resolve, executor.nextLookMs()));
  }
}

/** Each making of a toy that was begun, in any process: workers note it. */
export function made(root: string): readonly string[] {
  try {
    return readdirSync(join(root, "made"))
      .map((name) => name.replace(/\.\d+\.\d+$/, ""))
      .sort();
  } catch {
    return [];
  }
}
