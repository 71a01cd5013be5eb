import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Target } from "../../src/graph/target.ts";
import { TestProject } from "./project.ts";
import { byModule, from, making, of, setting, writeRecipes } from "./recipes.ts";

/*
 * Promise 1: nothing is rebuilt that need not be. A little pipeline: two sources, a coarse step between them and the rest.
 */

const PIPELINE: readonly Target[] = [
  making("out/a.txt", "join", { source: from("a.txt") }),
  making("out/length.txt", "coarse", { a: of("out/a.txt") }),
  making("out/end.txt", "join", { length: of("out/length.txt"), b: from("b.txt") }),
];
const GOAL = ["out/end.txt"];
const ALL = ["out/a.txt", "out/end.txt", "out/length.txt"];

async function built(): Promise<TestProject> {
  const project = new TestProject();
  writeRecipes(project);
  project.write("a.txt", "alpha");
  project.write("b.txt", "beta");
  const first = await project.build(PIPELINE, GOAL);
  expect(first.built).toEqual(ALL);
  expect(first.report.outcome).toBe("up-to-date");
  expect(project.read("out/end.txt")).toBe("joined about 1\n+beta\n");
  return project;
}

describe("a build with nothing to do", () => {
  test("runs no recipe and reports every target fresh", async () => {
    const project = await built();
    const again = await project.build(PIPELINE, GOAL);
    expect(again.built).toEqual([]);
    expect(again.restored).toEqual([]);
    expect(again.fresh).toEqual(ALL);
  });

  test("does not care about a new modification time, on a source or on an output", async () => {
    const project = await built();
    for (const name of ["a.txt", "b.txt", ...ALL]) project.touch(name);
    expect((await project.build(PIPELINE, GOAL)).fresh).toEqual(ALL);
  });

  test("does not care where the project lies", async () => {
    const project = await built();
    project.move();
    expect((await project.build(PIPELINE, GOAL)).fresh).toEqual(ALL);
  });

  test("does not care about a copy of the project, cache and all", async () => {
    const project = await built();
    const copy = mkdtempSync(join(tmpdir(), "dsgen-copy-"));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(project.root, copy, { recursive: true });
    project.dispose();
    project.root = copy;
    expect((await project.build(PIPELINE, GOAL)).fresh).toEqual(ALL);
  });

  test("does not care that what it knows about the files is lost", async () => {
    const project = await built();
    project.remove(".dsgen-cache/v1/workspace.bin");
    const again = await project.build(PIPELINE, GOAL);
    expect(again.built).toEqual([]);
    expect(again.fresh).toEqual(ALL);
  });

  test("does not care where a config value is written, or in which order inputs are declared", async () => {
    const project = new TestProject();
    writeRecipes(project);
    project.write("a.txt", "alpha");
    const reads = setting({ a: "file", b: "value" });
    const inputs = { a: from("a.txt"), b: setting({ x: 1, y: 2 }, "tasks/one.b"), reads };
    await project.build([byModule("x", "targets/recipes/join.mjs", inputs)], ["x"]);
    const moved = { reads, b: setting({ y: 2, x: 1 }, "tasks/elsewhere.b"), a: from("a.txt") };
    expect((await project.build([byModule("x", "targets/recipes/join.mjs", moved)], ["x"])).fresh).toEqual(["x"]);
  });
});

describe("a changed input", () => {
  test("stops where it gives the same bytes", async () => {
    const project = await built();
    project.write("a.txt", "omega");
    const again = await project.build(PIPELINE, GOAL);
    expect(again.built).toEqual(["out/a.txt", "out/length.txt"]);
    expect(again.state("out/length.txt")).toEqual({ state: "built", changed: false });
    expect(again.state("out/end.txt")).toEqual({ state: "fresh" });
  });

  test("remakes all that it changes, and nothing beside", async () => {
    const project = await built();
    project.write("b.txt", "gamma");
    expect((await project.build(PIPELINE, GOAL)).built).toEqual(["out/end.txt"]);
    project.write("a.txt", "a much longer text than before");
    expect((await project.build(PIPELINE, GOAL)).built).toEqual(ALL);
    expect(project.read("out/end.txt")).toBe("joined about 4\n+gamma\n");
  });

  test("changed back is restored, not made again", async () => {
    const project = await built();
    const before = project.listing("out");
    project.write("a.txt", "a much longer text than before");
    project.write("b.txt", "gamma");
    await project.build(PIPELINE, GOAL);
    project.write("a.txt", "alpha");
    project.write("b.txt", "beta");
    const back = await project.build(PIPELINE, GOAL);
    expect(back.built).toEqual([]);
    expect(back.restored).toEqual(ALL);
    expect(back.state("out/end.txt")).toEqual({ state: "restored", reason: "reverted" });
    expect(project.listing("out")).toEqual(before);
  });
});

describe("an output", () => {
  test("that was deleted is restored without running its recipe", async () => {
    const project = await built();
    const before = project.read("out/length.txt");
    project.remove("out/length.txt");
    const again = await project.build(PIPELINE, GOAL);
    expect(again.built).toEqual([]);
    expect(again.state("out/length.txt")).toEqual({ state: "restored", reason: "missing" });
    expect(again.fresh).toEqual(["out/a.txt", "out/end.txt"]);
    expect(project.read("out/length.txt")).toBe(before);
  });

  test("that was edited by hand is put right, said, and kept", async () => {
    const project = await built();
    const before = project.read("out/end.txt");
    project.write("out/end.txt", "my own idea\n");
    const again = await project.build(PIPELINE, GOAL);
    expect(again.built).toEqual([]);
    expect(again.state("out/end.txt")).toEqual({ state: "restored", reason: "edited" });
    expect(project.read("out/end.txt")).toBe(before);
    expect(again.warnings.join()).toContain("out/end.txt was changed by hand");
    expect(kept(project)).toEqual(["my own idea\n"]);
  });

  test("that nobody knows here any more is no edit when it is made with the same bytes", async () => {
    const project = await built();
    project.remove(".dsgen-cache");
    const again = await project.build(PIPELINE, GOAL);
    expect(again.built).toEqual(ALL);
    expect(again.warnings).toEqual([]);
    expect(project.has(".dsgen-cache/edited")).toBe(false);
  });

  test("that was edited by hand is kept when its inputs changed too", async () => {
    const project = await built();
    project.write("out/end.txt", "my own idea\n");
    project.write("b.txt", "gamma");
    expect((await project.build(PIPELINE, GOAL)).built).toEqual(["out/end.txt"]);
    expect(project.read("out/end.txt")).toBe("joined about 1\n+gamma\n");
    expect(kept(project)).toEqual(["my own idea\n"]);
  });

  test("takes the place of a file that was there before dsgen, and keeps that one", async () => {
    const project = new TestProject();
    writeRecipes(project);
    project.write("a.txt", "alpha");
    project.write("b.txt", "beta");
    project.write("out/end.txt", "made by an older script\n");
    const first = await project.build(PIPELINE, GOAL);
    expect(first.built).toEqual(ALL);
    expect(kept(project)).toEqual(["made by an older script\n"]);
  });

  test("that already holds what would be made is fresh, whoever put it there", async () => {
    const project = await built();
    project.write("b.txt", "gamma");
    await project.build(PIPELINE, GOAL);
    project.write("b.txt", "beta");
    project.write("out/end.txt", "joined about 1\n+beta\n");
    expect((await project.build(PIPELINE, GOAL)).fresh).toEqual(ALL);
  });
});

describe("the cache", () => {
  test("with a damaged blob makes what it held again, when it is needed", async () => {
    const project = await built();
    const blob = project.cacheFile("v1/cas", (content) => content === "about 1\n");
    chmodSync(blob, 0o644);
    writeFileSync(blob, "about 9\n");
    expect((await project.build(PIPELINE, GOAL)).fresh).toEqual(ALL);
    project.remove("out/length.txt");
    const again = await project.build(PIPELINE, GOAL);
    expect(again.report.outcome).toBe("up-to-date");
    expect(again.built).toEqual(["out/length.txt"]);
    expect(project.read("out/length.txt")).toBe("about 1\n");
    expect(readdirSync(project.path(".dsgen-cache/v1/quarantine")).length).toBeGreaterThan(0);
  });

  test("with a lost blob says so and makes what it held again", async () => {
    const project = await built();
    rmSync(project.cacheFile("v1/cas", (content) => content === "about 1\n"));
    project.remove("out/length.txt");
    const planned = await project.plan(PIPELINE, GOAL);
    expect(planned.reasons("out/length.txt")).toEqual([{ kind: "blob-lost", output: "out/length.txt" }]);
    expect((await project.build(PIPELINE, GOAL)).built).toEqual(["out/length.txt"]);
  });

  test("with every action lost takes what lies in place for what it is", async () => {
    const project = await built();
    for (const folder of readdirSync(project.path(".dsgen-cache/v1/actions")))
      project.remove(join(".dsgen-cache/v1/actions", folder));
    expect((await project.build(PIPELINE, GOAL)).fresh).toEqual(ALL);
    project.remove(".dsgen-cache/v1/workspace.bin");
    const again = await project.build(PIPELINE, GOAL);
    expect(again.built).toEqual(ALL);
    expect(again.report.outcome).toBe("up-to-date");
  });

  test("knows a result whatever the target is called", async () => {
    const project = await built();
    const renamed = making("out/renamed.txt", "join", { length: of("out/length.txt"), b: from("b.txt") });
    const again = await project.build([...PIPELINE, renamed], ["out/renamed.txt"]);
    expect(again.built).toEqual([]);
    expect(again.restored).toEqual(["out/renamed.txt"]);
    expect(project.read("out/renamed.txt")).toBe(project.read("out/end.txt"));
  });
});

function kept(project: TestProject): string[] {
  const folder = ".dsgen-cache/edited";
  return readdirSync(project.path(folder)).map((name) => project.read(join(folder, name)));
}
