import { expect, test } from "vitest";
import { chooseExecutor, type ExecutorKind } from "../../src/cli/executor-choice.ts";
import { type TargetDeclaration, target } from "../../src/graph/declare.ts";
import { Graph } from "../../src/graph/graph.ts";
import { loaded, project } from "../config/fixture.ts";
import { openBench, workOf } from "../executors/suite.ts";

/* Who makes what: as the config says, unless the command line says otherwise. */

async function choose(asked: ExecutorKind | undefined, dsgen: string, more: Partial<TargetDeclaration>) {
  const bench = await openBench();
  bench.project.write("a.txt", "0123456789");
  const declared = {
    name: "out.txt",
    recipe: "targets/recipes/nothing.mjs",
    inputs: { a: { kind: "file", path: "a.txt" } },
    ...more,
  } as const;
  const graph = Graph.build({ targets: [target(declared)], live: [] });
  if (!graph.ok) throw new Error("no graph");
  const config = loaded(project({ "dsgen.yaml": `${dsgen}\n` }));
  const chosen = await chooseExecutor({
    asked,
    config,
    graph: graph.value,
    store: bench.store,
    env: {},
    emit: () => undefined,
  });
  if (!chosen.ok) return chosen.error.message;
  const { elsewhere } = chosen.value;
  // As the graph has it: without `resources`, the suite's works have some.
  const { action } = workOf(bench, declared);
  return elsewhere?.takes({ ...action, target: target(declared) }) === true ? elsewhere.executor.name : "local";
}

const SLURM = "executor: { kind: slurm, local_below_bytes: 10 }";

test.each<[string, ExecutorKind | undefined, string, Partial<TargetDeclaration>, string | RegExp]>([
  ["nothing is said", undefined, "jobs: 2", { resources: { gpus: 1 } }, "local"],
  ["the config says slurm, and the target is marked", undefined, SLURM, { resources: {} }, "slurm"],
  ["it is not marked", undefined, SLURM, {}, "local"],
  ["it is small", undefined, "executor: { kind: slurm, local_below_bytes: 11 }", { resources: {} }, "local"],
  ["it is small and asks by name", undefined, "executor: { kind: slurm }", { resources: { cpus: 2 } }, "slurm"],
  ["it says for itself where", undefined, SLURM, { resources: { kind: "local" } }, "local"],
  ["it alone says slurm", undefined, "jobs: 2", { resources: { kind: "slurm", cpus: 1 } }, "slurm"],
  ["the command line says local", "local", SLURM, { resources: { cpus: 2 } }, "local"],
  ["the command line says slurm", "slurm", "jobs: 2", { resources: { cpus: 2 } }, "slurm"],
  ["it asks for what there is not", undefined, SLURM, { resources: { gpu: 1 } }, /`resources` must be.*: gpu\./],
  ["it asks in words of another kind", undefined, SLURM, { resources: { cpus: "many" } }, /: cpus\./],
  [
    "sbatch is told what dsgen says",
    undefined,
    "executor: { kind: slurm, sbatch: [--array=3] }",
    { resources: {} },
    /--array=3/,
  ],
])("%s", async (_, asked, dsgen, more, expected) => {
  const found = await choose(asked, dsgen, more);
  if (typeof expected === "string") expect(found).toBe(expected);
  else expect(found).toMatch(expected);
});
