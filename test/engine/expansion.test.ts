import { describe, expect, test } from "vitest";
import { chosenParts } from "../../src/graph/declare.ts";
import type { TargetName } from "../../src/graph/names.ts";
import type { Target } from "../../src/graph/target.ts";
import { FakeAnswers } from "./fake-answers.ts";
import { TestProject } from "./project.ts";
import { enough, from, gated, making, of, runs, setting, writeRecipes } from "./recipes.ts";

/*
 * Expansions: what a target is made from, decided by what built ones hold. They buy no more than is wanted.
 */

const BATCHES = [0, 1, 2, 3];

/** Four batches, a shard from each, and a dataset made of as many shards as reach a length. */
function pipeline(length: number, first: number): readonly Target[] {
  return [
    ...BATCHES.flatMap((i) => gated(`answers/${i}.txt`, `requests/${i}.txt`, { i: setting(i) })),
    ...BATCHES.map((i) => making(`shards/${i}.txt`, "join", { answers: of(`answers/${i}.txt`) })),
    making("dataset.txt", "join", {
      shards: enough(
        BATCHES.map((i) => `shards/${i}.txt`),
        length,
        first,
      ),
    }),
  ];
}

/** How long one shard is. */
const SHARD = "joined fake:1 answers r1: joined 0\n\n\n".length;

function started(): TestProject {
  const project = new TestProject();
  writeRecipes(project);
  return project;
}

function shardsIn(project: TestProject): string[] {
  return [...project.read("dataset.txt").matchAll(/r1: joined (\d)/g)].map(([, i]) => i ?? "");
}

describe("a dataset of as many shards as suffice", () => {
  test("stops when there is enough: what comes later is never asked for", async () => {
    const [project, answers] = [started(), new FakeAnswers()];
    const done = await project.build(pipeline(SHARD, 1), ["dataset.txt"], { answers });
    expect(done.report.outcome).toBe("up-to-date");
    expect(answers.opened).toEqual(["requests/0.txt"]);
    expect(shardsIn(project)).toEqual(["0"]);
    expect(project.has("requests/1.txt")).toBe(false);
  });

  test("tops up when there is not, one look at a time", async () => {
    const [project, answers] = [started(), new FakeAnswers()];
    await project.build(pipeline(3 * SHARD, 1), ["dataset.txt"], { answers });
    expect(answers.opened).toEqual(["requests/0.txt", "requests/1.txt", "requests/2.txt"]);
    expect(shardsIn(project)).toEqual(["0", "1", "2"]);
  });

  test("asks for all that it wants at first together", async () => {
    const [project, answers] = [started(), new FakeAnswers({ lag: 1 })];
    const first = await project.build(pipeline(2 * SHARD, 2), ["dataset.txt"], { answers });
    expect(answers.opened).toEqual(["requests/0.txt", "requests/1.txt"]);
    expect(first.report.outcome).toBe("up-to-date");
    expect(shardsIn(project)).toEqual(["0", "1"]);
  });

  test("is made of every shard when even all do not suffice", async () => {
    const [project, answers] = [started(), new FakeAnswers()];
    const done = await project.build(pipeline(100 * SHARD, 2), ["dataset.txt"], { answers });
    expect(done.report.outcome).toBe("up-to-date");
    expect(shardsIn(project)).toEqual(["0", "1", "2", "3"]);
  });

  test("waits across invocations, and goes on where it was", async () => {
    const [project, answers] = [started(), new FakeAnswers({ lag: 2 })];
    const first = await project.build(pipeline(2 * SHARD, 1), ["dataset.txt"], { answers });
    expect(first.report.outcome).toBe("waiting");
    expect(first.state("dataset.txt").state).toBe("waiting");
    let last = first;
    for (let i = 0; i < 8 && last.report.outcome === "waiting"; i++)
      last = await project.build(pipeline(2 * SHARD, 1), ["dataset.txt"], { answers });
    expect(last.report.outcome).toBe("up-to-date");
    expect(answers.opened).toEqual(["requests/0.txt", "requests/1.txt"]);
    expect(shardsIn(project)).toEqual(["0", "1"]);
  });

  test("with wait, goes on until it is done", async () => {
    const [project, answers] = [started(), new FakeAnswers({ lag: 3 })];
    const done = await project.build(pipeline(3 * SHARD, 2), ["dataset.txt"], { answers, wait: true });
    expect(done.report.outcome).toBe("up-to-date");
    expect(answers.opened).toEqual(["requests/0.txt", "requests/1.txt", "requests/2.txt"]);
  });

  test("on a null build asks neither its module nor the answers", async () => {
    const [project, answers] = [started(), new FakeAnswers()];
    await project.build(pipeline(3 * SHARD, 1), ["dataset.txt"], { answers });
    expect(runs(project)).toBeGreaterThan(0);
    const blind = new FakeAnswers();
    const again = await project.build(pipeline(3 * SHARD, 1), ["dataset.txt"], { answers: blind });
    expect(again.built).toEqual([]);
    expect(again.report.outcome).toBe("up-to-date");
    expect(runs(project)).toBe(0);
    expect(blind.opened).toEqual([]);
  });

  test("asks its module again when its parameters change, and buys only what is missing", async () => {
    const [project, answers] = [started(), new FakeAnswers()];
    await project.build(pipeline(SHARD, 1), ["dataset.txt"], { answers });
    await project.build(pipeline(2 * SHARD, 1), ["dataset.txt"], { answers });
    expect(answers.opened).toEqual(["requests/0.txt", "requests/1.txt"]);
    expect(shardsIn(project)).toEqual(["0", "1"]);
    const fewer = await project.build(pipeline(SHARD, 1), ["dataset.txt"], { answers });
    expect(fewer.restored).toEqual(["dataset.txt"]);
    expect(shardsIn(project)).toEqual(["0"]);
  });

  test("of another provider takes none of the first one's answers", async () => {
    const project = started();
    await project.build(pipeline(SHARD, 1), ["dataset.txt"], { answers: new FakeAnswers() });
    const other = new FakeAnswers({ namespace: "fake:2" });
    const again = await project.build(pipeline(SHARD, 1), ["dataset.txt"], { answers: other });
    expect(other.opened).toEqual(["requests/0.txt"]);
    expect(again.built).toEqual(["answers/0.txt", "dataset.txt", "shards/0.txt"]);
    expect(project.read("dataset.txt")).toContain("fake:2 answers");
  });
});

describe("a target", () => {
  test("may be made from several groups, each chosen by an expansion of its own", async () => {
    const project = started();
    const names = ["a", "b", "c"].map((name) => `${name}.txt`);
    const targets = [
      ...names.map((name) => making(name, "join", { n: setting(name) })),
      making("out.txt", "join", { few: enough(names, 1), many: enough(names, 30, 3) }),
    ];
    const done = await project.build(targets, ["out.txt"]);
    expect(done.report.outcome).toBe("up-to-date");
    const [a, b] = ['joined "a.txt"\n', 'joined "b.txt"\n'];
    expect(project.read("out.txt")).toBe(`joined ${a}+${a}+${b}\n`);
    const noted = [...done.report.standings.values()].find(({ target }) => target.name === "out.txt")?.note;
    expect(noted).toEqual({ few: { length: 15 }, many: { length: 30 } });
    const again = await project.build(targets, ["out.txt"]);
    expect(again.fresh).toEqual(["a.txt", "b.txt", "out.txt"]);
  });
});

describe("one expansion for several inputs", () => {
  const names = ["a", "b", "c"].map((name) => `${name}.txt` as TargetName);
  const inParts = (parts: readonly string[]) => [
    ...names.map((name) => making(name, "join", { n: setting(name) })),
    making("out.txt", "join", chosenParts("m.mjs", { list: names }, names, parts)),
  ];
  const SORTS = `export default async ({ params: { list }, read }) => {
    for (const name of list) if (!(await read(name))) return { state: "open", want: list, note: {} };
    return { state: "final", targets: { some: [list[0]], others: [list[2], list[1]], none: [] }, note: { asked: 1 } };
  };`;

  test("is asked once, and each input has the part that it names, in its order", async () => {
    const project = started();
    project.write("m.mjs", SORTS);
    const done = await project.build(inParts(["some", "others", "none"]), ["out.txt"]);
    expect(done.report.outcome).toBe("up-to-date");
    const [a, b, c] = names.map((name) => `joined "${name}"\n`);
    expect(project.read("out.txt")).toBe(`joined ${a}+${c}+${b}\n`);
    const noted = [...done.report.standings.values()].find(({ target }) => target.name === "out.txt")?.note;
    expect(noted).toEqual({ asked: 1 });
    expect((await project.build(inParts(["some", "others", "none"]), ["out.txt"])).fresh).toHaveLength(4);
  });

  test("is asked once for several targets, whichever parts they take, and whichever is built first", async () => {
    const project = started();
    project.write(
      "m.mjs",
      `import { log } from "./targets/recipes/log.mjs";\n${SORTS.replace("{\n", '{\nlog("asked");\n')}`,
    );
    const takes = { part: "some", takes: names.slice(0, 1) };
    const targets = [
      ...inParts(["some", "others", "none"]),
      making("other.txt", "join", {
        ...chosenParts("m.mjs", { list: names }, names, { few: takes }),
        first: { kind: "target", target: "out.txt" as TargetName },
      }),
    ];
    expect((await project.build(targets, ["other.txt"], { jobs: 1 })).report.outcome).toBe("up-to-date");
    expect(project.read("other.txt")).toContain(`joined "a.txt"`);
    const asked = runs(project);
    const alone = started();
    alone.write("m.mjs", project.read("m.mjs"));
    await alone.build(targets, ["out.txt"], { jobs: 1 });
    expect(asked).toBe(runs(alone));
  });

  test("moves nothing from one input to another unseen: that is another action", async () => {
    const project = started();
    project.write("m.mjs", SORTS);
    await project.build(inParts(["some", "others", "none"]), ["out.txt"]);
    project.write("m.mjs", SORTS.replace("some: [list[0]], others: [list[2], list[1]]", "some: [], others: list"));
    project.move();
    const moved = await project.build(inParts(["some", "others", "none"]), ["out.txt"]);
    expect(moved.built).toEqual(["out.txt"]);
  });

  test("must answer every part that an input names", async () => {
    const project = started();
    project.write("m.mjs", SORTS);
    const done = await project.build(inParts(["some", "lost"]), ["out.txt"]);
    expect(done.problem("out.txt").message).toContain("lacks a list that inputs take (some, lost)");
  });
});

describe("a module is asked again", () => {
  const names = ["a", "b", "c", "d"].map((name) => `${name}.txt` as TargetName);
  const targets = (module: string) => [
    ...names.map((name) => making(name, "join", { n: setting(name) })),
    making("out.txt", "join", {
      chosen: { kind: "expand", module: module as Target["recipe"], params: {}, candidates: names },
    }),
  ];

  test("when what it looked for in vain is there, with what it kept, and not before", async () => {
    const project = started();
    project.write(
      "m.mjs",
      `import { log } from "./targets/recipes/log.mjs";
      const names = ${JSON.stringify(names)};
      export default async ({ read, kept }) => {
        log("asked");
        const seen = kept(() => ({ count: 0 }));
        while (seen.count < names.length && (await read(names[seen.count])) !== undefined) { seen.count++; log("read"); }
        return seen.count === names.length
          ? { state: "final", targets: names, note: {} }
          : { state: "open", want: names, note: {} };
      };`,
    );
    // One at a time, the last first: only the first's arrival is news.
    const done = await project.build(targets("m.mjs"), ["d.txt", "c.txt", "b.txt", "a.txt", "out.txt"], { jobs: 1 });
    expect(done.report.outcome).toBe("up-to-date");
    // Asked at first and at the end; each read once.
    expect(runs(project)).toBe(2 + names.length);
  });
});

describe("a module that breaks its contract fails its target with a problem", () => {
  const candidates = ["a.txt", "b.txt"].map((name) => name as TargetName);
  const targets: readonly Target[] = [
    making("a.txt", "join", { s: from("s.txt") }),
    making("b.txt", "join", { s: from("s.txt") }),
    making("unlisted.txt", "join", { s: from("s.txt") }),
    making("out.txt", "join", {
      chosen: { kind: "expand", module: "m.mjs" as Target["recipe"], params: { list: [1] }, candidates },
    }),
  ];

  test.each([
    [
      "names what is no candidate",
      '({ state: "open", want: ["unlisted.txt"], note: {} })',
      "named unlisted.txt, which is not among its candidates",
    ],
    [
      "settles on what is no candidate",
      '({ state: "final", targets: ["unlisted.txt"], note: {} })',
      "named unlisted.txt",
    ],
    [
      "settles on what is not built",
      '({ state: "final", targets: ["b.txt"], note: {} })',
      "settled on b.txt, which is not built",
    ],
    ["wants nothing and is not settled", '({ state: "open", want: [], note: {} })', "wants nothing that is not built"],
    [
      "goes on wanting what is there",
      '({ state: "open", want: ["a.txt"], note: {} })',
      "wants nothing that is not built",
    ],
    ["answers nothing", "undefined", "did not answer"],
    ["answers something else", '({ state: "done" })', "did not answer"],
    ["throws", "(() => { throw new RangeError('lost'); })()", "threw RangeError: lost"],
    ["is no function", undefined, "its default export is not a function"],
  ])("%s", async (_what, answer, said) => {
    const project = started();
    project.write("s.txt", "s");
    project.write("m.mjs", answer === undefined ? "export default 1;" : `export default async () => ${answer};`);
    const done = await project.build(targets, ["out.txt"]);
    expect(done.report.outcome).toBe("failed");
    const problem = done.problem("out.txt");
    expect(problem).toMatchObject({ kind: "recipe", where: "out.txt" });
    expect(problem.message).toContain(said);
    expect(problem.fix).toBeDefined();
    project.write(
      "m.mjs",
      'export default async ({ read }) => (await read("a.txt")) ? { state: "final", targets: ["a.txt"], note: {} } : { state: "open", want: ["a.txt"], note: {} };',
    );
    project.move();
    expect((await project.build(targets, ["out.txt"])).report.outcome).toBe("up-to-date");
    expect(project.read("out.txt")).toBe("joined joined s\n\n");
  });

  test("changing its parameters is not possible: the next look sees them as declared", async () => {
    const project = started();
    project.write("s.txt", "s");
    project.write(
      "m.mjs",
      'export default async ({ params, read }) => { params.list.push(2); if (params.list.length > 2) throw new Error("seen"); return (await read("a.txt")) ? { state: "final", targets: ["a.txt"], note: {} } : { state: "open", want: ["a.txt"], note: {} }; };',
    );
    expect((await project.build(targets, ["out.txt"])).report.outcome).toBe("up-to-date");
  });
});
