import fc from "fast-check";
import { beforeEach, expect, it } from "vitest";
import { type Digest, digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { blobName, putRecord, whileRemoving } from "../../src/remote/checked.ts";
import type { Remote } from "../../src/remote/remote.ts";
import { removeOlder } from "../../src/remote/upkeep.ts";
import { memoryRemote } from "./support/memory.ts";

/* A shared cache that is kept small: what a record that stays names is never removed, and answers always stay. */

const signal = new AbortController().signal;
const DAY = 86_400_000;
const BEFORE = 100 * DAY;
const FREE = { dryRun: false, includePaid: false };

let files: Map<string, Uint8Array>;
let ages: Map<string, number | null>;
let remote: Remote;

beforeEach(() => {
  files = new Map();
  ages = new Map();
  remote = memoryRemote(files, (name) => ages.get(name) ?? null);
});

const digestFor = (n: number): Digest => digestOf(`file ${n}`);
function put(name: string, content: string, day: number | null): string {
  files.set(name, Buffer.from(content));
  ages.set(name, day === null ? null : day * DAY);
  return name;
}
const file = (n: number, day: number | null) => put(blobName(digestFor(n)), "content", day);
const record = (kind: string, n: number, body: object, day: number | null) =>
  put(
    `v1/${kind}/${"a".repeat(32)}/${"b".repeat(32)}/${fingerprintOf(`${n}`)}-${digestOf(`${n}`)}.json`,
    JSON.stringify({ v: 1, kind, by: "anybody", sig: "?", body }),
    day,
  );
const result = (n: number, of: readonly number[], day: number | null) =>
  record("actions", n, { outputs: of.map((one) => [digestFor(one), 7]) }, day);
const answers = (n: number, of: number, day: number | null) => record("responses", n, { blob: digestFor(of) }, day);

it("removes nothing that a record that stays names, no answer unless told, nothing young and nothing without an age", async () => {
  const day = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constant(null));
  const some = fc.array(fc.record({ of: fc.integer({ min: 0, max: 9 }), day }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(some, some, some, fc.boolean(), async (blobs, results, paid, includePaid) => {
      files.clear();
      for (const { of, day: at } of blobs) file(of, at);
      results.forEach(({ of, day: at }, n) => {
        result(n, [of, (of + 3) % 10], at);
      });
      paid.forEach(({ of, day: at }, n) => {
        answers(n, of, at);
      });
      const before = new Map(files);
      const dry = await removeOlder(remote, BEFORE, { dryRun: true, includePaid }, signal);
      expect([...files.keys()]).toEqual([...before.keys()]);
      const done = await removeOlder(remote, BEFORE, { dryRun: false, includePaid }, signal);
      expect(done).toEqual(dry);
      const isOld = (name: string) => {
        const at = ages.get(name) ?? null;
        return at !== null && at < BEFORE;
      };
      const named = new Set<string>();
      for (const [name, content] of files) {
        if (name.startsWith("v1/cas/")) continue;
        const { body } = JSON.parse(Buffer.from(content).toString());
        if (body.blob !== undefined) named.add(blobName(body.blob));
        for (const [digest] of body.outputs ?? []) named.add(blobName(digest));
      }
      for (const name of before.keys()) {
        const stays = (name.startsWith("v1/responses/") && !includePaid) || !isOld(name) || named.has(name);
        expect([name, files.has(name)]).toEqual([name, stays]);
      }
    }),
    { numRuns: 300 },
  );
});

it("stops before it removes anything when a record cannot be read", async () => {
  file(1, 0);
  record("responses", 1, { another: "format" }, 150);
  const done = await removeOlder(remote, BEFORE, FREE, signal);
  expect(done).toMatchObject({ ok: false, error: { failure: { kind: "odd" }, removed: { files: 0, results: 0 } } });
  expect(files.size).toBe(2);
});

it("goes on after a failure in the middle, and a server that lets nobody remove says so", async () => {
  for (const n of [1, 2, 3]) result(n, [n], 0);
  for (const n of [1, 2, 3]) file(n, 0);
  let left = 2;
  const failing: Remote = {
    ...remote,
    remove: (name, stop) =>
      left-- > 0
        ? remote.remove(name, stop)
        : Promise.resolve({ ok: false, error: { kind: "unable", message: "it takes no such call" } }),
  };
  expect(await removeOlder(failing, BEFORE, FREE, signal)).toMatchObject({
    ok: false,
    error: { failure: { kind: "unable" } },
  });
  const rest = await removeOlder(remote, BEFORE, FREE, signal);
  expect([rest.ok, files.size]).toEqual([true, 0]);
});

it("leaves no record without its file beside a push that finds an old file there, which may be told to come again", async () => {
  const content = Buffer.from("an old file that nothing named");
  const digest = digestOf(content);
  const name = `v1/responses/${"a".repeat(32)}/${"b".repeat(32)}/${digestOf("it")}.json`;
  const bytes = Buffer.from(
    JSON.stringify({ v: 1, kind: "responses", by: "anybody", sig: "?", body: { blob: digest } }),
  );
  const push = (at: Remote) => putRecord(at, [{ digest, content: async () => content }], { name, bytes }, signal);
  const remove = (at: Remote) => removeOlder(at, BEFORE, FREE, signal);
  const told = new Set<boolean>();
  /** Whether one came to its n-th step; before that the other does all of its own. */
  const meet = async (at: number, first: "push" | "remove"): Promise<boolean> => {
    files.clear();
    for (let n = 0; n < 5; n++) file(n, 0);
    put(blobName(digest), content.toString(), 0);
    let steps = 0;
    let pushed: Awaited<ReturnType<typeof push>> | undefined;
    const other = async () => {
      if (first === "push") expect(await remove(remote)).toMatchObject({ ok: true });
      else pushed = await push(remote);
    };
    const stepped = new Proxy(remote, {
      get: (of, key: "get") =>
        typeof of[key] !== "function"
          ? of[key]
          : async (...args: Parameters<Remote["get"]>) => {
              if (steps++ === at) await other();
              return of[key](...args);
            },
    });
    if (first === "push") pushed = await push(stepped);
    else expect(await remove(stepped)).toMatchObject({ ok: true });
    if (steps <= at) return false;
    told.add(pushed?.ok === false);
    if (pushed?.ok === false) expect(await push(remote)).toMatchObject({ ok: true });
    expect([first, at, files.has(name), files.has(blobName(digest))]).toEqual([first, at, true, true]);
    return true;
  };
  for (const first of ["push", "remove"] as const) {
    let at = 0;
    while (await meet(at, first)) at++;
    expect(at).toBeGreaterThan(2);
  }
  expect([...told].sort()).toEqual([false, true]);
});

it("keeps nobody from pushing where it may not remove, once it is over, nor for long when it was killed", async () => {
  const isKept = async () => (await whileRemoving(remote, signal, 100 * DAY)) !== undefined;
  file(1, 0);
  const denying: Remote = {
    ...remote,
    remove: async () => ({ ok: false, error: { kind: "unable", message: "it takes no such call" } }),
  };
  expect(await removeOlder(denying, BEFORE, FREE, signal)).toMatchObject({ ok: false });
  expect([await isKept(), files.size]).toEqual([false, 1]);
  let kept: boolean | undefined;
  const watched: Remote = {
    ...remote,
    async remove(name, stop) {
      kept ||= await isKept();
      return remote.remove(name, stop);
    },
  };
  await removeOlder(watched, BEFORE, FREE, signal);
  expect([kept, await isKept(), files.size]).toEqual([true, false, 0]);
  const killed: Remote = { ...remote, entries: () => Promise.reject(new Error("killed")) };
  await expect(removeOlder(killed, BEFORE, FREE, signal)).rejects.toThrow("killed");
  const [mark = ""] = files.keys();
  for (const [day, still] of [
    [99.99, true],
    [99.9, false],
  ] as const) {
    ages.set(mark, day * DAY);
    expect([day, await isKept()]).toEqual([day, still]);
  }
});
