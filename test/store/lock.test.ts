import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { acquireLock, type Bid, lockHolder, look, takeOver } from "../../src/store/lock.ts";
import { type LockHolder, parseHolder, stateOf, thisProcess } from "../../src/store/lock-holder.ts";
import { startChild } from "./children.ts";
import { errorIn, scratch, valueIn } from "./project.ts";

const CONTAINER = fileURLToPath(new URL("./fixtures/lock-container.ts", import.meta.url));
const now = { command: "dsgen build", timeoutMs: 0 };

test("one holder at a time; release frees it; nothing else is left", async () => {
  const cache = join(scratch(), "cache");
  const lock = valueIn(await acquireLock(cache, now));
  expect(lock.holder).toMatchObject({ pid: process.pid, command: "dsgen build", hostname: hostname() });
  expect(lockHolder(cache)).toEqual(lock.holder);
  const problem = errorIn(await acquireLock(cache, now));
  expect(problem.kind).toBe("locked");
  expect(problem.message).toContain(`process ${process.pid} (dsgen build) on ${hostname()}`);
  expect(problem.message).toContain(lock.holder.since);
  lock.release();
  lock.release();
  expect(readdirSync(cache)).toEqual([]);
  expect(lockHolder(cache)).toBeUndefined();
  valueIn(await acquireLock(cache, now)).release();
});

test("a waiting build says so once and gets the lock when it is freed", async () => {
  const cache = join(scratch(), "cache");
  const first = valueIn(await acquireLock(cache, now));
  const waitedFor: (LockHolder | undefined)[] = [];
  const second = acquireLock(cache, {
    command: "dsgen plan",
    timeoutMs: 60_000,
    onWait: (holder) => {
      waitedFor.push(holder);
      setTimeout(() => first.release(), 100);
    },
  });
  valueIn(await second).release();
  expect(waitedFor).toEqual([first.holder]);
});

test("waiting can be interrupted and ends with its time", async () => {
  const cache = join(scratch(), "cache");
  const first = valueIn(await acquireLock(cache, now));
  const stop = new AbortController();
  const waiting = acquireLock(cache, { ...now, timeoutMs: 600_000, signal: stop.signal, onWait: () => stop.abort() });
  expect(errorIn(await waiting).message).toContain("interrupted");
  expect(errorIn(await acquireLock(cache, { ...now, timeoutMs: 50 })).kind).toBe("locked");
  first.release();
});

test("release leaves a lock that is not ours", async () => {
  const cache = join(scratch(), "cache");
  const lock = valueIn(await acquireLock(cache, now));
  const other = JSON.stringify({ ...lock.holder, nonce: "other" });
  writeFileSync(join(cache, "lock"), other);
  lock.release();
  expect(readFileSync(join(cache, "lock"), "utf8")).toBe(other);
});

test("an empty or garbled lock file may be anybody's: only a person's word takes it", async () => {
  for (const text of ["", "garbage", '{"v":1}', '{"v":99,"pid":1}']) {
    const cache = scratch();
    writeFileSync(join(cache, "lock"), text);
    expect(errorIn(await acquireLock(cache, now)).fix).toContain("--break-lock");
    const told: unknown[] = [];
    const broken = { ...now, breakLock: true, onWait: (holder: LockHolder | undefined) => told.push(holder) };
    const lock = valueIn(await acquireLock(cache, broken));
    expect(told).toEqual([undefined]);
    lock.release();
    expect(readdirSync(cache)).toEqual([]);
  }
});

test("who is dead: another boot on this disk, no such process, a process number given out again; not another host", async () => {
  const me = thisProcess("x");
  const folder = scratch();
  writeFileSync(join(folder, "go"), "");
  const child = startChild("lock-child.ts", [folder, "0"]);
  expect((await child.ended).code).toBe(0);
  const gone = child.pid;
  const stateIs = (holder: LockHolder) => stateOf(holder, folder);
  expect(stateIs(me)).toBe("alive");
  expect(stateIs({ ...me, pid: gone })).toBe("dead");
  expect(stateIs({ ...me, hostname: "elsewhere", pid: gone, bootId: "other" })).toBe("unknown");
  // This test's folder lies on a disk of this machine's own; /proc stands for one that does not.
  if (me.bootId !== null) expect(stateIs({ ...me, bootId: "other" })).toBe("dead");
  if (me.bootId !== null) expect(stateOf({ ...me, bootId: "other" }, "/proc")).toBe("unknown");
  if (me.startTime !== null) expect(stateIs({ ...me, startTime: "1" })).toBe("dead");
  expect(stateIs({ ...me, startTime: null })).toBe("alive");
  expect(parseHolder(JSON.stringify(me))).toEqual(me);
});

test("a claim that comes too late takes nothing, and a living claimer is left to finish", () => {
  const cache = scratch();
  const path = join(cache, "lock");
  const bidOf = (name: string): Bid => {
    const holder = thisProcess(name);
    const bid = { folder: cache, path, own: join(cache, `${name}.tmp`), text: JSON.stringify(holder), holder };
    writeFileSync(bid.own, bid.text);
    return bid;
  };
  writeFileSync(path, JSON.stringify({ ...thisProcess("dead"), pid: 4_194_303 }));
  const dead = look(path)?.identity ?? "";
  const claim = join(cache, `lock.claim-${dead}`);
  writeFileSync(claim, JSON.stringify(thisProcess("another claimer")));
  expect(takeOver(bidOf("a"), dead)).toMatchObject({ state: "held", by: { command: "another claimer" } });
  // A dead claimer does not block it, nor do two, one after the other.
  writeFileSync(claim, JSON.stringify({ ...thisProcess("dead claimer"), pid: 4_194_303 }));
  const second = join(cache, `lock.claim-${look(claim)?.identity}`);
  writeFileSync(second, JSON.stringify({ ...thisProcess("second dead claimer"), pid: 4_194_303 }));
  const winner = bidOf("b");
  expect(takeOver(winner, dead)).toEqual({ state: "taken" });
  expect(readFileSync(path, "utf8")).toBe(winner.text);
  // Whoever saw the dead lock before, and claims it only now.
  rmSync(claim);
  expect(takeOver(bidOf("c"), dead)).toEqual({ state: "changed" });
  expect(readFileSync(path, "utf8")).toBe(winner.text);
  expect(existsSync(claim)).toBe(false);
});

test("another host's lock is respected, and the message says what to do", async () => {
  const cache = scratch();
  writeFileSync(join(cache, "lock"), JSON.stringify({ ...thisProcess("dsgen build"), hostname: "elsewhere", pid: 99 }));
  const problem = errorIn(await acquireLock(cache, now));
  expect(problem.message).toContain("process 99 (dsgen build) on elsewhere");
  expect(problem.message).toContain("cannot be seen from here");
  expect(problem.fix).toContain("--break-lock takes its lock; if it still runs, both may send and pay");
  valueIn(await acquireLock(cache, { ...now, breakLock: true })).release();
});

test("--break-lock takes nothing from a holder that is seen to live", async () => {
  const cache = join(scratch(), "cache");
  const lock = valueIn(await acquireLock(cache, now));
  const problem = errorIn(await acquireLock(cache, { ...now, breakLock: true }));
  expect(problem.fix).toBe("Wait for it to end.");
  lock.release();
});

const namespaces = spawnSync("unshare", ["-pf", "--mount-proc", "true"]).status === 0;

test.runIf(namespaces)(
  "a container with the same host name neither takes a living holder's lock nor is taken from",
  async () => {
    const cache = join(scratch(), "cache");
    const ours = valueIn(await acquireLock(cache, now));
    // Process numbers start anew in there: the holder's is nobody's, or somebody else's.
    const there = (...args: readonly string[]) =>
      spawnSync(
        "unshare",
        ["-pf", "--mount-proc", process.execPath, "--import", "jiti/register", CONTAINER, cache, ...args],
        {
          encoding: "utf8",
          env: { ...process.env, NODE_OPTIONS: "" },
        },
      ).stdout;
    expect(there()).toMatch(/^locked process \d+ .*cannot be seen from here/);
    ours.release();
    expect(there("keep")).toMatch(/^taken/);
    expect(errorIn(await acquireLock(cache, now)).message).toContain("cannot be seen from here");
  },
);

test("a lock that cannot be written is a problem", async () => {
  const root = scratch();
  writeFileSync(join(root, "file"), "");
  expect(errorIn(await acquireLock(join(root, "file"), now)).kind).toBe("io");
});

test("many processes at a dead holder's lock, some dying while they take it over: never two holders", async () => {
  const folder = scratch();
  mkdirSync(join(folder, "cache"));
  const log = join(folder, "log");
  const rounds = "6";
  const faults = [
    undefined,
    undefined,
    undefined,
    "kill@lock.claim.after",
    "kill@lock.takeover.before",
    "kill@lock.takeover.after",
  ];
  // The first to hold the lock is killed holding it, while all the others look on.
  const children = faults.map((fault, index) =>
    startChild("lock-child.ts", [folder, rounds, `${index < 2 ? index + 1 : -1}`], fault),
  );
  children.push(startChild("lock-child.ts", [folder, rounds, "0"]), startChild("lock-child.ts", [folder, rounds, "0"]));
  const ready = (): number =>
    existsSync(log)
      ? readFileSync(log, "utf8")
          .split("\n")
          .filter((line) => line.startsWith("ready")).length
      : 0;
  for (let waited = 0; waited < 3000 && ready() < children.length; waited++) await sleep(10);
  expect(ready()).toBe(children.length);
  writeFileSync(join(folder, "go"), "");
  const ends = await Promise.all(children.map((child) => child.ended));
  const lines = readFileSync(log, "utf8").split("\n");
  expect(lines.filter((line) => line.startsWith("VIOLATION"))).toEqual([]);
  expect(lines.filter((line) => line.startsWith("gave-up"))).toEqual([]);
  // Those that nothing was to kill all got the lock as often as they asked for it.
  expect(ends[2]?.code).toBe(0);
  expect(ends[2]?.stderr).toBe("");
  expect(lines.filter((line) => line === `holds ${children[2]?.pid}`)).toHaveLength(Number(rounds));
  for (const index of [0, 1, 6, 7]) expect(ends[index]?.signal).toBe("SIGKILL");
  // The last dead holder's lock can still be taken, and everything around it is swept.
  valueIn(await acquireLock(join(folder, "cache"), now)).release();
  expect(readdirSync(join(folder, "cache"))).toEqual([]);
});
