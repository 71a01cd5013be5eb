import { symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Tools } from "../../src/engine/ports.ts";
import { glob, madeAll, tool } from "../../src/graph/declare.ts";
import type { TargetName } from "../../src/graph/names.ts";
import { type Outcome, TestProject, type WalkSettings } from "./project.ts";
import { byModule, from, making, of, setting, writeRecipes } from "./recipes.ts";

/*
 * Promise 2: nothing stale is called fresh. A recipe sees its declared inputs and nothing else; its code is an input too.
 */

function project(files: Readonly<Record<string, string>> = {}): TestProject {
  const made = new TestProject();
  writeRecipes(made);
  for (const [path, text] of Object.entries(files)) made.write(path, text);
  return made;
}

describe("editing a recipe", () => {
  const files = {
    "targets/recipes/shout.ts": [
      'import { defineRecipe } from "dsgen";',
      'import { loud } from "../../lib/index.ts";',
      'import type { Mark } from "../../lib/types.ts";',
      'const mark: Mark = "!";',
      "export default defineRecipe(async (context) => {",
      '  await context.output().write(loud(await context.file("source").text()) + mark);',
      "});",
    ].join("\n"),
    "targets/recipes/whisper.mjs":
      'import { quiet } from "../../lib/quiet.mjs";\nexport default async (c) => c.output().write(quiet(await c.file("source").text()));',
    "lib/index.ts": 'export { loud } from "./loud.ts";\nexport { quiet } from "./quiet.mjs";',
    "lib/loud.ts": 'import { upper } from "./upper.ts";\nexport const loud = (text: string) => upper(text);',
    "lib/upper.ts": "export const upper = (text: string) => text.toUpperCase();",
    "lib/quiet.mjs": "export const quiet = (text) => text.toLowerCase();",
    "lib/types.ts": 'export type Mark = "!";',
    "source.txt": "Text",
  };
  const targets = [
    byModule("shout.txt", "targets/recipes/shout.ts", { source: from("source.txt") }),
    byModule("shout-again.txt", "targets/recipes/shout.ts", { source: from("source.txt") }),
    byModule("whisper.txt", "targets/recipes/whisper.mjs", { source: from("source.txt") }),
  ];
  const goals = targets.map(({ name }) => name);

  async function afterEditing(path: string, text: string): Promise<{ made: TestProject; again: Outcome }> {
    const made = project(files);
    await made.build(targets, goals);
    expect(made.read("shout.txt")).toBe("TEXT!");
    made.write(path, text);
    // Where no module was loaded yet, as in the next process.
    made.move();
    return { made, again: await made.build(targets, goals) };
  }

  test("remakes what it made, and nothing else", async () => {
    const { made, again } = await afterEditing(
      "targets/recipes/shout.ts",
      files["targets/recipes/shout.ts"].replace("+ mark", "+ mark + mark"),
    );
    expect(again.built).toEqual(["shout-again.txt", "shout.txt"]);
    expect(made.read("shout.txt")).toBe("TEXT!!");
  });

  test("means also what it imports, in TypeScript, to the end", async () => {
    const { made, again } = await afterEditing(
      "lib/upper.ts",
      "export const upper = (text: string) => '<' + text.toUpperCase() + '>';",
    );
    expect(again.built).toEqual(["shout-again.txt", "shout.txt"]);
    expect(made.read("shout.txt")).toBe("<TEXT>!");
  });

  test("means also what it imports, in JavaScript; who does not import it is left alone", async () => {
    const { made, again } = await afterEditing(
      "lib/quiet.mjs",
      'export const quiet = (text) => text.toLowerCase() + "…";',
    );
    expect(again.built).toEqual(["whisper.txt"]);
    expect(made.read("whisper.txt")).toBe("text…");
  });

  test.each([
    ["types only", "lib/types.ts", 'export type Mark = "!" | "?";'],
    ["a barrel's other lines", "lib/index.ts", `${files["lib/index.ts"]}\nexport { upper } from "./upper.ts";`],
  ])("does not mean %s", async (_what, path, text) => {
    expect((await afterEditing(path, text)).again.built).toEqual([]);
  });

  test("and changing it back restores what it had made", async () => {
    const { made } = await afterEditing("lib/upper.ts", "export const upper = (text: string) => text;");
    made.write("lib/upper.ts", files["lib/upper.ts"]);
    made.move();
    const back = await made.build(targets, goals);
    expect(back.built).toEqual([]);
    expect(back.restored).toEqual(["shout-again.txt", "shout.txt"]);
    expect(made.read("shout.txt")).toBe("TEXT!");
  });

  test("while it is being loaded fails, and stores nothing under the old key", async () => {
    const made = project({ ...files, "first.txt": "1" });
    const early = making("early.txt", "join", { source: from("first.txt") });
    const late = byModule("late.txt", "targets/recipes/whisper.mjs", {
      source: from("source.txt"),
      early: of("early.txt"),
    });
    const both = byModule("both.txt", "targets/recipes/whisper.mjs", { source: from("source.txt") }, {});
    const edited = await made.build([early, late, both], ["late.txt"], {
      onEvent: (event) => {
        // Its identity is taken when it is decided; the event comes just before it is loaded.
        if (event.type === "target" && event.target === "late.txt" && event.state.state === "building")
          made.write("lib/quiet.mjs", "export const quiet = () => 'new';");
      },
    });
    expect(edited.problem("late.txt").message).toContain("changed while the build was under way");
    made.move();
    const again = await made.build([early, late, both], ["late.txt"]);
    expect(again.built).toEqual(["late.txt"]);
    expect(made.read("late.txt")).toBe("new");
  });
});

describe("an input that changes", () => {
  test("in a glob: a file that changes, comes, goes, or is renamed", async () => {
    const made = project({ "data/a.txt": "1", "data/b.txt": "2", "data/c.md": "3" });
    const targets = [making("all.txt", "join", { data: glob("data/*.txt") })];
    const remade = async () => (await made.build(targets, ["all.txt"])).built.length > 0;
    await remade();
    expect(made.read("all.txt")).toBe("joined 1+2\n");
    made.write("data/c.md", "4");
    expect(await remade()).toBe(false);
    made.write("data/b.txt", "5");
    expect(await remade()).toBe(true);
    made.write("data/aa.txt", "6");
    expect(await remade()).toBe(true);
    expect(made.read("all.txt")).toBe("joined 1+6+5\n");
    made.remove("data/a.txt");
    expect(await remade()).toBe(true);
    made.write("data/z.txt", "6");
    made.remove("data/aa.txt");
    expect(await remade()).toBe(true);
    expect(made.read("all.txt")).toBe("joined 5+6\n");
  });

  test("in a list: the order counts", async () => {
    const made = project({ "a.txt": "1", "b.txt": "2" });
    const [a, b] = [making("a", "join", { s: from("a.txt") }), making("b", "join", { s: from("b.txt") })];
    const list = (names: string[]) => making("list", "join", { all: madeAll(names.map((name) => name as TargetName)) });
    await made.build([a, b, list(["a", "b"])], ["list"]);
    expect((await made.build([a, b, list(["b", "a"])], ["list"])).built).toEqual(["list"]);
    expect(made.read("list")).toBe("joined joined 2\n+joined 1\n\n");
  });

  test("under a tool: its fingerprint counts", async () => {
    const made = project({ "t.mjs": 'export default async (c) => c.output().write(String(await c.tool("count")));' });
    const targets = [byModule("t", "t.mjs", { count: tool("tokenizer", "words") })];
    const tools = (hash: string, handle: string): WalkSettings => {
      const found: Tools = {
        fingerprint: () => ({ ok: true, value: { hash, shown: `words@${hash}` } }),
        open: () => Promise.resolve(handle),
      };
      return { tools: found };
    };
    await made.build(targets, ["t"], tools("1", "one"));
    expect((await made.build(targets, ["t"], tools("1", "uno"))).built).toEqual([]);
    expect((await made.build(targets, ["t"], tools("2", "two"))).built).toEqual(["t"]);
    expect(made.read("t")).toBe("two");
  });

  test("while it is read fails its target, and stores nothing under the old key", async () => {
    const made = project({
      "source.txt": "old",
      // Saved by somebody else in the middle, before the recipe has read it.
      "slow.mjs": [
        'import { writeFileSync } from "node:fs";',
        "export default async (c) => {",
        '  const { path, text } = c.value("disturb");',
        '  if (text !== "") writeFileSync(path, text);',
        '  await c.output().write(await c.file("source").text());',
        "};",
      ].join("\n"),
    });
    const target = (text: string) =>
      byModule("out.txt", "slow.mjs", {
        source: from("source.txt"),
        disturb: setting({ path: made.path("source.txt"), text }),
      });
    const disturbed = await made.build([target("new")], ["out.txt"]);
    expect(disturbed.problem("out.txt")).toMatchObject({ kind: "io", where: "out.txt" });
    expect(disturbed.problem("out.txt").message).toContain("source.txt changed while");
    expect(made.has("out.txt")).toBe(false);
    made.write("source.txt", "old");
    const again = await made.build([target("old")], ["out.txt"]);
    expect(again.built).toEqual(["out.txt"]);
    expect(made.read("out.txt")).toBe("old");
  });

  test("is noticed even in the tick after it was last looked at, at the same size", async () => {
    const made = project({ "a.txt": "0" });
    const targets = [making("out", "join", { s: from("a.txt") })];
    for (let i = 1; i < 6; i++) {
      await made.build(targets, ["out"]);
      writeFileSync(made.path("a.txt"), String(i));
      await made.build(targets, ["out"]);
      expect(made.read("out")).toBe(`joined ${i}\n`);
    }
  });

  test("from a config value that another target's recipe tried to change stays what it was", async () => {
    const made = project({
      "greedy.mjs":
        'export default async (c) => { const v = c.value("v"); v.list.push(9); await c.output().write(JSON.stringify(v)); };',
    });
    const shared = setting({ list: [1] });
    const targets = [byModule("a", "greedy.mjs", { v: shared }), making("b", "join", { v: shared, a: of("a") })];
    await made.build(targets, ["b"]);
    expect(made.read("b")).toBe('joined {"list":[1]}+{"list":[1,9]}\n');
    expect((await made.build(targets, ["b"])).built).toEqual([]);
  });
});

describe("a recipe that breaks its contract fails its target with a problem", () => {
  const inputs = { source: from("source.txt"), setting: setting(1) };
  test.each([
    ["reads an undeclared file", 'c.file("other")', '"other" as a file'],
    ["reads a value as a file", 'c.file("setting")', '"setting" as a file'],
    ["reads a file as a value", 'c.value("source")', '"source" as a value'],
    ["reads a file as a list", 'c.files("source")', '"source" as a list of files'],
    ["reads an undeclared tool", 'await c.tool("tokenizer")', '"tokenizer" as a tool'],
    ["reads answers without a gate", "c.answers()", '"answers" as a gate'],
    ["reads what every object has", 'c.value("constructor")', '"constructor" as a value'],
    ["writes an undeclared output", "c.output(1)", "writes output 1, but the target declares 1"],
    ["throws", 'throw new TypeError("oh no")', "threw TypeError: oh no"],
    ["throws what is no error", 'throw "a text"', "threw a text"],
  ])("%s", async (_what, statement, said) => {
    const made = project({
      "source.txt": "x",
      "bad.mjs": `export default async (c) => { await c.output().write("half"); ${statement}; };`,
    });
    const outcome = await made.build([byModule("out", "bad.mjs", inputs)], ["out"]);
    expect(outcome.report.outcome).toBe("failed");
    const problem = outcome.problem("out");
    expect(problem).toMatchObject({ kind: "recipe", where: "out" });
    expect(problem.message).toContain(said);
    expect(problem.fix).toBeDefined();
    expect(made.has("out")).toBe(false);
    made.write("bad.mjs", 'export default async (c) => { await c.output().write("whole"); };');
    made.move();
    await made.build([byModule("out", "bad.mjs", inputs)], ["out"]);
    expect(made.read("out")).toBe("whole");
  });

  test.each([
    [
      "forgets an output",
      "export default async (c) => { await c.output(0).write('1'); };",
      "out.log",
      "without writing this declared output",
    ],
    ["is no function", "export default 5;", "out", "is not a function"],
    ["exports nothing", "export const x = 5;", "out: bad.mjs", "no default export"],
    ["throws when loaded", "throw new Error('at once');", "out: bad.mjs", "cannot be loaded: Error: at once"],
    ["has a syntax error", "export default async (c) => {", "out: bad.mjs (bad.mjs:1:1)", "syntax error"],
    [
      "imports by a computed name",
      "const n = './x.mjs'; export default () => import(n);",
      "out: bad.mjs (bad.mjs)",
      "computed name",
    ],
  ])("%s", async (_what, source, where, said) => {
    const made = project({ "bad.mjs": source });
    const two = byModule("out", "bad.mjs", {}, { outputs: ["out" as TargetName, "out.log" as TargetName] });
    const problem = (await made.build([two], ["out"])).problem("out");
    expect(problem.where).toBe(where);
    expect(problem.message).toContain(said);
    expect(problem.fix).toBeDefined();
    expect(made.has("out")).toBe(false);
  });
});

describe("what cannot be read fails its target only", () => {
  const ok = making("ok", "join", { s: from("ok.txt") });

  test.each([
    ["a missing file", undefined, "missing-input"],
    ["a folder in a file's place", "folder", "io"],
  ])("%s", async (_what, put, kind) => {
    const made = project({ "ok.txt": "fine" });
    if (put === "folder") made.write("bad.txt/inside", "x");
    const bad = making("bad", "join", { s: from("bad.txt") });
    const outcome = await made.build([bad, ok], ["bad", "ok"], { keepGoing: true });
    expect(outcome.problem("bad").kind).toBe(kind);
    expect(outcome.problem("bad").message).not.toBe("");
    expect(outcome.state("ok").state).toBe("built");
  });

  test("a folder in an output's place", async () => {
    const made = project({ "ok.txt": "fine", "bad.txt": "x", "bad/keep": "precious" });
    const outcome = await made.build([making("bad", "join", { s: from("bad.txt") }), ok], ["bad", "ok"], {
      keepGoing: true,
    });
    expect(outcome.problem("bad").kind).toBe("io");
    expect(outcome.state("ok").state).toBe("built");
    expect(made.read("bad/keep")).toBe("precious");
  });

  test("a symbolic link that leads round in a circle", async () => {
    const made = project({ "ok.txt": "fine" });
    symlinkSync("bad.txt", made.path("bad.txt"));
    const outcome = await made.build([making("bad", "join", { s: from("bad.txt") }), ok], ["bad", "ok"], {
      keepGoing: true,
    });
    expect(outcome.problem("bad")).toMatchObject({ kind: "io" });
    expect(outcome.state("ok").state).toBe("built");
  });

  test("a glob that reaches what a target makes", async () => {
    const made = project({ "ok.txt": "fine" });
    const all = making("all", "join", { s: glob("*k") });
    await made.build([ok], ["ok"]);
    const problem = (await made.build([ok, all], ["all"])).problem("all");
    expect(problem).toMatchObject({ kind: "graph", where: "all" });
    expect(problem.message).toContain("matches ok, which a target makes");
  });
});
