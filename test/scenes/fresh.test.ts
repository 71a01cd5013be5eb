import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { projectWithCode, recipeOf } from "./support/own-code.ts";
import { environment, makeProject, type SceneProject } from "./support/project.ts";
import { append, edit, REPOSITORY, write } from "./support/shipped.ts";

/*
 * A build that had nothing to do leaves a snapshot, and the next one may answer from it alone. The worst that could happen
 * is a stale "up to date": whenever the snapshot answers, the build itself must answer the same.
 */

const LONG = process.env["DSGEN_LONG_TESTS"] === "1";
const FRESH = join(REPOSITORY, "bin", "fresh.js");
const LAUNCHER = join(REPOSITORY, "bin", "dsgen.js");
const PROCESS = join(REPOSITORY, "dist", "src", "cli", "process.js");

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function node(project: SceneProject, args: readonly string[], env: Readonly<Record<string, string>>): Answer {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: project.root,
    env: environment({ env }),
    encoding: "utf8",
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

/** What the snapshot alone answers; code 9 when it does not. */
function fromSnapshot(
  project: SceneProject,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Answer {
  const script = `process.exitCode = require(${JSON.stringify(FRESH)}).tellIfFresh(${JSON.stringify(argv)}) ? 0 : 9`;
  return node(project, ["-e", script], env);
}

/** The build without the snapshot. */
function build(project: SceneProject, argv: readonly string[], env: Readonly<Record<string, string>> = {}): Answer {
  return node(project, ["-e", `import(${JSON.stringify(PROCESS)}).then((m) => m.runProcess())`, "dsgen", ...argv], env);
}

function launch(project: SceneProject, argv: readonly string[], env: Readonly<Record<string, string>> = {}): Answer {
  return node(project, [LAUNCHER, ...argv], env);
}

function snapshots(project: SceneProject): readonly string[] {
  const folder = project.path(".dsgen-cache", "v1", "fresh");
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Builds until a snapshot answers: files are older than the clock's tick then, and known by their content. */
async function settle(project: SceneProject, argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  for (let tries = 0; tries < 5; tries++) {
    await sleep(60);
    expect(launch(project, argv, env).code).toBe(0);
    if (fromSnapshot(project, argv, env).code === 0) return;
  }
  throw new Error("no snapshot was left");
}

const projects: SceneProject[] = [];
function keep(project: SceneProject): SceneProject {
  projects.push(project);
  return project;
}
afterEach(() => {
  for (const project of projects.splice(0)) project.remove();
});

/** A target made from a glob, a file, a helper module, a link's file and a variable. */
function ownProject(top = ""): SceneProject {
  const project = keep(
    projectWithCode({
      joined: {
        source: recipeOf(
          `const out = c.output();
for (const one of c.files("all")) for await (const line of one.lines()) await out.write(mark(line) + "\\n");
for await (const line of c.file("linked").lines()) await out.write(line + process.env.FLAVOUR + "\\n");`,
          `import { mark } from "./helper.ts";`,
        ),
        inputs: `{ all: glob("words/**/*.txt"), linked: file("links/it"), flavour: env("FLAVOUR") }`,
      },
    }),
  );
  write(project, "targets/recipes/helper.ts", "export const mark = (line: string) => line;\n");
  mkdirSync(project.path("links"));
  symlinkSync("../words/a.txt", project.path("links", "it"));
  if (top !== "") append(project, "targets/index.ts", [top]);
  return project;
}

const ARGV = ["build", "joined.txt", "--provider", "simulator"];

test("says again what the build said, writing nothing, in a shipped project and one with targets of its own", async () => {
  const own = ownProject();
  const shipped = keep(makeProject({ batches: 1, requestsPerBatch: 1 }));
  for (const [project, argv] of [
    [own, ARGV],
    [shipped, ["build", "--provider", "simulator", "--wait"]],
  ] as const) {
    await settle(project, argv);
    const before = statSync(project.path(".dsgen-cache")).mtimeMs;
    const answer = fromSnapshot(project, argv);
    expect(answer).toEqual(build(project, argv));
    expect(answer.stdout).toContain("Everything is up to date; nothing was sent.");
    expect(launch(project, argv)).toEqual(answer);
    // The build takes the lock, a file in this folder; the snapshot does not.
    await sleep(30);
    const after = statSync(project.path(".dsgen-cache")).mtimeMs;
    expect(after).toBeGreaterThan(before);
    expect(fromSnapshot(project, argv).code).toBe(0);
    expect(statSync(project.path(".dsgen-cache")).mtimeMs).toBe(after);
  }
});

test("answers only for the same question", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  const none = { code: 9, stdout: "", stderr: "" };
  expect(fromSnapshot(project, ["build", "requests/tiny/request_batch0.jsonl"]), "other targets").toEqual(none);
  expect(fromSnapshot(project, [...ARGV, "--verbose"]), "another option").toEqual(none);
  for (const [name, value] of Object.entries({ FLAVOUR: "salt", NO_COLOR: "1", DSGEN_FAULT: "none", CI: "true" })) {
    expect(fromSnapshot(project, ARGV, { [name]: value }), name).toEqual(none);
  }
  expect(fromSnapshot(project, ARGV).code).toBe(0);
  write(project, ".dsgen-cache/v1/journal.jsonl", "\n");
  expect(fromSnapshot(project, ARGV), "another journal").toEqual(none);
  rmSync(project.path(".dsgen-cache", "v1", "journal.jsonl"));
  const [name = ""] = snapshots(project);
  const path = join(".dsgen-cache", "v1", "fresh", name);
  const bytes = readFileSync(project.path(path));
  for (const at of [10, bytes.length >> 1, bytes.length - 20, bytes.length - 1]) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(project.path(path), damaged);
    expect(fromSnapshot(project, ARGV), `damaged at ${at}`).toEqual(none);
  }
});

test("snapshots that are no longer asked for do not pile up: the newest stay", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  const long = new Date(Date.now() - 1e7);
  for (let n = 0; n < 40; n++) {
    write(project, `.dsgen-cache/v1/fresh/old${n}`, "");
    utimesSync(project.path(`.dsgen-cache/v1/fresh/old${n}`), long, long);
  }
  await settle(project, [...ARGV, "--verbose"]);
  expect(snapshots(project)).toHaveLength(32);
  expect(fromSnapshot(project, ARGV).code).toBe(0);
  expect(fromSnapshot(project, [...ARGV, "--verbose"]).code).toBe(0);
});

test("a build that speaks to a program, or makes everything twice, leaves none", async () => {
  const project = ownProject();
  for (const argv of [
    [...ARGV, "--json"],
    [...ARGV, "--json"],
    [...ARGV, "--check-determinism"],
  ]) {
    await sleep(60);
    expect(launch(project, argv).code).toBe(0);
  }
  expect(snapshots(project)).toEqual([]);
});

test.each([
  ["the clock", "void Date.now();"],
  ["chance", "void Math.random();"],
  ["the machine", 'import { freemem } from "node:os"; void freemem();'],
  ["a thread", 'import { Worker } from "node:worker_threads"; await new Worker("", { eval: true }).terminate();'],
  ["a program", 'import { spawnSync } from "node:child_process"; spawnSync("true");'],
])("targets that ask %s leave none", async (_, top) => {
  const project = ownProject(top);
  for (let run = 0; run < 3; run++) {
    await sleep(60);
    expect(launch(project, ARGV).code).toBe(0);
  }
  expect(snapshots(project)).toEqual([]);
});

test("a recipe with a linked package, which Node finds by looks that are not told, leaves none", async () => {
  const project = keep(
    projectWithCode({
      joined: { source: recipeOf(`await c.output().write(word);`, `import { word } from "spice";`) },
    }),
  );
  write(
    project,
    "packages/spice/package.json",
    '{"name":"spice","version":"1.0.0","type":"module","main":"spice.js"}\n',
  );
  write(project, "packages/spice/spice.js", 'export const word = "salt\\n";\n');
  symlinkSync("../packages/spice", project.path("node_modules", "spice"));
  for (let run = 0; run < 3; run++) {
    await sleep(60);
    expect(launch(project, ARGV).code).toBe(0);
  }
  expect(snapshots(project)).toEqual([]);
});

type Edit = readonly [name: string, apply: (project: SceneProject) => void];

const EDITS: readonly Edit[] = [
  ["nothing", () => undefined],
  ["change a file, its size as it was", (p) => write(p, "words/a.txt", `${p.read("words/a.txt").slice(0, -2)}~\n`)],
  [
    "change a file and put its time back",
    (p) => withItsTime(p, "words/a.txt", () => write(p, "words/a.txt", "FIRST\n")),
  ],
  ["append to a file", (p) => append(p, "words/a.txt", ["more"])],
  ["add a file", (p) => write(p, `words/new${readdirSync(p.path("words")).length}.txt`, "new\n")],
  ["add a file below a new folder", (p) => write(p, "words/deep/er/x.txt", "deep\n")],
  ["add an empty folder", (p) => mkdirSync(p.path("words", "empty"), { recursive: true })],
  ["delete a file", (p) => rmSync(p.path("words", "b.txt"), { force: true })],
  ["touch a file", (p) => utimesSync(p.path("words", "a.txt"), new Date(), new Date())],
  [
    "rename a file",
    (p) => existsSync(p.path("words", "b.txt")) && renameSync(p.path("words", "b.txt"), p.path("words", "c.txt")),
  ],
  ["swap two files", (p) => swap(p, "words/a.txt", "words/b.txt")],
  [
    "point a link elsewhere",
    (p) => relink(p, existsSync(p.path("words", "b.txt")) ? "../words/b.txt" : "../words/a.txt"),
  ],
  ["edit a recipe's helper", (p) => edit(p, "targets/recipes/helper.ts", /;$/m, ".toUpperCase();")],
  ["edit the targets", (p) => append(p, "targets/index.ts", ["// edited"])],
  ["edit the configuration", (p) => edit(p, "config/tasks/tiny.yaml", /^/, "# edited\n")],
  ["add a task", (p) => write(p, "config/tasks/other.yaml", p.read("config/tasks/tiny.yaml"))],
  ["edit an output", (p) => append(p, "joined.txt", ["edited"])],
  ["delete an output", (p) => rmSync(p.path("joined.txt"), { force: true })],
  ["touch an output", (p) => utimesSync(p.path("joined.txt"), new Date(), new Date())],
  ["lose the workspace table", (p) => rmSync(p.path(".dsgen-cache", "v1", "workspace.bin"), { force: true })],
  [
    "take a module's place by another",
    (p) => write(p, "targets/index.js", "export default () => ({ targets: [], live: [] });\n"),
  ],
];

function withItsTime(project: SceneProject, file: string, change: () => void): void {
  const { atime, mtime } = statSync(project.path(file));
  change();
  utimesSync(project.path(file), atime, mtime);
}

function swap(project: SceneProject, one: string, other: string): void {
  if (!existsSync(project.path(one)) || !existsSync(project.path(other))) return;
  renameSync(project.path(one), project.path("swap"));
  renameSync(project.path(other), project.path(one));
  renameSync(project.path("swap"), project.path(other));
}

function relink(project: SceneProject, to: string): void {
  rmSync(project.path("links", "it"));
  symlinkSync(to, project.path("links", "it"));
}

/** @returns whether the snapshot answered, in which case the build has answered the same */
function compare(project: SceneProject, env: Readonly<Record<string, string>>, edited: string): boolean {
  const told = fromSnapshot(project, ARGV, env);
  const real = build(project, ARGV, env);
  if (told.code === 0) expect(real, edited).toEqual(told);
  else expect(told).toEqual({ code: 9, stdout: "", stderr: "" });
  return told.code === 0;
}

test("after any edit the snapshot answers only if the build answers the same", { timeout: 300_000 }, async () => {
  let project = ownProject();
  const answered: string[] = [];
  for (const [name, apply] of EDITS) {
    // Some edits leave a project that cannot be built.
    if (launch(project, ARGV).code !== 0) project = ownProject();
    if (!existsSync(project.path("words", "b.txt"))) write(project, "words/b.txt", "second\n");
    await settle(project, ARGV);
    apply(project);
    if (compare(project, {}, name)) answered.push(name);
  }
  // `index.ts` goes before `index.js`.
  expect(answered).toEqual(["nothing", "take a module's place by another"]);
});

test.skipIf(!LONG)(
  "after any edits, one after another, it answers only if the build does",
  { timeout: 1_800_000 },
  async () => {
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom(...EDITS), { maxLength: 2 }), { minLength: 2, maxLength: 6 }),
        async (rounds) => {
          const project = ownProject();
          await settle(project, ARGV);
          for (const round of rounds) {
            for (const [, apply] of round) apply(project);
            if (compare(project, {}, round.map(([name]) => name).join(", "))) answered++;
            await sleep(60);
            if (launch(project, ARGV).code !== 0) break;
          }
          project.remove();
        },
      ),
      { numRuns: 60, seed: 20_261_125 },
    );
    expect(answered).toBeGreaterThan(0);
  },
);
