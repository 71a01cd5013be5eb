import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/engine/events.ts";
import { FakeAnswers } from "./fake-answers.ts";
import { TestProject } from "./project.ts";
import { RandomPipeline, shapes } from "./random-graph.ts";
import { byModule, from, gated, making, of, setting, writeRecipes } from "./recipes.ts";

/*
 * Promise 6: the same inputs give the same bytes with any number of workers, in any order of arrival; and what happens to
 * one target, a failure or an interruption, does not change what the others come to.
 */

function started(): TestProject {
  const project = new TestProject();
  writeRecipes(project);
  return project;
}

/** Everything a build made, but nothing of the cache. */
function outputs(project: TestProject): ReadonlyMap<string, string> {
  return new Map([...project.listing()].filter(([path]) => /^(out|requests)\//.test(path)));
}

describe("any graph", () => {
  test("comes to the same bytes with 1, 2 and 8 jobs, and with answers that come sooner or later", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (nodes) => {
        const results: ReadonlyMap<string, string>[] = [];
        for (const [jobs, lag] of [
          [1, 0],
          [2, 2],
          [8, 1],
        ] as const) {
          const project = started();
          const pipeline = new RandomPipeline(project, nodes);
          const answers = new FakeAnswers({ lag });
          const done = await project.build(pipeline.targets, pipeline.goals, { jobs, answers, wait: true });
          expect(done.report.outcome).toBe("up-to-date");
          results.push(goalsOf(pipeline, project));
          project.dispose();
        }
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }),
      { numRuns: 8 },
    );
  });

  test("interrupted anywhere and built again comes to what it would have come to", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 12 }), async (nodes, events) => {
        const whole = started();
        const answers = new FakeAnswers();
        const wholePipeline = new RandomPipeline(whole, nodes);
        await whole.build(wholePipeline.targets, wholePipeline.goals, { answers });
        const project = started();
        const pipeline = new RandomPipeline(project, nodes);
        const controller = new AbortController();
        let seen = 0;
        const onEvent = (event: BuildEvent) => {
          // After the last word there is nothing left to interrupt.
          if (event.type !== "build-finished" && ++seen === events) controller.abort();
        };
        const own = new FakeAnswers();
        const first = await project.build(pipeline.targets, pipeline.goals, {
          answers: own,
          signal: controller.signal,
          onEvent,
        });
        if (controller.signal.aborted) expect(first.report.outcome).toBe("interrupted");
        const second = await project.build(pipeline.targets, pipeline.goals, { answers: own });
        expect(second.report.outcome).toBe("up-to-date");
        expect(goalsOf(pipeline, project)).toEqual(goalsOf(wholePipeline, whole));
        expect(new Set(own.opened).size).toBe(own.opened.length);
        whole.dispose();
        project.dispose();
      }),
      { numRuns: 8 },
    );
  });
});

/** The goals' bytes: what an expansion did not choose may have been made or not. */
function goalsOf(pipeline: RandomPipeline, project: TestProject): ReadonlyMap<string, string> {
  const made = outputs(project);
  return new Map([...pipeline.certain()].map((name) => [name, made.get(name) ?? "missing"]));
}

describe("a failure", () => {
  const BAD = 'export default async () => { throw new Error("broken"); };';
  const targets = [
    byModule("bad.txt", "bad.mjs"),
    making("after-bad.txt", "join", { b: of("bad.txt") }),
    making("far-after-bad.txt", "join", { b: of("after-bad.txt"), g: of("good.txt") }),
    making("good.txt", "join", { s: from("s.txt") }),
    making("after-good.txt", "join", { g: of("good.txt") }),
    ...gated("answers.txt", "requests.txt", { s: from("s.txt") }),
  ];
  const goals = ["far-after-bad.txt", "after-good.txt", "answers.txt"];

  function broken(): TestProject {
    const project = started();
    project.write("bad.mjs", BAD);
    project.write("s.txt", "s");
    return project;
  }

  test("with keep-going leaves the rest to be made, and names what it blocks", async () => {
    const [project, answers] = [broken(), new FakeAnswers()];
    const done = await project.build(targets, goals, { keepGoing: true, answers });
    expect(done.report.outcome).toBe("failed");
    expect(done.state("bad.txt").state).toBe("failed");
    expect(done.state("after-bad.txt")).toEqual({ state: "blocked", by: ["bad.txt"] });
    expect(done.state("far-after-bad.txt")).toEqual({ state: "blocked", by: ["bad.txt"] });
    expect(done.state("after-good.txt").state).toBe("built");
    expect(done.state("answers.txt").state).toBe("built");
  });

  test("without it starts nothing more and asks nothing, and what was made stays", async () => {
    const [project, answers] = [broken(), new FakeAnswers()];
    const done = await project.build(targets, goals, { jobs: 1, answers });
    expect(done.report.outcome).toBe("failed");
    expect(answers.opened).toEqual([]);
    project.write("bad.mjs", 'export default async (c) => c.output().write("mended");');
    project.move();
    const made = new Set(done.built.filter((name) => done.state(name).state === "built"));
    const again = await project.build(targets, goals, { answers });
    expect(again.report.outcome).toBe("up-to-date");
    expect(again.built.filter((name) => made.has(name))).toEqual([]);
    expect(project.read("far-after-bad.txt")).toBe("joined joined mended\n+joined s\n\n");
  });

  test("outranks a wait", async () => {
    const [project, answers] = [broken(), new FakeAnswers({ lag: 5 })];
    const done = await project.build(targets, goals, { keepGoing: true, answers });
    expect(done.state("answers.txt").state).toBe("waiting");
    expect(done.report.outcome).toBe("failed");
  });

  test("of the provider fails what waits for it, and no more", async () => {
    const [project, answers] = [started(), new FakeAnswers()];
    project.write("s.txt", "s");
    answers.breaks("requests.txt", "no such model");
    const some = [...targets.slice(3), making("after-answers.txt", "join", { a: of("answers.txt") })];
    const done = await project.build(some, ["after-answers.txt", "after-good.txt"], { answers, keepGoing: true });
    expect(done.problem("answers.txt").message).toBe("no such model");
    expect(done.state("after-answers.txt")).toEqual({ state: "blocked", by: ["answers.txt"] });
    expect(done.state("after-good.txt").state).toBe("built");
    expect(done.report.outcome).toBe("failed");
  });

  test("outranks a refusal, which outranks a wait", async () => {
    const [project, answers] = [broken(), new FakeAnswers({ lag: 5 })];
    const more = [...targets, ...gated("dear.txt", "dear-requests.txt", { n: setting(1) })];
    answers.breaks("dear-requests.txt", "over the budget", true);
    const refused = await project.build(more, ["answers.txt", "dear.txt"], { answers });
    expect(refused.report.outcome).toBe("refused");
    expect(refused.state("answers.txt").state).toBe("waiting");
    const failed = await project.build(more, ["answers.txt", "dear.txt", "bad.txt"], { answers, keepGoing: true });
    expect(failed.report.outcome).toBe("failed");
  });
});

describe("a wait", () => {
  test("keeps nothing from being made that does not depend on it", async () => {
    const [project, answers] = [started(), new FakeAnswers({ lag: 3 })];
    project.write("s.txt", "s");
    const targets = [
      ...gated("answers.txt", "requests.txt", { s: from("s.txt") }),
      making("after.txt", "join", { a: of("answers.txt") }),
      making("beside.txt", "join", { s: from("s.txt") }),
    ];
    const done = await project.build(targets, ["after.txt", "beside.txt"], { answers });
    expect(done.report.outcome).toBe("waiting");
    expect(done.built).toEqual(["beside.txt", "requests.txt"]);
    expect(done.state("after.txt").state).toBe("waiting");
  });
});
