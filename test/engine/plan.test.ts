import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { madeAll } from "../../src/graph/declare.ts";
import { FakeAnswers } from "./fake-answers.ts";
import { type Outcome, TestProject } from "./project.ts";
import { edits, RandomPipeline, shapes } from "./random-graph.ts";
import { from, gated, making, of, runs, setting, writeRecipes } from "./recipes.ts";

/*
 * Promise 5: plan tells the truth. It decides by the same walk as build, runs nothing that costs, and leaves no trace.
 */

describe("for any graph and whatever happened to the project", () => {
  test("what plan says will be done is what build does, and plan itself does nothing", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.array(edits, { minLength: 1, maxLength: 2 }), async (nodes, rounds) => {
        const project = new TestProject();
        writeRecipes(project);
        const pipeline = new RandomPipeline(project, nodes);
        const answers = new FakeAnswers();
        try {
          for (const round of [[], ...rounds]) {
            for (const edit of round) pipeline.apply(edit);
            const before = project.listing();
            const planned = await project.plan(pipeline.targets, pipeline.goals, { answers });
            expect(project.listing()).toEqual(before);
            const opened = answers.opened.length;
            const done = await project.build(pipeline.targets, pipeline.goals, { answers });
            expect(done.report.outcome).toBe("up-to-date");
            agree(planned, done, pipeline.certain(), answers.opened.slice(opened));
          }
          const settled = await project.plan(pipeline.targets, pipeline.goals, { answers });
          expect(settled.built).toEqual([]);
          expect(settled.restored).toEqual([]);
          expect(settled.report.outcome).toBe("up-to-date");
        } finally {
          project.dispose();
        }
      }),
      { numRuns: 25 },
    );
  });
});

/** Holds a plan against the build that followed it. */
function agree(planned: Outcome, done: Outcome, certain: ReadonlySet<string>, opened: readonly string[]): void {
  const stands = (outcome: Outcome, name: string) =>
    [...outcome.report.standings.keys()].some((known) => known === name);
  for (const name of planned.built.filter((n) => certain.has(n))) {
    // A target this project never had may be one that the cache knows, which shows only once its inputs are there.
    const neverHad =
      planned.state(name).state === "stale" && planned.reasons(name).every(({ kind }) => kind === "never-built");
    expect(done.built.includes(name) || (neverHad && done.restored.includes(name)), `${name} was to be made`).toBe(
      true,
    );
  }
  for (const name of planned.restored.filter((n) => stands(done, n))) expect(done.restored).toContain(name);
  for (const name of planned.fresh.filter((n) => stands(done, n))) expect(done.fresh).toContain(name);
  const allowed = (name: string) => planned.built.includes(name) || planned.conditional.includes(name);
  for (const name of done.built) {
    // Only what an expansion came to want on the way is unknown to the plan.
    expect(allowed(name) || (!stands(planned, name) && !certain.has(name)), `${name} was made unannounced`).toBe(true);
  }
  const asked = [...planned.report.standings.values()].filter(({ ask }) => ask !== undefined);
  for (const { target } of asked.filter(({ target: { name } }) => certain.has(name))) {
    expect(opened, `${target.name} was to be asked`).toContain(target.gate?.requests);
  }
  expect(new Set(opened).size, "nothing is asked twice").toBe(opened.length);
}

const PIPELINE = [
  making("out/a.txt", "join", { source: from("a.txt") }),
  making("out/length.txt", "coarse", { a: of("out/a.txt") }),
  ...gated("out/answers.txt", "requests.txt", { length: of("out/length.txt") }),
  making("out/end.txt", "join", { answers: of("out/answers.txt"), b: from("b.txt") }),
];

function started(): TestProject {
  const project = new TestProject();
  writeRecipes(project);
  project.write("a.txt", "alpha");
  project.write("b.txt", "beta");
  return project;
}

describe("a plan", () => {
  test("of a project that was never built leaves no cache behind, and names all that is missing", async () => {
    const project = started();
    const before = project.listing();
    const planned = await project.plan(PIPELINE, ["out/end.txt"]);
    expect(project.listing()).toEqual(before);
    expect(planned.built).toEqual(PIPELINE.map(({ name }) => String(name)).sort());
    expect(planned.reasons("out/end.txt")).toEqual([{ kind: "never-built" }]);
    expect(runs(project)).toBe(0);
  });

  test("tells what will be made from what may be: a change might stop on the way", async () => {
    const project = started();
    const answers = new FakeAnswers();
    await project.build(PIPELINE, ["out/end.txt"], { answers });
    project.write("a.txt", "omega");
    const planned = await project.plan(PIPELINE, ["out/end.txt"], { answers });
    expect(planned.built).toEqual(["out/a.txt"]);
    expect(planned.conditional).toEqual(["out/answers.txt", "out/end.txt", "out/length.txt", "requests.txt"]);
    expect(planned.reasons("out/length.txt")).toEqual([{ kind: "input-rebuilt", input: "a", target: "out/a.txt" }]);
    const done = await project.build(PIPELINE, ["out/end.txt"], { answers });
    expect(done.built).toEqual(["out/a.txt", "out/length.txt"]);
    expect(answers.opened).toEqual(["requests.txt"]);
  });

  test("makes request files in a scratch folder to say what would be asked", async () => {
    const project = started();
    const targets = [...gated("out/answers.txt", "requests.txt", { b: from("b.txt") })];
    const planned = await project.plan(targets, ["out/answers.txt"]);
    const standing = [...planned.report.standings.values()].find(({ target }) => target.name === "out/answers.txt");
    expect(standing?.ask).toMatchObject({ requests: 1 });
    expect(planned.state("requests.txt")).toEqual({ state: "built", changed: true });
    expect(project.has("requests.txt")).toBe(false);
  });

  test("says that a target waits, and on what, without asking", async () => {
    const project = started();
    const answers = new FakeAnswers({ lag: 3 });
    const first = await project.build(PIPELINE, ["out/end.txt"], { answers });
    expect(first.report.outcome).toBe("waiting");
    expect(first.state("out/end.txt").state).toBe("waiting");
    const { polls } = answers;
    const planned = await project.plan(PIPELINE, ["out/end.txt"], { answers });
    expect(planned.report.outcome).toBe("waiting");
    expect(planned.state("out/answers.txt")).toMatchObject({ state: "waiting", on: [{ requestFile: "requests.txt" }] });
    expect(answers.polls).toBe(polls);
    expect(answers.opened).toEqual(["requests.txt"]);
  });

  test("fails where the build would fail, and blocks what depends on it", async () => {
    const project = started();
    project.remove("a.txt");
    const planned = await project.plan(PIPELINE, ["out/end.txt"]);
    expect(planned.problem("out/a.txt").kind).toBe("missing-input");
    expect(planned.state("out/end.txt")).toEqual({ state: "blocked", by: ["out/a.txt"] });
    expect(planned.report.outcome).toBe("failed");
  });

  test("goes through a chain, and over a level, that are long", async () => {
    const project = started();
    const size = 12_000;
    const link = (i: number) => making(`c/${i}`, "join", i === 0 ? { a: from("a.txt") } : { before: of(`c/${i - 1}`) });
    const level = Array.from({ length: size }, (_, i) => making(`l/${i}`, "join", { c: of("c/0") }));
    const all = { all: madeAll(level.map(({ name }) => name)), last: of(`c/${size - 1}`) };
    const targets = [...Array.from({ length: size }, (_, i) => link(i)), ...level, making("goal", "join", all)];
    const planned = await project.plan(targets, ["goal"]);
    expect(planned.built).toHaveLength(2 * size + 1);
    project.remove("a.txt");
    const failed = await project.plan(targets, ["goal"]);
    expect(failed.state("goal")).toEqual({ state: "blocked", by: ["c/0"] });
  });

  test("of some goals speaks of nothing else", async () => {
    const project = started();
    const planned = await project.plan(PIPELINE, ["out/length.txt"]);
    expect([...planned.report.standings.keys()].sort()).toEqual(["out/a.txt", "out/length.txt"]);
  });

  test("takes no lock: it works while another process builds", async () => {
    const project = started();
    await project.build(PIPELINE, ["out/end.txt"]);
    writeFileSync(project.path(".dsgen-cache/lock"), "held by somebody");
    expect((await project.plan(PIPELINE, ["out/end.txt"])).report.outcome).toBeDefined();
    expect(project.read(".dsgen-cache/lock")).toBe("held by somebody");
  });
});

describe("why something is stale", () => {
  async function reasonsAfter(change: (project: TestProject) => void, value: unknown = undefined) {
    const project = started();
    const config = (temperature: number) =>
      setting({ model: "m", sampling: { temperature, top_p: 1 } }, "tasks/refusal");
    const targets = (now: number) => [making("out.txt", "join", { config: config(now), b: from("b.txt") })];
    await project.build(targets(0.8), ["out.txt"]);
    change(project);
    const planned = await project.plan(targets(typeof value === "number" ? value : 0.8), ["out.txt"]);
    return planned.reasons("out.txt");
  }

  test("names the narrowest member of a config value, from what to what", async () => {
    expect(await reasonsAfter(() => undefined, 0.9)).toEqual([
      { kind: "input-changed", input: "config", what: "tasks/refusal.sampling.temperature", from: "0.8", to: "0.9" },
    ]);
  });

  test("names the file that changed", async () => {
    const reasons = await reasonsAfter((project) => project.write("b.txt", "gamma"));
    expect(reasons).toMatchObject([{ kind: "input-changed", input: "b", what: "b.txt" }]);
  });

  test("names the modules of a recipe that changed", async () => {
    const reasons = await reasonsAfter((project) =>
      project.write("targets/recipes/read-all.mjs", `${project.read("targets/recipes/read-all.mjs")}// edited`),
    );
    expect(reasons).toEqual([
      { kind: "recipe-changed", recipe: "targets/recipes/join.mjs", modules: ["targets/recipes/read-all.mjs"] },
    ]);
  });

  test("names all of it at once", async () => {
    const reasons = await reasonsAfter((project) => {
      project.write("b.txt", "gamma");
      project.write("targets/recipes/read-all.mjs", `${project.read("targets/recipes/read-all.mjs")}// edited`);
    }, 0.5);
    expect(reasons.map(({ kind }) => kind)).toEqual(["recipe-changed", "input-changed", "input-changed"]);
  });
});
