import { describe, expect, test } from "vitest";
import { chosen, file, glob, made, madeAll, recipe, target, value } from "../../src/graph/declare.ts";
import { Graph, nearestName } from "../../src/graph/graph.ts";
import type { TargetName } from "../../src/graph/names.ts";
import type { Problem } from "../../src/graph/problem.ts";
import type { Input, LiveTarget, Target } from "../../src/graph/target.ts";

const named = (text: string) => text as TargetName;

function simple(name: string, inputs: Record<string, Input> = {}, more: Partial<Target> = {}): Target {
  return target({ name: named(name), recipe: recipe("targets/recipes/x.ts"), stage: "test", inputs, ...more });
}

function view(name: string, requests: readonly string[] = []): LiveTarget {
  return { name: named(name), view: "batch-metadata", task: "t", stage: "batches", requests: requests.map(named) };
}

function problemsOf(targets: readonly Target[], live: readonly LiveTarget[] = []): readonly Problem[] {
  const graph = Graph.build({ targets, live });
  return graph.ok ? [] : graph.error;
}

/** The one problem there is. */
function problemOf(targets: readonly Target[], live: readonly LiveTarget[] = []): Problem {
  const problems = problemsOf(targets, live);
  const [only] = problems;
  if (only === undefined || problems.length > 1) throw new Error(`expected one problem: ${JSON.stringify(problems)}`);
  expect(only.kind).toBe("graph");
  return only;
}

describe("a sound graph", () => {
  test("knows targets by each of their outputs, and views by their name", () => {
    const both = simple("a.txt", {}, { outputs: [named("a.txt"), named("a.log")] });
    const graph = Graph.build({
      targets: [both, simple("b c/d.txt", { a: made(named("a.log")) })],
      live: [view("view.json", ["a.txt"])],
    });
    if (!graph.ok) throw new Error(JSON.stringify(graph.error));
    expect(graph.value.target("a.log")).toBe(both);
    expect(graph.value.mustTarget(named("a.txt"))).toBe(both);
    expect(graph.value.target("view.json")).toBeUndefined();
    expect(graph.value.liveTarget("view.json")?.requests).toEqual(["a.txt"]);
    expect(graph.value.target("constructor")).toBeUndefined();
    expect(() => graph.value.mustTarget(named("nothing"))).toThrow("no target makes nothing");
  });

  test("may be empty", () => {
    expect(problemsOf([])).toEqual([]);
  });

  test("may use one target many times", () => {
    const diamond = [
      simple("top"),
      simple("left", { t: made(named("top")) }),
      simple("right", { t: made(named("top")) }),
      simple("end", { both: madeAll([named("left"), named("right")]), again: made(named("top")) }),
    ];
    expect(problemsOf(diamond)).toEqual([]);
    const graph = Graph.build({ targets: diamond, live: [] });
    if (!graph.ok) throw new Error("expected a graph");
    const madeFrom = (name: string) => graph.value.madeFrom(graph.value.mustTarget(named(name)));
    expect(madeFrom("end").map(({ name }) => name)).toEqual(["left", "right", "top"]);
    expect(madeFrom("top")).toEqual([]);
  });

  test("of a chain of 100,000 targets is checked without overflowing", () => {
    const count = 100_000;
    const chain = Array.from({ length: count }, (_, i) =>
      simple(`chain/${i}.txt`, i + 1 < count ? { next: made(named(`chain/${i + 1}.txt`)) } : {}),
    );
    expect(problemsOf(chain)).toEqual([]);
    const closed = [...chain.slice(0, -1), simple(`chain/${count - 1}.txt`, { next: made(named("chain/0.txt")) })];
    const { message } = problemOf(closed);
    expect(message).toContain("in a circle: chain/0.txt → chain/1.txt → ");
    expect(message).toContain("(99992 more)");
    expect(message.length).toBeLessThan(400);
  });
});

describe("a name", () => {
  test("may be given once", () => {
    expect(problemOf([simple("a"), simple("a")])).toMatchObject({ where: "a", message: "two targets make this file." });
  });

  test("may not be another target's second output", () => {
    const other = simple("b", {}, { outputs: [named("b"), named("a")] });
    expect(problemOf([simple("a"), other]).where).toBe("a");
  });

  test("may not be shared by a target and a view, or by two views", () => {
    expect(problemOf([simple("a")], [view("a")]).where).toBe("a");
    expect(problemOf([], [view("v"), view("v")]).where).toBe("v");
  });

  test.each(["/abs", "../out", "a//b", "./a", "a/..", "", "a\\b", "a\0b", ".dsgen-cache/x", "a/"])(
    "%j is refused",
    (name) => {
      const problem = problemOf([simple(name)]);
      expect(problem.message).toContain("not a target's name");
      expect(problem.fix).toBeDefined();
    },
  );

  test("is the target's first output", () => {
    const problem = problemOf([simple("a", {}, { outputs: [named("b"), named("a")] })]);
    expect(problem.message).toContain("its first output is b");
    expect(problemsOf([simple("a", {}, { outputs: [] })])[0]?.message).toContain("its first output is missing");
  });

  test("may not be another target's folder", () => {
    expect(problemOf([simple("a/b"), simple("a/b/c/d.txt")])).toMatchObject({ where: "a/b" });
    expect(problemOf([simple("a/b")], [view("a")])).toMatchObject({ where: "a" });
    expect(problemsOf([simple("a/b"), simple("a/bc/d")])).toEqual([]);
  });
});

describe("an input", () => {
  test("that no target makes is said, with the nearest name there is", () => {
    const problem = problemOf([
      simple("requests/refusal/request_batch0.jsonl"),
      simple("x", { r: made(named("request/refusal/request_batch0.jsnl")) }),
    ]);
    expect(problem.where).toBe("x");
    expect(problem.message).toContain('input "r" names request/refusal/request_batch0.jsnl, which no target makes');
    expect(problem.fix).toBe("Did you mean requests/refusal/request_batch0.jsonl?");
  });

  test("that resembles nothing gets no suggestion", () => {
    expect(problemOf([simple("abc", { r: made(named("zzzzzzzz")) })]).fix).toBe("Declare such a target.");
    expect(nearestName("zzzzzz", [])).toBeUndefined();
    expect(nearestName("zzzzzz", ["aaaaaa"])).toBeUndefined();
    expect(nearestName("refusel", ["sentiment", "refusal"])).toBe("refusal");
  });

  test("is checked in lists and among an expansion's candidates too", () => {
    expect(problemOf([simple("x", { r: madeAll([named("qqqqq")]) })]).message).toContain("qqqqq");
    expect(problemOf([simple("x", { r: chosen("m.ts", {}, [named("wwwww")]) })]).message).toContain("wwwww");
    expect(problemOf([], [view("v.json", ["eeeee"])]).message).toContain("eeeee");
  });

  test.each([
    ["made", made(named("live/view.json"))],
    ["a file", file("live/view.json")],
  ])("may not be a live view, declared as %s", (_how, input) => {
    expect(problemOf([simple("x", { r: input })], [view("live/view.json")]).message).toContain(
      "a view of the remote jobs",
    );
  });

  test("declared as a file may not be what a target makes", () => {
    const problem = problemOf([simple("a"), simple("b", { r: file("a") })]);
    expect(problem.message).toContain("declares a as a file, but a target makes it");
    expect(problem.fix).toContain('kind: "target"');
  });

  test.each(["../secret", "/etc/passwd", "a//b", "", ".dsgen-cache/v1/journal.jsonl"])(
    "may not be the file %j",
    (path) => {
      expect(problemOf([simple("a", { r: file(path) })]).message).toContain(`declares the file ${path}`);
    },
  );

  test.each(["../**/*.txt", "/etc/*", "a/../../*", "!/etc/*"])("may not be the glob %j", (pattern) => {
    expect(problemOf([simple("a", { r: glob("data/*", pattern) })]).message).toContain(`declares the glob ${pattern}`);
  });

  test("may be chosen by an expansion, and so may another", () => {
    const choice = chosen("m.ts", {}, [named("a")]);
    expect(problemsOf([simple("a"), simple("b", { one: choice, two: choice })])).toEqual([]);
  });
});

describe("a gate", () => {
  const gate = { kind: "answers", requests: named("requests") } as const;

  test("waits for a declared input", () => {
    expect(problemsOf([simple("requests"), simple("x", { r: made(named("requests")) }, { gate })])).toEqual([]);
    expect(problemOf([simple("requests"), simple("x", {}, { gate })]).message).toContain(
      "its gate waits for the answers to requests",
    );
  });

  test("keeps its own name for itself: an input called so would never be hashed", () => {
    const inputs = { r: made(named("requests")), answers: value(1, "test") };
    expect(problemOf([simple("requests"), simple("x", inputs, { gate })]).message).toContain(
      'declares an input "answers"',
    );
  });
});

describe("cycles", () => {
  test("are named from end to end", () => {
    const targets = [
      simple("start", { a: made(named("a")) }),
      simple("a", { b: made(named("b")) }),
      simple("b", { c: madeAll([named("start2"), named("c")]) }),
      simple("c", { a: made(named("a")) }),
      simple("start2"),
    ];
    expect(problemOf(targets)).toMatchObject({ where: "a", message: expect.stringContaining("a → b → c → a") });
  });

  test("of one target count", () => {
    expect(problemOf([simple("a", { a: made(named("a")) })]).message).toContain("a → a");
  });

  test("through an expansion's candidates or a second output count", () => {
    expect(
      problemOf([simple("a", { e: chosen("m.ts", {}, [named("b")]) }), simple("b", { a: made(named("a")) })]).message,
    ).toContain("a → b → a");
    const two = simple("a", { b: made(named("b")) }, { outputs: [named("a"), named("a2")] });
    expect(problemOf([two, simple("b", { a: made(named("a2")) })]).message).toContain("a → b → a");
  });
});

test("every problem is told at once, not only the first", () => {
  const problems = problemsOf(
    [
      simple("a", { x: made(named("nowhere")), y: file("../out"), z: made(named("nothing")) }),
      simple("a"),
      simple("../b"),
      simple("c", {}, { gate: { kind: "answers", requests: named("a") } }),
    ],
    [view("a/view.json", ["missing"])],
  );
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringContaining("two targets make this file"),
    expect.stringContaining("leaves the project"),
    expect.stringContaining("also the folder of the target a/view.json"),
    expect.stringContaining("nowhere"),
    expect.stringContaining("declares the file ../out"),
    expect.stringContaining("nothing"),
    expect.stringContaining("its gate waits"),
    expect.stringContaining("missing"),
  ]);
});

describe("a file system that ignores case or the ways of writing an accent", () => {
  test.each([
    ["A.txt", "a.txt"],
    ["d/\u00e9.txt", "d/e\u0301.txt"],
    ["d/\u00c9.txt", "D/e\u0301.txt"],
  ])("%s and %s are not two targets", (one, other) => {
    const problem = problemOf([simple(one), simple(other)]);
    expect(problem.where).toBe(other);
    expect(problem.message).toContain(one);
  });

  test("and a target is neither a folder of another nor its own input", () => {
    expect(problemOf([simple("A"), simple("a/b.txt")]).message).toContain("a/b.txt");
    expect(problemOf([simple("Topics.txt", { topics: file("topics.txt") })]).message).toContain("topics.txt");
  });
});
