import { chmodSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { env } from "../../src/graph/declare.ts";
import type { Target } from "../../src/graph/target.ts";
import { FakeAnswers } from "./fake-answers.ts";
import { FakeElsewhere } from "./fake-elsewhere.ts";
import { TestProject } from "./project.ts";
import { from, gated, making, of, setting, writeRecipes } from "./recipes.ts";

/*
 * What is made on other machines waits as what stands before a gate does: all that does not hang on it goes on.
 */

const afar = { resources: {} };
const PARTS = ["out/1.txt", "out/2.txt", "out/3.txt"];
const PIPELINE: readonly Target[] = [
  making("out/first.txt", "join", { source: from("a.txt") }),
  ...PARTS.map((name) => making(name, "join", { first: of("out/first.txt"), part: setting(name) }, afar)),
  making("out/end.txt", "join", Object.fromEntries(PARTS.map((name) => [name, of(name)]))),
  making("out/other.txt", "join", { source: from("b.txt") }),
];
const GOALS = ["out/end.txt", "out/other.txt"];

function project(): TestProject {
  const made = new TestProject();
  writeRecipes(made);
  made.write("a.txt", "alpha");
  made.write("b.txt", "beta");
  return made;
}

test("a build hands them over together and ends waiting, with why; the next goes on with the same, and makes the same bytes", async () => {
  const local = project();
  await local.build(PIPELINE, GOALS);
  const here = project();
  const elsewhere = new FakeElsewhere({ lag: 100 });
  const first = await here.build(PIPELINE, GOALS, { elsewhere });
  expect(first.report.outcome).toBe("waiting");
  expect(first.built).toEqual(["out/first.txt", "out/other.txt"]);
  const on = { executor: "afar", job: "17", reason: "running on node1", since: 0 };
  expect(first.state("out/1.txt")).toEqual({ state: "waiting", on: [], elsewhere: [on] });
  expect(first.state("out/end.txt")).toEqual({ state: "waiting", on: [], elsewhere: [on, on, on] });
  // Once or twice to begin, as more was still being made here; and once to see how it stands.
  expect(elsewhere.calls.length).toBeLessThanOrEqual(3);
  for (const { names } of elsewhere.calls) expect(names.toSorted()).toEqual(PARTS);
  expect(elsewhere.calls.at(-1)?.more).toBe(false);
  const reasons = first.events.flatMap((event) =>
    event.type === "target" && event.target === "out/1.txt" && event.state.state === "waiting"
      ? (event.state.elsewhere ?? []).map(({ reason }) => reason)
      : [],
  );
  expect(reasons).toEqual(["pending (Priority)", "running on node1"]);
  elsewhere.finish();
  const calls = elsewhere.calls.length;
  const second = await here.build(PIPELINE, GOALS, { elsewhere });
  expect(second.report.outcome).toBe("up-to-date");
  for (const name of [...PARTS, ...GOALS]) expect(here.read(name), name).toBe(local.read(name));
  const none = await here.build(PIPELINE, GOALS, { elsewhere });
  expect([none.built, elsewhere.calls.length]).toEqual([[], calls + 1]);
});

test("with --wait it is looked at until all is made", async () => {
  const here = project();
  const elsewhere = new FakeElsewhere({ lag: 6 });
  // Nothing is made here meanwhile: in tests, all of the time that is waited passes at once.
  const { report, events } = await here.build(PIPELINE, ["out/end.txt"], { elsewhere, wait: true });
  expect(report.outcome).toBe("up-to-date");
  expect(elsewhere.calls).toHaveLength(7);
  const looks = events.filter(({ type }) => type === "look");
  expect(looks).toEqual(looks.map(() => ({ type: "look", inMs: 1000 })));
  expect(looks).toHaveLength(5);
});

test("what waits there and what waits for answers are waited for side by side", async () => {
  const here = project();
  const targets = [...PIPELINE, ...gated("out/answered.txt", "out/requests.txt", { a: from("a.txt") })];
  const settings = () => ({ elsewhere: new FakeElsewhere({ lag: 3 }), answers: new FakeAnswers({ lag: 3 }) });
  const all = [...GOALS, "out/answered.txt"];
  const first = await here.build(targets, all, settings());
  expect(first.report.counts.waiting).toBe(5);
  const whole = await project().build(targets, all, { ...settings(), wait: true });
  expect(whole.report.outcome).toBe("up-to-date");
});

test("a failure there is the target's, and blocks what is made of it", async () => {
  const elsewhere = new FakeElsewhere({ lag: 1 });
  elsewhere.breaks("out/2.txt", "out of memory");
  const { report, problem, state } = await project().build(PIPELINE, GOALS, { elsewhere, wait: true, keepGoing: true });
  expect(report.outcome).toBe("failed");
  expect(problem("out/2.txt").message).toBe("out of memory");
  expect(state("out/end.txt")).toEqual({ state: "blocked", by: ["out/2.txt"] });
  expect(state("out/3.txt").state).toBe("built");
});

test("an interruption leaves them to themselves, and is no wait", async () => {
  const elsewhere = new FakeElsewhere({ lag: 100 });
  const stop = new AbortController();
  const { report } = await project().build(PIPELINE, ["out/end.txt"], {
    elsewhere,
    wait: true,
    signal: stop.signal,
    onEvent: (event) => event.type === "look" && stop.abort(),
  });
  expect(report.outcome).toBe("interrupted");
});

test("what needs answers, or a variable of the environment, is made here whatever it asks for; a plan hands nothing over", async () => {
  const here = project();
  const elsewhere = new FakeElsewhere();
  const [requests, answered] = gated("out/answered.txt", "out/requests.txt", { a: from("a.txt") });
  if (requests === undefined || answered === undefined) throw new Error("no gate");
  const targets = [
    requests,
    { ...answered, ...afar },
    making("out/env.txt", "join", { a: from("a.txt"), secret: env("SECRET") }, afar),
    making("out/far.txt", "join", { a: from("a.txt") }, afar),
  ];
  const goals = ["out/answered.txt", "out/env.txt", "out/far.txt"];
  const planned = await here.plan(targets, goals, { elsewhere });
  expect(elsewhere.calls).toEqual([]);
  expect(goals.map((name) => planned.state(name).state)).toEqual(["stale", "stale", "stale"]);
  const { report, state } = await here.build(targets, goals, { elsewhere });
  expect(report.outcome).toBe("up-to-date");
  expect(elsewhere.calls.flatMap(({ names }) => names)).toEqual(["out/far.txt"]);
  expect(goals.map((name) => state(name).state)).toEqual(["built", "built", "built"]);
});

test("while more comes, they are handed over when they have doubled, and all of them at the end", async () => {
  const here = project();
  const count = 32;
  const steps = Array.from({ length: count }, (_, i) =>
    making(`step/${i}.txt`, "join", { a: from("a.txt"), i: from(`in/${i}`) }),
  );
  for (let i = 0; i < count; i++) here.write(`in/${i}`, `${i}`);
  const far = steps.map(({ name }, i) => making(`far/${i}.txt`, "join", { step: of(name) }, afar));
  const elsewhere = new FakeElsewhere({ lag: 100 });
  await here.build(
    [...steps, ...far],
    far.map(({ name }) => name),
    { elsewhere, jobs: 1 },
  );
  expect(elsewhere.calls.length).toBeLessThan(12);
  expect(elsewhere.calls[0]).toEqual({ names: ["far/0.txt"], more: true });
  expect(elsewhere.calls.at(-1)).toMatchObject({ more: false });
  expect(elsewhere.calls.at(-1)?.names).toHaveLength(count);
});

test("a blob that is damaged between there and here is made again, and that is said", async () => {
  const here = project();
  const elsewhere = new FakeElsewhere();
  let spoilt = 0;
  elsewhere.beforeMade = (name) => {
    if (name !== "out/1.txt" || spoilt++ > 0) return;
    const blob = here.cacheFile("v1/cas", (content) => content === 'joined joined alpha\n+"out/1.txt"\n');
    chmodSync(blob, 0o644);
    writeFileSync(blob, 'joined joined alpho\n+"out/1.txt"\n');
  };
  const { report, warnings } = await here.build(PIPELINE, GOALS, { elsewhere });
  expect(report.outcome).toBe("up-to-date");
  expect(warnings).toEqual([expect.stringMatching(/does not match its name.*It is made again\./)]);
  expect(here.read("out/1.txt")).toBe('joined joined alpha\n+"out/1.txt"\n');
  expect(spoilt).toBe(2);
});
