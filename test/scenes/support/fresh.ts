import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { projectWithCode, recipeOf } from "./own-code.ts";
import { environment, type SceneProject } from "./project.ts";
import { append, edit, REPOSITORY, write } from "./shipped.ts";

/* What the tests of snapshots (bin/fresh.js) share: a project, what is done to it, and both ways of asking. */

export const FRESH = join(REPOSITORY, "bin", "fresh.js");
const LAUNCHER = join(REPOSITORY, "bin", "dsgen.js");
const PROCESS = join(REPOSITORY, "dist", "src", "cli", "process.js");

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function node(project: SceneProject, args: readonly string[], env: Readonly<Record<string, string>>): Answer {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: project.root,
    env: environment({ env }),
    encoding: "utf8",
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

/** What the snapshot alone answers; code 9 when it does not. */
export function fromSnapshot(
  project: SceneProject,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Answer {
  const script = `process.exitCode = require(${JSON.stringify(FRESH)}).tellIfFresh(${JSON.stringify(argv)}) ? 0 : 9`;
  return node(project, ["-e", script], env);
}

/** The build without the snapshot. */
export function build(
  project: SceneProject,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Answer {
  return node(project, ["-e", `import(${JSON.stringify(PROCESS)}).then((m) => m.runProcess())`, "dsgen", ...argv], env);
}

export function launch(
  project: SceneProject,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Answer {
  return node(project, [LAUNCHER, ...argv], env);
}

export function snapshots(project: SceneProject): readonly string[] {
  const folder = project.path(".dsgen-cache", "v1", "fresh");
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Builds until a snapshot answers: files are older than the clock's tick then, and known by their content. */
export async function settle(
  project: SceneProject,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  for (let tries = 0; tries < 5; tries++) {
    await sleep(60);
    expect(launch(project, argv, env).code).toBe(0);
    if (fromSnapshot(project, argv, env).code === 0) return;
  }
  throw new Error("no snapshot was left");
}

export const ARGV = ["build", "joined.txt", "--provider", "simulator"];

const projects: SceneProject[] = [];

/** A project that `removeKept` removes. */
export function keep(project: SceneProject): SceneProject {
  projects.push(project);
  return project;
}

export function removeKept(): void {
  for (const project of projects.splice(0)) project.remove();
}

/** A target made from a glob, a file, a helper module, a link's file and a variable. */
export function ownProject(top = ""): SceneProject {
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

type Edit = readonly [name: string, apply: (project: SceneProject) => void];

export const EDITS: readonly Edit[] = [
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
    "swap two files of one size",
    (p) => {
      write(p, "words/b.txt", `${"~".repeat(p.read("words/a.txt").length - 1)}\n`);
      swap(p, "words/a.txt", "words/b.txt");
    },
  ],
  ["write a file's bytes once more", (p) => write(p, "words/a.txt", p.read("words/a.txt"))],
  [
    "put another file of the same bytes in a file's place",
    (p) => {
      write(p, "other", p.read("words/a.txt"));
      renameSync(p.path("other"), p.path("words", "a.txt"));
    },
  ],
  ["change a file's mode", (p) => chmodSync(p.path("words", "a.txt"), 0o600)],
  ["take a file's place by a link to its bytes", (p) => replacedBy(p, "words/a.txt", symlinkSync)],
  ["take an output's place by a link to its bytes", (p) => replacedBy(p, "joined.txt", symlinkSync)],
  ["take a file's place by another name of its bytes", (p) => replacedBy(p, "words/a.txt", linkSync)],
  [
    "touch a file and change it at once",
    (p) => {
      touch(p.path("words", "a.txt"));
      withItsTime(p, "words/a.txt", () => write(p, "words/a.txt", `${p.read("words/a.txt").slice(0, -2)}^\n`));
    },
  ],
  ["touch everything", (p) => touchAll(p)],
  [
    "touch everything, and change one",
    (p) => {
      touchAll(p);
      write(p, "words/a.txt", `${p.read("words/a.txt").slice(0, -2)}%\n`);
    },
  ],
  [
    "restore everything with its times",
    (p) => {
      const copy = `${p.root}-copy`;
      expect(spawnSync("cp", ["-a", p.root, copy]).status).toBe(0);
      for (const name of readdirSync(p.root)) rmSync(p.path(name), { recursive: true });
      for (const name of readdirSync(copy)) renameSync(join(copy, name), p.path(name));
      rmSync(copy, { recursive: true });
    },
  ],
  [
    "add a file and delete it",
    (p) => {
      write(p, "words/passing.txt", "passing\n");
      rmSync(p.path("words", "passing.txt"));
    },
  ],
  [
    "put a folder with the same files in a folder's place",
    (p) => {
      cpSync(p.path("words"), p.path("again"), { recursive: true });
      rmSync(p.path("words"), { recursive: true });
      renameSync(p.path("again"), p.path("words"));
    },
  ],
  [
    "put a folder of other files in a folder's place",
    (p) => {
      cpSync(p.path("words"), p.path("again"), { recursive: true });
      write(p, "again/a.txt", `${p.read("words/a.txt").slice(0, -2)}=\n`);
      rmSync(p.path("words"), { recursive: true });
      renameSync(p.path("again"), p.path("words"));
    },
  ],
  [
    "lose what the files hold",
    (p) => {
      for (const name of snapshots(p).filter((each) => each.endsWith(".content")))
        rmSync(p.path(".dsgen-cache", "v1", "fresh", name));
    },
  ],
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

export function swap(project: SceneProject, one: string, other: string): void {
  if (!existsSync(project.path(one)) || !existsSync(project.path(other))) return;
  renameSync(project.path(one), project.path("swap"));
  renameSync(project.path(other), project.path(one));
  renameSync(project.path("swap"), project.path(other));
}

/** Another file of the same bytes, by a link or by a second name. */
function replacedBy(project: SceneProject, file: string, link: (from: string, to: string) => void): void {
  const other = project.path(`beside-${file.replace("/", "-")}`);
  rmSync(other, { force: true });
  renameSync(project.path(file), other);
  link(other, project.path(file));
}

function touch(path: string): void {
  const now = new Date();
  utimesSync(path, now, now);
}

/** Every file and folder but links and the cache. */
export function touchAll(project: SceneProject): void {
  for (const entry of readdirSync(project.root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink() && !path.includes("/.dsgen-cache")) touch(path);
  }
}

function relink(project: SceneProject, to: string): void {
  rmSync(project.path("links", "it"));
  symlinkSync(to, project.path("links", "it"));
}

/** @returns whether the snapshot answered, in which case the build has answered the same */
export function compare(project: SceneProject, env: Readonly<Record<string, string>>, edited: string): boolean {
  const told = fromSnapshot(project, ARGV, env);
  // What was known by content may be known by signatures now.
  const again = fromSnapshot(project, ARGV, env);
  const real = build(project, ARGV, env);
  if (told.code === 0) expect(again, edited).toEqual(told);
  else expect(told).toEqual({ code: 9, stdout: "", stderr: "" });
  if (again.code === 0) expect(real, edited).toEqual(again);
  return told.code === 0;
}
