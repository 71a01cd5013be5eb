import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
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
import { atMost, type Bar, median, medianTook, type Row, run } from "./measure.ts";

/*
 * How the time of a plan, of a build and of a build with nothing to do grows from 10,000 targets to 100,000, over one wide level
 * and over one long chain. Recipes do nothing and the store is in memory: what is left is the graph's check, the walk and
 * the standings. And how that of a snapshot grows, over real files: what a null build compares before anything is loaded.
 */

const [FEW, MANY] = [10_000, 100_000];
/** Ten times the targets, and a little: what a person waits for. */
const GROWTH = atMost(11);
/** In memory a larger heap is collected while it grows, a smaller one hardly. A square would be 100. */
const IN_MEMORY = atMost(15);
/** Runs of the smaller one, before they count and then. */
const [WARM, COUNTED] = [3, 3];
const RECIPE = recipe("dsgen/recipes/assemble-dataset");

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const ROOT = "/nowhere";

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

type Placements = Map<string, { readonly key: ActionKey; readonly outputs: readonly Digest[] }>;

/** The files of those that were placed. */
function filesOf(placements: Placements): ContentIndex {
  return {
    fingerprint: (path) => fingerprintOf(path),
    digest: (name) => placements.get(name)?.outputs[0],
    learn: () => undefined,
  };
}

function walkOver(graph: Graph, modules: Modules, makes: boolean, placements: Placements): Walk {
  const sources = {
    projectRoot: ROOT,
    graph,
    modules,
    content: filesOf(placements),
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
      readSlice: () => Buffer.alloc(0),
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
      build: ({ target: { name }, key }) => {
        const digest = digestOf(name);
        placements.set(name, { key, outputs: [digest] });
        return Promise.resolve(
          ok({ artifacts: [{ name, digest, path: name }], notes: {}, changed: true, durationMs: 0 }),
        );
      },
      restore: () => Promise.reject(new Error("nothing is restored")),
      gate: undefined,
    },
  };
  return new Walk(options);
}

type Work = "plan" | "build" | "build with nothing to do";
const LEFT = { plan: "stale", build: "built", "build with nothing to do": "fresh" } as const;

/** What checking the graph, walking it and telling how everything stands take. */
async function measured(targets: readonly Target[], work: Work, placements: Placements): Promise<number> {
  const modules = Modules.open(process.cwd(), new URL("..", import.meta.url).pathname, filesOf(new Map()));
  modules.identity(RECIPE);
  // What was measured before leaves nothing to be collected in this.
  collect();
  const before = process.cpuUsage();
  const graph = Graph.build({ targets, live: [] });
  if (!graph.ok) throw new Error(graph.error[0]?.message);
  const walk = walkOver(graph.value, modules, work === "build", placements);
  walk.addGoal(nameOf("goal"));
  await walk.run();
  const all = standings(walk.needed, () => true);
  const { user, system } = process.cpuUsage(before);
  const wanted = LEFT[work];
  const wrong = [...all.values()].filter(({ state }) => state.state !== wanted);
  if (all.size !== targets.length || wrong.length > 0)
    throw new Error(`${all.size} targets, ${wrong.length} not ${wanted}`);
  return (user + system) / 1000;
}

export async function growthRows(scratch: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [shape, declare] of [
    ["one wide level", wide],
    ["one long chain", chain],
  ] as const) {
    const placed = new Map<number, Placements>();
    for (const work of ["plan", "build", "build with nothing to do"] as const) {
      const took = (size: number) => {
        // What one build makes, the next would find.
        if (work === "build") placed.set(size, new Map());
        return measured(declare(size), work, placed.get(size) ?? new Map());
      };
      // Code that is not compiled yet would make the smaller one look slow, and a collection or none is a third of it.
      const all: number[] = [];
      for (let n = 0; n < WARM + COUNTED; n++) all.push(await took(FEW));
      const few = median(all.slice(WARM));
      rows.push(grown(`${work} in memory, 100,000 targets, ${shape}`, await took(MANY), "10,000", few, IN_MEMORY));
    }
  }
  return [...rows, snapshotRow(scratch)];
}

function grown(what: string, many: number, peer: string, few: number, bar: Bar): Row {
  const [ours, theirs] = [`${many.toFixed(0)} ms of processor`, `${peer}: ${few.toFixed(0)} ms`];
  return { what, ours, peer: theirs, ratio: many / few, bar };
}

/** Looks of a null build by itself: whole processes over so many files, with the snapshot that a build of them would leave. */
function snapshotRow(scratch: string): Row {
  const [few, many] = [FEW, MANY].map((size) => {
    const folder = join(scratch, String(size));
    mkdirSync(join(folder, ".dsgen-cache", "v1"), { recursive: true });
    for (let n = 0; n < size; n++) {
      if (n % 1000 === 0) mkdirSync(join(folder, String(n / 1000)));
      writeFileSync(join(folder, String(Math.floor(n / 1000)), `${n}.txt`), "");
    }
    const script = (code: string) => [
      "-e",
      ["fresh", "fresh-watch"]
        .map((file) => JSON.stringify(join(import.meta.dirname, "..", "bin", `${file}.js`)))
        .map((file) => `Object.assign(globalThis, require(${file}));`)
        .join("") + code,
    ];
    // What is as young as the process that looked would not be believed.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    const leave = `watch(); const { statSync } = require("node:fs");
      for (let n = 0; n < ${size}; n++) statSync(process.cwd() + "/" + Math.floor(n / 1000) + "/" + n + ".txt");
      leave(["build"], { cache: process.cwd() + "/.dsgen-cache", passing: [] }, { stdout: "", stderr: "" }, () => []);`;
    run(process.execPath, script(leave), folder);
    const tell = script('process.exitCode = tellIfFresh(["build"]) ? 0 : 9');
    return medianTook([1, 2, 3].map(() => run(process.execPath, tell, folder))).processor;
  });
  return grown("what a null build compares, 100,000 files", many ?? Number.NaN, "10,000", few ?? Number.NaN, GROWTH);
}
