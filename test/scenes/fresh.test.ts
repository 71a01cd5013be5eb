import { existsSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import fresh from "#fresh";
import {
  ARGV,
  build,
  compare,
  EDITS,
  fromSnapshot,
  keep,
  launch,
  ownProject,
  removeKept,
  settle,
  snapshots,
} from "./support/fresh.ts";
import { projectWithCode, recipeOf } from "./support/own-code.ts";
import { makeProject } from "./support/project.ts";
import { REPOSITORY, write } from "./support/shipped.ts";

/*
 * A build that had nothing to do leaves a snapshot, and the next one may answer from it alone. The worst that could happen
 * is a stale "up to date": whenever the snapshot answers, the build itself must answer the same.
 */

const LONG = process.env["DSGEN_LONG_TESTS"] === "1";

afterEach(removeKept);

test("what is declared of the noting module is what it has", () => {
  const declared = readFileSync(join(REPOSITORY, "bin", "fresh-watch.d.ts"), "utf8").split("declare const")[1] ?? "";
  const names = [...declared.matchAll(/^ {2}(\w+)[(:]/gm)].map(([, name]) => name);
  expect(Object.keys(fresh).sort()).toEqual(names.sort());
});

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
    write(project, `.dsgen-cache/v1/fresh/old${n}.content`, "");
  }
  await settle(project, [...ARGV, "--verbose"]);
  // Of each, with what its files hold.
  expect(snapshots(project).filter((name) => !name.endsWith(".content"))).toHaveLength(32);
  expect(snapshots(project).filter((name) => name.endsWith(".content"))).toHaveLength(32);
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
  [
    "a whole tree",
    'import { readdirSync } from "node:fs"; void readdirSync(new URL("../words", import.meta.url), { recursive: true });',
  ],
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
  expect(answered).toEqual([
    "nothing",
    "touch a file",
    "write a file's bytes once more",
    "put another file of the same bytes in a file's place",
    "take an output's place by a link to its bytes",
    "touch everything",
    "restore everything with its times",
    "add a file and delete it",
    "put a folder with the same files in a folder's place",
    "lose what the files hold",
    "touch an output",
    "take a module's place by another",
  ]);
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
