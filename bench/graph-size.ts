import { Modules } from "../src/engine/modules.ts";
import type { ContentIndex } from "../src/engine/ports.ts";
import { standings } from "../src/engine/standing.ts";
import { Walk, type WalkOptions } from "../src/engine/walk.ts";
import { madeAll, recipe, target, value } from "../src/graph/declare.ts";
import { type ActionKey, type Digest, digestOf, fingerprintOf } from "../src/graph/digest.ts";
import { Graph } from "../src/graph/graph.ts";
import type { TargetName } from "../src/graph/names.ts";
import { ok } from "../src/graph/result.ts";
import type { Target } from "../src/graph/target.ts";

/*
 * `node --import jiti/register bench/graph-size.ts`: how the time of a plan and of a build grows with the graph, over one wide level and over one
 * long chain. Recipes do nothing and the store is in memory: what is left is the graph's check, the walk and the standings.
 * Ten times the targets are to take about ten times the time.
 */

const SIZES = [1000, 10_000, 100_000];
const RECIPE = recipe("dsgen/recipes/assemble-dataset");

const nameOf = (n: number | string) => `out/${n}.txt` as TargetName;

function step(n: number | string, from: readonly TargetName[]): Target {
  const inputs = { n: value(n, "n"), from: madeAll(from) };
  return target({ name: nameOf(n), recipe: RECIPE, stage: "bench", inputs });
}

/** One target that all of a level are made from, and one that is made from them all. */
function wide(size: number): Target[] {
  const level = Array.from({ length: size - 2 }, (_, n) => step(n, [nameOf("first")]));
  return [
    step("first", []),
    ...level,
    step(
      "goal",
      level.map(({ name }) => name),
    ),
  ];
}

function chain(size: number): Target[] {
  return Array.from({ length: size }, (_, n) => step(n === size - 1 ? "goal" : n, n === 0 ? [] : [nameOf(n - 1)]));
}

const NO_FILES: ContentIndex = {
  fingerprint: (path) => fingerprintOf(path),
  digest: () => undefined,
  learn: () => undefined,
};

function walkOver(graph: Graph, modules: Modules, makes: boolean): Walk {
  const placements = new Map<string, { readonly key: ActionKey; readonly outputs: readonly Digest[] }>();
  const sources = {
    projectRoot: "/nowhere",
    graph,
    modules,
    content: NO_FILES,
    environment: {},
    tools: { fingerprint: () => ok({ hash: "", shown: "" }), open: () => Promise.resolve(undefined) },
    workspace: {
      placement: (name: string) => placements.get(name),
      targets: () => [],
      place: () => undefined,
      forget: () => undefined,
      flush: () => Promise.resolve(),
    },
    blobs: {
      has: () => false,
      adopt: () => Promise.reject(new Error("no store")),
      put: () => Promise.reject(new Error("no store")),
      restore: () => Promise.reject(new Error("no store")),
      read: () => Promise.reject(new Error("no store")),
      readSlice: () => new Uint8Array(),
      pathOf: () => "",
    },
    actions: {
      trace: () => undefined,
      manifest: () => undefined,
      put: () => Promise.resolve(),
      expansion: () => undefined,
      putExpansion: () => Promise.resolve(),
    },
  };
  const options: WalkOptions = {
    ...{ sources, actions: sources.actions, keepGoing: false, wait: false, pools: { cpu: 2, io: 8 } },
    answers: {
      namespace: "bench",
      assess: () => ({ state: "answered", settled: true, hash: "", unanswered: 0 }),
      open: () => Promise.resolve(new Map()),
      poll: () => Promise.resolve(false),
      look: () => Promise.resolve(),
      nextPollMs: () => 0,
      reader: () => ({ line: () => undefined, why: () => ({ kind: "lost", message: "" }) }),
      view: () => undefined,
    },
    clock: { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() },
    emit: () => undefined,
    signal: new AbortController().signal,
    effects: {
      makes: () => makes,
      build: ({ target: { name } }) =>
        Promise.resolve(
          ok({ artifacts: [{ name, digest: digestOf(name), path: name }], notes: {}, changed: true, durationMs: 0 }),
        ),
      restore: () => Promise.reject(new Error("nothing is restored")),
      gate: undefined,
    },
  };
  return new Walk(options);
}

/** Milliseconds of processor time (a crowded machine makes others of no use) that checking the graph, walking it and telling how everything stands take. */
async function measured(targets: readonly Target[], makes: boolean): Promise<number> {
  const modules = await Modules.open(process.cwd(), new URL("..", import.meta.url).pathname, NO_FILES);
  modules.identity(RECIPE);
  const start = process.cpuUsage();
  const graph = Graph.build({ targets, live: [] });
  if (!graph.ok) throw new Error(graph.error[0]?.message);
  const walk = walkOver(graph.value, modules, makes);
  walk.addGoal(nameOf("goal"));
  await walk.run();
  const all = standings(walk.needed, () => true);
  const { user, system } = process.cpuUsage(start);
  const wanted = makes ? "built" : "stale";
  const wrong = [...all.values()].filter(({ state }) => state.state !== wanted);
  if (all.size !== targets.length || wrong.length > 0)
    throw new Error(`${all.size} targets, ${wrong.length} not ${wanted}`);
  return (user + system) / 1000;
}

process.stdout.write("| graph | what | 1,000 | 10,000 | 100,000 | growth |\n| --- | --- | --- | --- | --- | --- |\n");
for (const [shape, declare] of [
  ["one wide level", wide],
  ["one long chain", chain],
] as const) {
  for (const makes of [false, true]) {
    const took: number[] = [];
    await measured(declare(1000), makes);
    for (const size of SIZES) took.push(await measured(declare(size), makes));
    const growth = took.slice(1).map((ms, i) => `× ${(ms / (took[i] ?? ms)).toFixed(1)}`);
    const cells = took.map((ms) => `${ms.toFixed(0)} ms`).join(" | ");
    process.stdout.write(`| ${shape} | ${makes ? "build" : "plan"} | ${cells} | ${growth.join(", ")} |\n`);
  }
}
