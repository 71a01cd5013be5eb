import { setTimeout } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { packageRoot } from "../../src/cli/surroundings.ts";
import { type ActionSources, type Artifact, resolveAction } from "../../src/engine/action.ts";
import { describeAction } from "../../src/engine/describe.ts";
import type { Execution, Executor, Work } from "../../src/engine/executor.ts";
import { Modules } from "../../src/engine/modules.ts";
import type { Tools } from "../../src/engine/ports.ts";
import { glob, moduleInput, type TargetDeclaration, target, value } from "../../src/graph/declare.ts";
import { digestOf } from "../../src/graph/digest.ts";
import { Graph } from "../../src/graph/graph.ts";
import { ok } from "../../src/graph/result.ts";
import { initialiseStore } from "../../src/store/layout.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { TestProject } from "../engine/project.ts";

/*
 * What every executor must do. The recipes are a project's own and import nothing, so that an executor whose processes run the
 * compiled dsgen finds the same code as these tests do.
 */

/** A tool that is a word, which is all that is known of it. */
export const wordTools: Tools = {
  fingerprint: ({ name }) => ok({ hash: `hash of ${name}`, shown: name }),
  open: async ({ name }) => ({ word: name }),
  declared: ({ name }) => ({ word: name }),
};

export interface Bench {
  readonly project: TestProject;
  readonly store: Store;
  readonly modules: Modules;
  readonly tools: Tools;
}

const RECIPES: Readonly<Record<string, string>> = {
  // Several inputs of each kind, two outputs, one of which stays empty, and a note.
  "targets/recipes/all.mjs": `export default async (context) => {
  const check = await context.module("check");
  const lines = [];
  for (const file of context.files("texts")) for await (const line of file.lines()) lines.push(file.name + ": " + line);
  const kept = lines.filter((line) => check(line));
  await context.output(0).write(context.value("title").text + "\\n" + kept.join("\\n") + "\\n");
  context.output(1);
  context.note({ kept: kept.length });
};
`,
  "targets/checks/short.mjs": "export default (line) => line.length < 30;\n",
  "targets/recipes/throws.mjs": `export default async () => {
  throw new Error("it cannot be");
};
`,
  "targets/recipes/nothing.mjs": "export default async () => {};\n",
  "targets/recipes/curious.mjs": `import { readFileSync } from "node:fs";
export default async (context) => {
  await context.output().write(readFileSync(import.meta.dirname + "/../../secret.txt", "utf8"));
};
`,
};

/** An empty project with the suite's recipes, and its store. */
export async function openBench(tools: Tools = wordTools): Promise<Bench> {
  const project = new TestProject();
  for (const [path, source] of Object.entries(RECIPES)) project.write(path, source);
  const made = initialiseStore(project.cacheDir);
  const store = openStore({ cacheDir: project.cacheDir, projectRoot: project.root, writable: true });
  if (!made.ok || !store.ok) throw new Error("no store");
  onTestFinished(() => store.value.close());
  return {
    project,
    store: store.value,
    tools,
    modules: Modules.open(project.root, packageRoot(), store.value.content),
  };
}

/** A target as work for an executor. */
export function workOf({ project, store, modules, tools }: Bench, declaration: TargetDeclaration): Work {
  const declared = target({ resources: {}, ...declaration });
  const graph = Graph.build({ targets: [declared], live: [] });
  if (!graph.ok) throw new Error(JSON.stringify(graph.error));
  const { content, blobs } = store;
  const sources: ActionSources = {
    projectRoot: project.root,
    graph: graph.value,
    modules,
    content,
    tools,
    environment: {},
  };
  const noArtifact = (name: string): Artifact => {
    throw new Error(`${name} is made from files only`);
  };
  const action = resolveAction(sources, declared, noArtifact, new Map(), undefined);
  if (!action.ok) throw new Error(action.error.message);
  const describe = () => describeAction(action.value, { tools, content, blobs, stagingRoot: store.paths.tmp });
  return { action: action.value, answers: undefined, describe };
}

/** Every kind of input that a recipe of a project's own may have. */
export function everyInput(bench: Bench, name = "out/all.txt", title = "All"): Work {
  bench.project.write("data/b.txt", "short\na line that is far too long for the check to take it\n");
  bench.project.write("data/a.txt", "first\n");
  return workOf(bench, {
    name,
    outputs: [name, `${name}.empty`],
    recipe: "targets/recipes/all.mjs",
    inputs: {
      texts: glob("data/*.txt"),
      title: value({ text: title }, "title"),
      check: moduleInput("targets/checks/short.mjs"),
    },
  });
}

/** Runs until nothing waits any more. */
export async function settled(executor: Executor, works: readonly Work[]): Promise<readonly Execution[]> {
  const { signal } = new AbortController();
  const ends = new Map<Work, Execution>();
  for (let looks = 0; looks < 200; looks++) {
    const open = works.filter((work) => !ends.has(work));
    if (open.length === 0) break;
    const executions = await executor.run(open, { more: false, signal });
    for (const work of open) {
      const execution = executions.get(work.action.key);
      if (execution === undefined) throw new Error(`nothing was said of ${work.action.target.name}`);
      if (execution.state !== "waiting") ends.set(work, execution);
    }
    if (ends.size < works.length) await setTimeout(Math.min(executor.nextLookMs(), 500));
  }
  return works.map((work) => ends.get(work) ?? expect.fail(`${work.action.target.name} still waits`));
}

export async function settledOne(executor: Executor, work: Work): Promise<Execution> {
  const [end] = await settled(executor, [work]);
  return end ?? expect.fail("nothing came of it");
}

/** @param open the executor, for works of a bench */
export function executorSuite(open: (bench: Bench) => Executor | Promise<Executor>): void {
  test("makes what the recipe says of every kind of input, in the order of the outputs", async () => {
    const bench = await openBench();
    const made = await settledOne(await open(bench), everyInput(bench));
    const text = "All\ndata/a.txt: first\ndata/b.txt: short\n";
    const outputs = [text, ""].map((one) => ({ digest: digestOf(one), size: Buffer.byteLength(one) }));
    expect(made).toMatchObject({ state: "made", outputs, notes: { kept: 2 } });
    for (const [i, one] of [text, ""].entries()) {
      const read = await bench.store.blobs.read(outputs[i]?.digest ?? digestOf("none"));
      expect(read.ok && Buffer.from(read.value).toString()).toBe(one);
    }
  });

  test("makes many at once, each its own", async () => {
    const bench = await openBench();
    const titles = Array.from({ length: 12 }, (_, i) => `Title ${i}`);
    const works = titles.map((title, i) => everyInput(bench, `out/${i}.txt`, title));
    const all = await settled(await open(bench), works);
    expect(all.map((one) => one.state === "made" && one.outputs[0]?.digest)).toEqual(
      titles.map((title) => digestOf(`${title}\ndata/a.txt: first\ndata/b.txt: short\n`)),
    );
  });

  test("makes the same again when it is asked again", async () => {
    const bench = await openBench();
    const executor = await open(bench);
    const [first, second] = [
      await settledOne(executor, everyInput(bench)),
      await settledOne(await open(bench), everyInput(bench)),
    ];
    expect(first.state).toBe("made");
    expect({ ...second, durationMs: 0 }).toEqual({ ...first, durationMs: 0 });
  });

  test.each([
    ["throws", "targets/recipes/throws.mjs", /it cannot be/],
    ["leaves a declared output out", "targets/recipes/nothing.mjs", /without writing this declared output/],
    ["reads what was not declared", "targets/recipes/curious.mjs", /secret\.txt/],
  ])(
    "a recipe that %s is a failure that names the target, and keeps no other from being made",
    async (_, recipe, words) => {
      const bench = await openBench();
      bench.project.write("secret.txt", "it is not declared\n");
      const works = [workOf(bench, { name: "out/bad.txt", recipe, inputs: {} }), everyInput(bench)];
      const [bad, good] = await settled(await open(bench), works);
      expect(bad).toMatchObject({ state: "failed", problem: { message: expect.stringMatching(words) } });
      expect(bad?.state === "failed" && bad.problem.where).toContain("out/bad.txt");
      expect(good?.state).toBe("made");
    },
  );

  test("a file that has changed since the action was keyed is never made into what the key names", async () => {
    const bench = await openBench();
    const work = everyInput(bench);
    bench.project.write("data/a.txt", "another\n");
    const end = await settledOne(await open(bench), work);
    expect(end).toMatchObject({ state: "failed", problem: { message: expect.stringMatching(/changed while/) } });
  });
}
