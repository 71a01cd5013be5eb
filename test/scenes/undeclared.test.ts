import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import { type OwnRecipe, projectWithCode, recipeOf } from "./support/own-code.ts";
import { type Ran, runDsgen, type SceneProject } from "./support/project.ts";
import { edit, jsonLines, lineOf, REPOSITORY, write } from "./support/shipped.ts";

/*
 * A project's own code sees what its target declares. Whatever else it looks at fails the target, which names the file and
 * the declaration that is missing.
 */

/** What the surroundings are set to; no recipe may see any of it. */
const ELSEWHERE = { TZ: "Asia/Tokyo", LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8", MY_FLAG: "on", OTHER: "1" };

const FS = 'import fs, { readFileSync } from "node:fs";';

/** By target: the recipe, what it is told, and how it is told to declare it. */
const REFUSED: Readonly<Record<string, readonly [OwnRecipe, RegExp, RegExp]>> = {
  "a file": [
    { source: recipeOf('await c.output().write(readFileSync("words/b.txt"));', FS) },
    /looks at words\/b\.txt, which the target does not declare/,
    /file\("words\/b\.txt"\)/,
  ],
  "a file when loaded": [
    { source: recipeOf("await c.output().write(b);", `${FS}\nconst b = readFileSync("words/b.txt");`) },
    /looks at words\/b\.txt/,
    /file\("words\/b\.txt"\)/,
  ],
  "a file that is not there when loaded": [
    { source: recipeOf("await c.output().write(b);", `${FS}\nconst b = readFileSync("words/none.txt");`) },
    /looks at words\/none\.txt/,
    /glob\("words\/none\.txt"\)/,
  ],
  "a file when a module it imports is loaded": [
    { source: recipeOf("await c.output().write(b);", 'import { b } from "./loaded.ts";') },
    /looks at words\/b\.txt/,
    /file\("words\/b\.txt"\)/,
  ],
  "a file beside the module": [
    {
      source: recipeOf(
        'const name = "beside.txt"; await c.output().write(readFileSync(new URL(name, import.meta.url)));',
        FS,
      ),
    },
    /looks at targets\/recipes\/beside\.txt/,
    /new URL\("\.\/name", import\.meta\.url\)/,
  ],
  "a file whose error is caught": [
    {
      source: recipeOf(
        'let t = "none"; try { t = fs.readFileSync("words/b.txt", "utf8"); } catch {} await c.output().write(t);',
        FS,
      ),
    },
    /looks at words\/b\.txt/,
    /file\("words\/b\.txt"\)/,
  ],
  "a file by a promise": [
    {
      source: recipeOf(
        'await c.output().write(await readFile("words/b.txt"));',
        'import { readFile } from "node:fs/promises";',
      ),
    },
    /looks at words\/b\.txt/,
    /file\("words\/b\.txt"\)/,
  ],
  "a file by a stream": [
    {
      source: recipeOf(
        'for await (const part of fs.createReadStream("words/b.txt")) await c.output().write(part);',
        FS,
      ),
    },
    /looks at words\/b\.txt/,
    /file\("words\/b\.txt"\)/,
  ],
  "a file in JavaScript": [
    { source: recipeOf('await c.output().write(readFileSync("words/b.txt"));', FS), file: "plain.mjs" },
    /looks at words\/b\.txt/,
    /file\("words\/b\.txt"\)/,
  ],
  "a file through an installed package": [
    {
      source: recipeOf('await c.output().write(slurp("words/b.txt"));', 'import { slurp } from "slurper";'),
    },
    /looks at words\/b\.txt/,
    /file\("words\/b\.txt"\)/,
  ],
  "a folder through a package that dsgen uses too": [
    {
      source: recipeOf(
        'await c.output().write((await glob.glob("words/*")).join());',
        'import * as glob from "fast-glob";',
      ),
    },
    /looks at words, which/,
    /glob\("words\/\*\*"\)/,
  ],
  "whether a file is there": [
    { source: recipeOf('await c.output().write(String(fs.existsSync("words/none.txt")));', FS) },
    /looks at words\/none\.txt/,
    /glob\("words\/none\.txt"\)/,
  ],
  "what a folder holds": [
    { source: recipeOf('await c.output().write(fs.readdirSync("words").join());', FS) },
    /looks at words, which/,
    /glob\("words\/\*\*"\)/,
  ],
  "a file outside the project": [
    { source: recipeOf('await c.output().write(readFileSync("/etc/passwd"));', FS) },
    /looks at \/etc\/passwd/,
    /Bring the file into the project/,
  ],
  "a variable": [
    { source: recipeOf('await c.output().write(process.env.MY_FLAG ?? "none");') },
    /looks at the environment variable MY_FLAG/,
    /env\("MY_FLAG"\)/,
  ],
  "a variable when loaded": [
    {
      source: recipeOf(
        "await c.output().write(flag);",
        'import { env } from "node:process";\nconst flag = env["MY_FLAG"] ?? "none";',
      ),
    },
    /looks at the environment variable MY_FLAG/,
    /env\("MY_FLAG"\)/,
  ],
  "the network": [
    { source: recipeOf('await c.output().write(await (await fetch("http://127.0.0.1:9/x")).text());') },
    /opens a network connection \(http:\/\/127\.0\.0\.1:9\/x\)/,
    /declare the file/,
  ],
  "the network by a socket": [
    {
      source: recipeOf(
        'await new Promise((ok, no) => net.connect(9, "127.0.0.1").on("error", no).on("connect", ok)); await c.output().write("x");',
        'import net from "node:net";',
      ),
    },
    /opens a network connection \(127\.0\.0\.1:9\)/,
    /declare the file/,
  ],
  "another program": [
    { source: recipeOf('await c.output().write(execSync("ls"));', 'import { execSync } from "node:child_process";') },
    /starts a process \(ls\)/,
    /declare what it wrote/,
  ],
};

const ALLOWED: Readonly<Record<string, OwnRecipe>> = {
  "what is declared": {
    source: recipeOf(
      `let text = readFileSync("words/a.txt", "utf8") + process.env.MY_FLAG + (await c.files("all")[1].text());
for await (const line of c.file("a").lines()) text += line;
await c.output().write(text + Object.keys(process.env).sort().join());`,
      FS,
    ),
    inputs: '{ flag: env("MY_FLAG"), all: glob("words/*.txt") }',
  },
  "what it wrote itself": {
    source: recipeOf(
      `const folder = fs.mkdtempSync(join(tmpdir(), "own-"));
fs.writeFileSync(join(folder, "x"), "mine");
console.error({ odd: 1 });
await c.output().write(readFileSync(join(folder, "x")));
fs.rmSync(folder, { recursive: true });`,
      `${FS}\nimport { tmpdir } from "node:os";\nimport { join } from "node:path";`,
    ),
  },
  "one time zone and language": {
    source: recipeOf(
      "await c.output().write([new Date(0), new Date(0).toLocaleString(), (1234.5).toLocaleString(), new Intl.NumberFormat().format(0.5), process.env.TZ].join('|'));",
    ),
  },
};

let project: SceneProject;
let ran: Ran;

function build(names: readonly string[], env: Readonly<Record<string, string>> = ELSEWHERE): Promise<Ran> {
  return runDsgen(project, ["build", "--keep-going", "--json", ...names.map((name) => `${name}.txt`)], { env });
}

/** The last state a target was told in. */
function stateOf(of: Ran, name: string): JsonObject {
  const found = jsonLines(of.stdout).findLast((line) => line["type"] === "target" && line["target"] === `${name}.txt`);
  if (!isJsonObject(found?.["state"])) throw new Error(`nothing was told of ${name}:\n${of.stderr}`);
  return found["state"];
}

beforeAll(async () => {
  const refused = Object.entries(REFUSED).map(([name, [recipe]]) => [name, recipe] as const);
  project = projectWithCode({ ...Object.fromEntries(refused), ...ALLOWED });
  write(project, "targets/recipes/beside.txt", "beside\n");
  write(project, "targets/recipes/loaded.ts", `${FS}\nexport const b = readFileSync("words/b.txt");\n`);
  // The project's targets load the same module first, as they may: nothing of it is cached.
  edit(project, "targets/index.ts", "void [", 'import { b } from "./recipes/loaded.ts";\nvoid [b, ');
  symlinkSync(join(REPOSITORY, "node_modules", "fast-glob"), project.path("node_modules", "fast-glob"), "dir");
  write(project, "node_modules/slurper/package.json", '{"name":"slurper","version":"1.0.0","main":"index.cjs"}');
  write(
    project,
    "node_modules/slurper/index.cjs",
    'const { readFileSync, existsSync } = require("fs");\nexistsSync("/.dockerenv");\nexports.slurp = (path) => (process.env.SLURPER_DEBUG, readFileSync(path));\n',
  );
  ran = await build([...Object.keys(REFUSED), ...Object.keys(ALLOWED)]);
}, 120_000);
afterAll(() => project.remove());

describe("a recipe that looks at", () => {
  it.each(Object.keys(REFUSED))("%s fails, and is told how to declare it", (name) => {
    const { state, problem } = stateOf(ran, name);
    expect(state).toBe("failed");
    if (!isJsonObject(problem)) throw new Error("a failed target has a problem");
    const [, said, fix] = REFUSED[name] ?? [];
    expect(problem["kind"]).toBe("recipe");
    expect(problem["message"]).toMatch(said ?? /^never$/);
    expect(problem["message"]).toMatch(/^targets\/recipes\//);
    expect(problem["fix"]).toMatch(fix ?? /^never$/);
  });
});

describe("a recipe sees", () => {
  it.each(Object.keys(ALLOWED))("%s", (name) => {
    expect(stateOf(ran, name)["state"]).toBe("built");
  });

  it("the environment that is declared, and no more of it", () => {
    expect(project.read("what is declared.txt")).toBe("first\nonsecond\nfirstLANG,LC_ALL,MY_FLAG,TZ");
  });

  it("one time zone and one language, whatever the machine is set to", () => {
    expect(project.read("one time zone and language.txt")).toBe(
      "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)|1/1/1970, 12:00:00 AM|1,234.5|0.5|UTC",
    );
  });

  it("another value of a declared variable as a change, and of another as none", async () => {
    expect(stateOf(await build(["what is declared"], { ...ELSEWHERE, OTHER: "2" }), "what is declared")).toEqual({
      state: "fresh",
    });
    const changed = await build(["what is declared"], { ...ELSEWHERE, MY_FLAG: "off" });
    expect(stateOf(changed, "what is declared")).toMatchObject({ state: "built", changed: true });
    expect(project.read("what is declared.txt")).toContain("offsecond");
  });
});

describe("a check", () => {
  const check = (body: string) =>
    `import { readFileSync } from "node:fs";\nexport default (entry, params) => {\n${body}\n};\n`;
  const shard = "validated/tiny/shard0.jsonl";

  it("that looks at a file or a variable fails its shard; declared, it works", async () => {
    write(
      project,
      "targets/checks/own.ts",
      check('return readFileSync("words/b.txt", "utf8") !== "" || { reason: "no" };'),
    );
    edit(
      project,
      "config/tasks/tiny.yaml",
      /^checks: .*$/m,
      "checks: [{ check: length, min: 1, max: 400 }, { check: module, path: targets/checks/own.ts }]",
    );
    const failed = await runDsgen(project, ["build", "--wait", shard]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("targets/checks/own.ts looks at words/b.txt, which the target does not declare.");
    write(project, "targets/checks/own.ts", check('return process.env["MY_FLAG"] === undefined || { reason: "no" };'));
    const variable = await runDsgen(project, ["build", "--wait", shard]);
    expect(variable.stderr).toContain("targets/checks/own.ts looks at the environment variable MY_FLAG");
    edit(
      project,
      "targets/index.ts",
      "...given.targets,",
      `...given.targets.map((one) => one.name === "${shard}" ? { ...one, inputs: { ...one.inputs, words: file("words/b.txt"), flag: env("MY_FLAG") } } : one),`,
    );
    expect((await runDsgen(project, ["build", "--wait", shard])).code).toBe(0);
  });

  it("runs in a recipe that is dsgen's own called by another, which reads what its target declares", async () => {
    const calls = recipeOf("await validate(c);", 'import validate from "dsgen/recipes/validate-shard";');
    write(project, "targets/recipes/shard.ts", calls);
    const before = project.read(shard);
    edit(
      project,
      "targets/index.ts",
      "{ ...one, inputs:",
      '{ ...one, recipe: recipe("targets/recipes/shard.ts"), inputs:',
    );
    const ran = await runDsgen(project, ["build", "--wait", "--json", shard]);
    expect(ran.code).toBe(0);
    expect(lineOf(ran.stdout, "target")).toMatchObject({ target: shard, state: { state: "built", changed: false } });
    expect(project.read(shard)).toBe(before);
  });
});

describe("code that throws where nobody waits for it", () => {
  it("is told as its target's failure, not as a bug in dsgen", async () => {
    const late = 'setTimeout(() => readFileSync("words/b.txt"), 1); await new Promise((go) => setTimeout(go, 500));';
    write(project, "targets/recipes/a file.ts", recipeOf(late, FS));
    const ran = await runDsgen(project, ["build", "a file.txt"]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("error: a file.txt: targets/recipes/a file.ts looks at words/b.txt");
    expect(ran.stderr).not.toContain("bug in dsgen");
  });
});

describe("an expansion", () => {
  it("that looks at a file fails what it chooses for", async () => {
    write(
      project,
      "targets/choose.ts",
      `import { readFileSync } from "node:fs";
export default async ({ params }) => ({ state: "final", targets: readFileSync("words/b.txt", "utf8") === "" ? [] : [], note: {} });
`,
    );
    edit(project, "targets/index.ts", 'all: glob("words/*.txt") }', 'all: chosen("targets/choose.ts", {}, []) }');
    const failed = await build(["what is declared"]);
    expect(stateOf(failed, "what is declared")).toMatchObject({
      state: "failed",
      problem: { message: "targets/choose.ts looks at words/b.txt, which the target does not declare." },
    });
  });
});
