import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import {
  type Answer,
  ARGV,
  build,
  FRESH,
  fromSnapshot,
  launch,
  node,
  ownProject,
  removeKept,
  settle,
  snapshots,
  touchAll,
} from "./support/fresh.ts";
import { environment, type SceneProject } from "./support/project.ts";
import { write } from "./support/shipped.ts";

/* Snapshots whose files have other signatures: what the files hold decides, and nothing but that. */

afterEach(removeKept);

const NONE = { code: 9, stdout: "", stderr: "" };

/** The snapshot and what lies beside it. */
function pairOf(project: SceneProject): { readonly snapshot: string; readonly content: string } {
  const [snapshot = ""] = snapshots(project).filter((name) => !name.includes("."));
  const path = project.path(".dsgen-cache", "v1", "fresh", snapshot);
  return { snapshot: path, content: `${path}.content` };
}

/** Asks the snapshot in a process that has first run some code, where `fs` and `opened`, the names of files that were read, are at hand. */
function fromSnapshotAfter(project: SceneProject, code: string): Answer & { readonly opened: readonly string[] } {
  const script = `const fs = require("node:fs"), opened = [], real = fs.openSync;
fs.openSync = (name, ...rest) => { opened.push(require("node:path").relative(process.cwd(), name)); return real(name, ...rest); };
${code}
process.exitCode = require(${JSON.stringify(FRESH)}).tellIfFresh(${JSON.stringify(ARGV)}) ? 0 : 9;
fs.writeFileSync("opened.json", JSON.stringify(opened));`;
  const answer = node(project, ["-e", script], {});
  const all: string[] = JSON.parse(project.read("opened.json"));
  return { ...answer, opened: all.filter((name) => !name.startsWith(".")) };
}

function touch(project: SceneProject, file: string): void {
  utimesSync(project.path(file), 1_700_000_000, 1_700_000_000);
}

function sameSize(project: SceneProject, file: string, letter: string): void {
  write(project, file, `${letter.repeat(project.read(file).length - 1)}\n`);
}

test("is renewed once it was told by content: the next call reads no file, and a change still shows", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  const real = build(project, ARGV);
  await settle(project, ARGV);
  touchAll(project);
  await sleep(60);
  const { opened: read, ...told } = fromSnapshotAfter(project, "");
  expect(told).toEqual(real);
  expect(read).toEqual(
    expect.arrayContaining(["words/a.txt", "joined.txt", "targets/index.ts", "config/tasks/tiny.yaml"]),
  );
  const { opened: again, ...next } = fromSnapshotAfter(project, "");
  expect(next).toEqual(real);
  expect(again).toEqual([]);
  // What it was renewed to is bound to the digests as the first was.
  touchAll(project);
  await sleep(60);
  expect(fromSnapshot(project, ARGV)).toEqual(real);
  sameSize(project, "words/a.txt", "~");
  expect(fromSnapshot(project, ARGV)).toEqual(NONE);
});

test("is not renewed while a file may change once more within its times", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  const { snapshot } = pairOf(project);
  const before = readFileSync(snapshot);
  const later = new Date(Date.now() + 1e6);
  utimesSync(project.path("words", "b.txt"), later, later);
  touch(project, "words/a.txt");
  await sleep(60);
  expect(fromSnapshot(project, ARGV).code).toBe(0);
  expect(readFileSync(snapshot).equals(before)).toBe(true);
  touch(project, "words/b.txt");
  await sleep(60);
  expect(fromSnapshot(project, ARGV).code).toBe(0);
  expect(readFileSync(snapshot).equals(before)).toBe(false);
});

test("answers where it cannot be renewed, and leaves nothing half written", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  const { snapshot } = pairOf(project);
  const before = [snapshots(project), readFileSync(snapshot)];
  touch(project, "words/a.txt");
  await sleep(60);
  for (const name of ["writeFileSync", "renameSync"]) {
    const full = `fs.${name} = ((real) => (file, ...rest) => {
  if (file.includes("fresh")) throw new Error("ENOSPC");
  return real(file, ...rest);
})(fs.${name});`;
    expect(fromSnapshotAfter(project, full).code).toBe(0);
    expect([snapshots(project), readFileSync(snapshot)]).toEqual(before);
  }
});

test("does not take the place of a snapshot that another build has left meanwhile", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  const { snapshot } = pairOf(project);
  copyFileSync(snapshot, project.path("newer"));
  const newer = readFileSync(snapshot);
  newer[newer.length - 1] = (newer[newer.length - 1] ?? 0) ^ 1;
  writeFileSync(project.path("newer"), newer);
  touch(project, "words/a.txt");
  await sleep(60);
  const meanwhile = `fs.closeSync = ((real) => (descriptor) => {
  if (fs.existsSync("newer")) fs.renameSync("newer", ${JSON.stringify(snapshot)});
  return real(descriptor);
})(fs.closeSync);`;
  expect(fromSnapshotAfter(project, meanwhile).code).toBe(0);
  expect(existsSync(project.path("newer"))).toBe(false);
  expect(readFileSync(snapshot).equals(newer)).toBe(true);
});

test("many that renew at once, while files are touched, leave what answers only as the build does", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  for (let round = 0; round < 4; round++) {
    touchAll(project);
    await sleep(60);
    const script = `process.exitCode = require(${JSON.stringify(FRESH)}).tellIfFresh(${JSON.stringify(ARGV)}) ? 0 : 9`;
    const codes = [1, 2, 3, 4, 5, 6].map(async (n) => {
      await sleep(15 * n);
      const child = spawn(process.execPath, ["-e", script], {
        cwd: project.root,
        env: environment({}),
        stdio: "ignore",
      });
      return new Promise((resolve) => child.on("exit", resolve));
    });
    const ticks = setInterval(() => touch(project, "words/b.txt"), 10);
    const all = await Promise.all(codes);
    clearInterval(ticks);
    expect([0, 9]).toEqual(expect.arrayContaining(all));
    expect(snapshots(project)).toHaveLength(2);
    const told = fromSnapshot(project, ARGV);
    if (told.code === 0) expect(build(project, ARGV)).toEqual(told);
    sameSize(project, "words/b.txt", "abcd".charAt(round));
    expect(fromSnapshot(project, ARGV)).toEqual(NONE);
    await settle(project, ARGV);
  }
});

test("digests that are torn, of another snapshot or not there count for nothing", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  const { content } = pairOf(project);
  const older = readFileSync(content);
  // Of the same files, one of which holds something else.
  sameSize(project, "words/a.txt", "+");
  await settle(project, ARGV);
  const right = readFileSync(content);
  sameSize(project, "words/a.txt", "-");
  await settle(project, ARGV);
  const now = readFileSync(content);
  const damaged = [0, 30, now.length >> 1, now.length - 40, now.length - 1].map((at) => {
    const bytes = Buffer.from(now);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  });
  const torn = [Buffer.alloc(0), now.subarray(0, now.length - 32), now.subarray(0, 20), Buffer.concat([now, now])];
  for (const [n, bytes] of [...damaged, ...torn, older, right].entries()) {
    writeFileSync(content, bytes);
    // The digests of the rows are those of the older ones; what the file held then is there again.
    if (bytes === right) sameSize(project, "words/a.txt", "+");
    else touch(project, "words/b.txt");
    expect(fromSnapshot(project, ARGV), `the ${n}th`).toEqual(NONE);
  }
  sameSize(project, "words/a.txt", "-");
  writeFileSync(content, now);
  expect(fromSnapshot(project, ARGV).code).toBe(0);
});

test("reads no file where a look says enough, and first the one that changed last", async () => {
  const project = ownProject();
  for (let n = 0; n < 20; n++) write(project, `words/more${n}.txt`, `more ${n}\n`);
  await settle(project, ARGV);
  write(project, "words/b.txt", "another size\n");
  expect(fromSnapshotAfter(project, "")).toEqual({ ...NONE, opened: [] });
  chmodSync(project.path("words", "b.txt"), 0o600);
  await settle(project, ARGV);
  chmodSync(project.path("words", "b.txt"), 0o644);
  expect(fromSnapshotAfter(project, ""), "another mode").toEqual({ ...NONE, opened: [] });
  await settle(project, ARGV);
  touchAll(project);
  await sleep(30);
  sameSize(project, "words/more7.txt", "~");
  const { opened, ...told } = fromSnapshotAfter(project, "");
  expect(told).toEqual(NONE);
  // The first that is another, a listing, was compared before the rest was looked at.
  expect(opened).toEqual(["words/more7.txt"]);
  write(project, "words/more3.txt", "another size\n");
  expect(fromSnapshotAfter(project, "").opened).toEqual([]);
});

test("a file that changes between the look and its end is told or found the next time", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  touchAll(project);
  await sleep(60);
  // As soon as it was read it is written, and has its time back.
  const meanwhile = `const close = fs.closeSync; let done = false;
fs.closeSync = (descriptor) => {
  close(descriptor);
  if (done || !opened.includes("words/a.txt")) return;
  done = true;
  const { atime, mtime } = fs.statSync("words/a.txt");
  fs.writeFileSync("words/a.txt", "F".repeat(fs.statSync("words/a.txt").size));
  fs.utimesSync("words/a.txt", atime, mtime);
};`;
  expect(fromSnapshotAfter(project, meanwhile).code).toBe(0);
  expect(project.read("words/a.txt")).toMatch(/^F+$/);
  expect(fromSnapshot(project, ARGV)).toEqual(NONE);
});

test.each([
  ["its times", "void statSync(looked).mtimeMs;"],
  ["its times by the date", "void statSync(looked).mtime.getTime();"],
  ["its times to the nanosecond", "void statSync(looked, { bigint: true }).mtimeNs;"],
  ["its times as one of all", "void JSON.stringify(statSync(looked));"],
  ["its times as a link's", "void lstatSync(looked).ctimeMs;"],
  ["who it belongs to", "void statSync(looked).uid;"],
  ["its times without waiting", "await promises.stat(looked);"],
  ["a descriptor's times", "const it = openSync(looked); void fstatSync(it); closeSync(it);"],
  ["a handle's times", "const it = await promises.open(looked); await it.stat(); await it.close();"],
  ["whether it may be written", "accessSync(looked, constants.W_OK);"],
])("targets that ask a file for %s hang on more than its content", async (_, code) => {
  const project = ownProject(
    `import { accessSync, closeSync, constants, fstatSync, lstatSync, openSync, promises, statSync } from "node:fs";
void [accessSync, closeSync, constants, fstatSync, lstatSync, openSync, promises, statSync];
const looked = new URL("../words/a.txt", import.meta.url);
${code}`,
  );
  await settle(project, ARGV);
  touch(project, "words/b.txt");
  await sleep(60);
  expect(fromSnapshot(project, ARGV).code, "another file").toBe(0);
  touch(project, "words/a.txt");
  expect(fromSnapshot(project, ARGV)).toEqual(NONE);
});

test("targets that ask whether a path is a file hang on that alone", async () => {
  const project = ownProject(
    `import { statSync } from "node:fs"; void statSync(new URL("../words/a.txt", import.meta.url)).isFile();`,
  );
  await settle(project, ARGV);
  touch(project, "words/a.txt");
  expect(fromSnapshot(project, ARGV).code).toBe(0);
});

test("a listing is its names, their order and what each is", async () => {
  const project = ownProject(
    `import { readdirSync } from "node:fs"; void readdirSync(new URL("../listed", import.meta.url));`,
  );
  for (const name of ["one", "two", "three"]) write(project, `listed/${name}/x`, "");
  await settle(project, ARGV);
  touch(project, "listed");
  expect(fromSnapshot(project, ARGV).code).toBe(0);
  renameSync(project.path("listed", "two"), project.path("two"));
  write(project, "listed/two", "");
  expect(statSync(project.path("listed")).mode).toBe(statSync(project.path("config")).mode);
  expect(fromSnapshot(project, ARGV), "a file in a folder's place").toEqual(NONE);
});

test("a link is where it leads", async () => {
  const project = ownProject(
    `import { readlinkSync } from "node:fs"; void readlinkSync(new URL("../pointer", import.meta.url));`,
  );
  const point = (to: string) => {
    rmSync(project.path("pointer"), { force: true });
    symlinkSync(to, project.path("pointer"));
  };
  point("here");
  await settle(project, ARGV);
  point("here");
  expect(fromSnapshot(project, ARGV).code).toBe(0);
  point("away");
  expect(fromSnapshot(project, ARGV)).toEqual(NONE);
});

test("no digest is made of what is too large: above it the signature decides", async () => {
  const project = ownProject(
    `import { existsSync } from "node:fs"; void existsSync(new URL("../large", import.meta.url));`,
  );
  write(project, "large", "");
  truncateSync(project.path("large"), 65 << 20);
  await settle(project, ARGV);
  touch(project, "words/a.txt");
  expect(fromSnapshot(project, ARGV).code).toBe(0);
  touch(project, "large");
  expect(fromSnapshot(project, ARGV)).toEqual(NONE);
  await sleep(60);
  expect(launch(project, ARGV).code).toBe(0);
});

test("a file that changes while its digest is made has none", async () => {
  const project = ownProject();
  await settle(project, ARGV);
  await sleep(60);
  // What a build leaves that has read the file, which is written before its digest is made.
  const script = `const fs = require("node:fs"), fresh = require(${JSON.stringify(join(dirname(FRESH), "fresh-watch.js"))});
fresh.watch();
fs.readFileSync("words/a.txt");
const read = fs.readSync;
fs.readSync = (...args) => {
  fs.writeFileSync("words/a.txt", "F".repeat(fs.statSync("words/a.txt").size));
  return read(...args);
};
const cache = process.cwd() + "/.dsgen-cache";
fresh.leave(${JSON.stringify(ARGV)}, { cache, passing: [cache] }, { stdout: "stale", stderr: "" }, () => []);`;
  const { snapshot } = pairOf(project);
  const before = readFileSync(snapshot);
  expect(node(project, ["-e", script], {})).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(readFileSync(snapshot).equals(before), "it was left").toBe(false);
  expect(project.read("words/a.txt")).toMatch(/^F+$/);
  expect(fromSnapshot(project, ARGV)).toEqual(NONE);
});
