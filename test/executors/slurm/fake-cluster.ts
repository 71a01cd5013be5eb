import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Execution, Executor, Work } from "../../../src/engine/executor.ts";
import type { Clock } from "../../../src/engine/ports.ts";
import { type WorkerResult, writeResult } from "../../../src/executors/results.ts";
import { publishBlob, sharedFolders } from "../../../src/executors/shared-folder.ts";
import type { ArrayJob } from "../../../src/executors/slurm/array.ts";
import { ArrayBook } from "../../../src/executors/slurm/array-book.ts";
import { folderOf } from "../../../src/executors/slurm/array-folder.ts";
import type { SlurmSettings } from "../../../src/executors/slurm/settings.ts";
import type { ActionKey } from "../../../src/graph/digest.ts";
import { type FakeSlurm, type FakeTask, fakeSlurm } from "../../support/fake-slurm.ts";
import { type ToyCluster, toyCluster, toyWork } from "./toy.ts";

/* A cluster of the test's own words: its programs are fakes, its clock is moved by hand, and its tasks are the test. */

export interface FakeCluster {
  readonly slurm: FakeSlurm;
  readonly toys: ToyCluster;
  readonly clock: Clock & { pass(ms: number): void };
  /** One look of a build; the standings by the works' names. */
  look(executor: Executor, works: readonly Work[], more?: boolean): Promise<Readonly<Record<string, Execution>>>;
  /** As another process has it: all that it knows is on disk. */
  executor(): Executor;
  arrays(): readonly ArrayJob[];
  /** Names of the works of each task, by array. */
  cut(works: readonly Work[]): readonly (readonly (readonly string[])[])[];
  /** A node makes everything of a task. */
  make(array: ArrayJob, task: number, durationMs?: number): Promise<void>;
  /** What the queue says of a task from now on. */
  say(array: ArrayJob, task: number, said: Partial<FakeTask>): void;
  /** What a task left of itself. */
  leave(
    array: ArrayJob,
    task: number,
    left: { readonly node?: string; readonly exit?: number; readonly log?: string },
  ): void;
}

export function fakeCluster(settings: Partial<SlurmSettings> = {}): FakeCluster {
  const slurm = fakeSlurm();
  let passed = 0;
  const pass = (ms: number) => {
    passed += ms;
  };
  const began = Date.now();
  const clock = {
    now: () => began + passed,
    monotonic: () => passed,
    sleep: (ms: number) => Promise.resolve(pass(ms)),
    pass,
  };
  const toys = toyCluster(slurm.env, { callMs: 20_000, ...settings }, undefined, clock);
  onTestFinished(() => {
    toys.remove();
    slurm.remove();
  });
  const paths = toys.store.paths;
  const { folder, tmp } = sharedFolders(paths);
  const nameOf = (works: readonly Work[], key: ActionKey) =>
    works.find(({ action }) => action.key === key)?.action.target.name ?? "?";
  const arrays = () => new ArrayBook(toys.open().journal).all();
  return {
    slurm,
    toys,
    clock,
    executor: () => toys.executor(),
    arrays,
    async look(executor, works, more = false) {
      const standings = await executor.run(works, { more, signal: new AbortController().signal });
      return Object.fromEntries(
        works.map(({ action }) => {
          const standing = standings.get(action.key);
          if (standing === undefined) throw new Error(`nothing was said of ${action.target.name}`);
          return [action.target.name, standing];
        }),
      );
    },
    cut: (works) => arrays().map(({ tasks }) => tasks.map((keys) => keys.map((key) => nameOf(works, key)))),
    async make(array, task, durationMs = 5) {
      for (const key of array.tasks[task] ?? []) {
        const staging = mkdtempSync(join(toys.root, "toy-"));
        writeFileSync(join(staging, "0"), `${key}\n`);
        const blob = await publishBlob(join(staging, "0"), paths, tmp);
        rmSync(staging, { recursive: true });
        publish(array, key, { state: "made", outputs: [blob], notes: {}, durationMs });
      }
    },
    say: (array, task, said) =>
      slurm.edit(({ jobs }) => {
        const found = jobs.find(({ id }) => String(id) === array.slurm)?.tasks[task];
        if (found === undefined) throw new Error(`no task ${task} of ${array.slurm}`);
        Object.assign(found, said);
      }),
    leave(array, task, { node, exit, log }) {
      const of = folderOf(folder, array.id);
      mkdirSync(of, { recursive: true });
      if (node !== undefined) writeFileSync(join(of, `${task}.node`), `${node}\n`);
      if (exit !== undefined) writeFileSync(join(of, `${task}.exit`), `${exit}\n`);
      if (log !== undefined) writeFileSync(join(of, `${task}.log`), log);
    },
  };

  function publish(array: ArrayJob, key: ActionKey, result: WorkerResult): void {
    const { manifest } = toyWork({ name: "any" }).action;
    writeResult(paths, { key, attempt: array.id, identity: manifest.recipe.identity, host: "n1" }, result);
  }
}
