import { tmpdir } from "node:os";
import { packageRoot } from "../../src/cli/surroundings.ts";
import type { ActionDescriptor, Execution, Executor, Work } from "../../src/engine/executor.ts";
import { Modules } from "../../src/engine/modules.ts";
import { readResult } from "../../src/executors/results.ts";
import { readWork, writeWork } from "../../src/executors/work-file.ts";
import { runWork, type WorkerSurroundings } from "../../src/executors/worker.ts";
import { fingerprintOf } from "../../src/graph/digest.ts";
import { type Bench, wordTools } from "./suite.ts";

/** Another process's view of the same folders. */
export async function workerOn(
  { project, store }: Bench,
  more: Partial<WorkerSurroundings> = {},
): Promise<WorkerSurroundings> {
  return {
    build: "this build",
    node: process.version,
    paths: store.paths,
    modules: Modules.open(project.root, packageRoot(), store.content),
    toolOf: () => wordTools,
    scratch: tmpdir(),
    threads: 2,
    signal: new AbortController().signal,
    host: "node1",
    tell: () => undefined,
    ...more,
  };
}

/** All of these as one part of a descriptor file. */
export function handOver({ project, store }: Bench, attempt: string, actions: readonly ActionDescriptor[]): string {
  const { root: projectRoot, cacheDir } = project;
  const head = { attempt, build: "this build", node: process.version, projectRoot, cacheDir };
  const file = writeWork(store.paths, head, [[], actions]);
  if (!file.ok) throw new Error(file.error.message);
  return file.value;
}

/**
 * The least there can be to give work to workers: a descriptor file, a worker in this process that knows nothing else, and its
 * results as a coordinator reads them. What it has handed over it tells of at the next look only.
 */
export function workerExecutor(bench: Bench, more: Partial<WorkerSurroundings> = {}): Executor {
  const begun = new Set<string>();
  return {
    name: "worker",
    nextLookMs: () => 1,
    run: async (works) => {
      const ends = new Map<Work["action"]["key"], Execution>();
      for (const work of works) {
        const { key } = work.action;
        const attempt = fingerprintOf(`${key} first`);
        if (begun.has(key)) {
          const found = readResult(bench.store, work.action, attempt);
          if (found.state === "absent" || found.state === "damaged") throw new Error(found.state);
          ends.set(key, found.state === "refused" ? { state: "failed", problem: found.problem } : found);
          continue;
        }
        const described = await work.describe();
        if (!described.ok) {
          ends.set(key, { state: "failed", problem: described.error });
          continue;
        }
        begun.add(key);
        const file = handOver(bench, attempt, [described.value]);
        const part = readWork(file, 1);
        if (!part.ok) throw new Error(part.error.message);
        await runWork(part.value, await workerOn(bench, more));
        ends.set(key, {
          state: "waiting",
          on: { executor: "worker", job: attempt, reason: "to be looked at", since: 0 },
        });
      }
      return ends;
    },
  };
}
