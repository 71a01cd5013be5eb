import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type FoundResult, readResult, resultFile, writeResult } from "../../src/executors/results.ts";
import { readWork, writeWork } from "../../src/executors/work-file.ts";
import { runWork, type WorkerSurroundings } from "../../src/executors/worker.ts";
import { workerEnvironment } from "../../src/executors/worker-environment.ts";
import { tool } from "../../src/graph/declare.ts";
import { fingerprintOf } from "../../src/graph/digest.ts";
import { ok } from "../../src/graph/result.ts";
import { type Bench, everyInput, executorSuite, openBench, workOf } from "./suite.ts";
import { handOver, workerExecutor, workerOn } from "./worker-executor.ts";

describe("a worker, through the files", () => {
  executorSuite((bench) => workerExecutor(bench));
});

const ATTEMPT = fingerprintOf("an attempt");

/** One action handed over, run by a worker, and its result as the coordinator finds it. */
async function oneRun(bench: Bench, more: Partial<WorkerSurroundings> = {}, between: () => void = () => undefined) {
  const work = everyInput(bench);
  const described = await work.describe();
  if (!described.ok) throw new Error(described.error.message);
  const file = handOver(bench, ATTEMPT, [described.value]);
  between();
  const again = async () => {
    const part = readWork(file, 1);
    if (!part.ok) throw new Error(part.error.message);
    await runWork(part.value, await workerOn(bench, more));
  };
  await again();
  const result = (): FoundResult => readResult(bench.store, work.action, ATTEMPT);
  const path = resultFile(bench.store.paths, work.action.key, ATTEMPT);
  return { work, file, result, path, again };
}

function messageOf(found: FoundResult): string {
  return "problem" in found ? found.problem.message : JSON.stringify(found);
}

describe("a worker refuses", () => {
  test("to be another build, or another Node, than who handed the work over, and says both", async () => {
    const bench = await openBench();
    const other = await oneRun(bench, { build: "that build" });
    expect(other.result()).toMatchObject({ state: "refused", problem: { kind: "version", where: "node1" } });
    expect(messageOf(other.result())).toMatch(/build this build\); this one is build that build/);
    const node = await oneRun(bench, { node: "v1.2.3" });
    expect(messageOf(node.result())).toMatch(new RegExp(`Node ${process.version}.*this is Node v1.2.3`));
  });

  test("code that is another than the coordinator's: the recipe, and a check that it calls", async () => {
    for (const [path, source] of [
      ["targets/recipes/all.mjs", "export default async () => {};\n"],
      ["targets/checks/short.mjs", "export default () => true;\n"],
    ] as const) {
      const bench = await openBench();
      const { result } = await oneRun(bench, {}, () => bench.project.write(path, source));
      expect(result(), path).toMatchObject({ state: "refused", problem: { kind: "version" } });
      expect(messageOf(result())).toContain(path);
    }
  });

  test("a tool that is another here", async () => {
    const bench = await openBench();
    const work = workOf(bench, {
      name: "out/t.txt",
      recipe: "targets/recipes/nothing.mjs",
      inputs: { word: tool("word", "hello") },
    });
    const described = await work.describe();
    if (!described.ok) throw new Error(described.error.message);
    expect(described.value.inputs["word"]).toMatchObject({
      kind: "tool",
      hash: "hash of hello",
      declared: { word: "hello" },
    });
    const part = readWork(handOver(bench, ATTEMPT, [described.value]), 1);
    if (!part.ok) throw new Error(part.error.message);
    const fingerprint = () => ok({ hash: "another", shown: "hello" });
    await runWork(part.value, await workerOn(bench, { toolOf: () => ({ fingerprint, open: async () => undefined }) }));
    expect(messageOf(readResult(bench.store, work.action, ATTEMPT))).toMatch(/the word hello must be what it was/);
  });

  test("an input whose bytes are not those of its name, and leaves it where it is: this machine may be what is broken", async () => {
    const bench = await openBench();
    let blob = "";
    const { result } = await oneRun(bench, {}, () => {
      blob = bench.project.cacheFile("v1/cas", (content) => content === "first\n");
      rmSync(blob);
      writeFileSync(blob, "other\n");
    });
    expect(result()).toMatchObject({ state: "refused", problem: { kind: "corrupt", where: "data/a.txt" } });
    expect(readFileSync(blob, "utf8")).toBe("other\n");
    expect(readdirSync(bench.store.paths.quarantine)).toEqual([]);
  });

  test("a descriptor that is damaged, absent, or has no such part", async () => {
    const bench = await openBench();
    const { file } = await oneRun(bench);
    const kind = (path: string, part: number) => {
      const read = readWork(path, part);
      return read.ok ? "read" : read.error.message;
    };
    expect(kind(file, 1)).toBe("read");
    expect(kind(file, 2)).toMatch(/it has 2 parts, counted from 0, and no part 2/);
    writeFileSync(file, readFileSync(file, "utf8").replace("targets/recipes/all", "targets/recipes/ell"));
    expect(kind(file, 0)).toBe("read");
    expect(kind(file, 1)).toMatch(/line 3 is damaged/);
    expect(kind(`${file}.none`, 0)).not.toBe("read");
  });
});

describe("what a worker leaves", () => {
  test("is the blobs and the result, and nothing else in the cache: no journal, no trace, no lock, nothing staged", async () => {
    const bench = await openBench();
    const before = new Set<string>();
    const { work } = await oneRun(bench, {}, () => {
      for (const name of bench.project.listing(".dsgen-cache").keys()) before.add(name);
    });
    const added = [...bench.project.listing(".dsgen-cache")].filter(
      ([name, kind]) => !before.has(name) && kind !== "folder",
    );
    const shown = added.map(([name]) => name.replace(/[0-9a-f]{64}/, "BLOB").replace(/\/[0-9a-f]{2}\//, "/XX/"));
    expect(shown.sort()).toEqual([
      ".dsgen-cache/v1/cas/XX/BLOB",
      ".dsgen-cache/v1/cas/XX/BLOB",
      `.dsgen-cache/v1/elsewhere/results/XX/${work.action.key}-${ATTEMPT}.json`,
    ]);
  });

  test("is the same when it runs again, long given up: the bytes, and what the coordinator reads", async () => {
    const bench = await openBench();
    const { result, again } = await oneRun(bench);
    const [listing, first] = [bench.project.listing(".dsgen-cache/v1/cas"), result()];
    await again();
    expect(bench.project.listing(".dsgen-cache/v1/cas")).toEqual(listing);
    expect({ ...result(), durationMs: 0 }).toEqual({ ...first, durationMs: 0 });
  });

  test("is not made again by a later process of the same attempt, unless an output is not what its name says", async () => {
    const bench = await openBench();
    const { result, path, again } = await oneRun(bench);
    const first = readFileSync(path, "utf8");
    await again();
    // Its duration would be another.
    expect(readFileSync(path, "utf8")).toBe(first);
    const blob = bench.project.cacheFile("v1/cas", (content) => content.startsWith("All\n"));
    const whole = readFileSync(blob, "utf8");
    rmSync(blob);
    writeFileSync(blob, whole.toLowerCase());
    await again();
    expect(readFileSync(blob, "utf8")).toBe(whole);
    expect(result().state).toBe("made");
  });

  test("says that it was made even after a later process could not make it", async () => {
    const bench = await openBench();
    const { work, result } = await oneRun(bench);
    const { key, manifest } = work.action;
    const of = { key, attempt: ATTEMPT, identity: manifest.recipe.identity, host: "node2" };
    writeResult(bench.store.paths, of, {
      state: "refused",
      problem: { kind: "disk-full", where: "x", message: "full." },
    });
    expect(result().state).toBe("made");
  });
});

describe("a result is believed only as far as it can be seen", () => {
  const damage: readonly (readonly [string, (path: string, bench: Bench) => void, RegExp])[] = [
    [
      "a changed byte",
      (path) => writeFileSync(path, readFileSync(path, "utf8").replace('"kept":2', '"kept":3')),
      /checksum/,
    ],
    ["a torn file", (path) => writeFileSync(path, readFileSync(path, "utf8").slice(0, 90)), /checksum/],
    ["an empty file", (path) => writeFileSync(path, ""), /checksum/],
    [
      "an output that is gone",
      (_, { project }) => rmSync(project.cacheFile("v1/cas", (content) => content.startsWith("All\n"))),
      /is not stored as it says/,
    ],
    [
      "an output that was cut short",
      (_, { project }) => {
        const blob = project.cacheFile("v1/cas", (content) => content.startsWith("All\n"));
        rmSync(blob);
        writeFileSync(blob, "All");
      },
      /is not stored as it says/,
    ],
  ];
  test.each(damage)("%s: it is damaged, and why is said", async (_, spoil, why) => {
    const bench = await openBench();
    const { path, result } = await oneRun(bench);
    expect(result().state).toBe("made");
    spoil(path, bench);
    expect(result()).toMatchObject({ state: "damaged", why: expect.stringMatching(why) });
  });

  test("that of another action, attempt or recipe under its name is damaged; none is absent", async () => {
    const bench = await openBench();
    const { path, result, work } = await oneRun(bench);
    const { key } = work.action;
    const another = fingerprintOf("another");
    const to = resultFile(bench.store.paths, key, another);
    mkdirSync(join(to, ".."), { recursive: true });
    renameSync(path, to);
    expect(result()).toEqual({ state: "absent" });
    expect(readResult(bench.store, work.action, another)).toMatchObject({
      state: "damaged",
      why: expect.stringMatching(/another action/),
    });
    const { recipe } = work.action.manifest;
    writeResult(
      bench.store.paths,
      { key, attempt: ATTEMPT, identity: another, host: "n" },
      { state: "made", outputs: [], notes: {}, durationMs: 1 },
    );
    expect(result()).toMatchObject({ state: "damaged", why: "another recipe made it" });
    writeResult(
      bench.store.paths,
      { key, attempt: ATTEMPT, identity: recipe.identity, host: "n" },
      { state: "made", outputs: [], notes: {}, durationMs: 1 },
    );
    expect(result()).toMatchObject({ state: "damaged", why: "it names 0 outputs, and 2 are to be made" });
  });
});

test("of the environment, a worker may see what is on the list, and nothing that nobody thought of", () => {
  const keys = [
    "OPENAI_API_KEY",
    "HF_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "SLURM_JWT",
    "MY_OWN_SECRET",
    "NODE_OPTIONS",
  ];
  const secrets = Object.fromEntries(keys.map((name) => [name, "canary"]));
  const seen = { PATH: "/bin", HOME: "/home/a", LC_ALL: "C", SLURM_TMPDIR: "/scratch", CUDA_VISIBLE_DEVICES: "0" };
  expect(workerEnvironment({ ...secrets, ...seen })).toEqual(seen);
});

test("a descriptor file written again is the same file", async () => {
  const bench = await openBench();
  const { file } = await oneRun(bench);
  const first = readFileSync(file, "utf8");
  const work = readWork(file, 1);
  if (!work.ok) throw new Error(work.error.message);
  const { v: _, parts: __, ...head } = work.value.head;
  expect(writeWork(bench.store.paths, head, [[], work.value.actions])).toEqual({ ok: true, value: file });
  expect(readFileSync(file, "utf8")).toBe(first);
});
