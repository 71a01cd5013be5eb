import fc from "fast-check";
import { beforeEach, expect, it } from "vitest";
import { type Digest, digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { blobName } from "../../src/remote/checked.ts";
import type { Remote } from "../../src/remote/remote.ts";
import { removeOlder } from "../../src/remote/upkeep.ts";
import { memoryRemote } from "./support/memory.ts";

/* A shared cache that is kept small: what a record that stays names is never removed, and answers always stay. */

const signal = new AbortController().signal;
const DAY = 86_400_000;
const BEFORE = 100 * DAY;

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

it("removes nothing that a record that stays names, no answer, nothing young and nothing without an age", async () => {
  const day = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constant(null));
  const some = fc.array(fc.record({ of: fc.integer({ min: 0, max: 9 }), day }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(some, some, some, async (blobs, results, paid) => {
      files.clear();
      for (const { of, day: at } of blobs) file(of, at);
      results.forEach(({ of, day: at }, n) => {
        result(n, [of, (of + 3) % 10], at);
      });
      paid.forEach(({ of, day: at }, n) => {
        answers(n, of, at);
      });
      const before = new Map(files);
      const dry = await removeOlder(remote, BEFORE, true, signal);
      expect([...files.keys()]).toEqual([...before.keys()]);
      const done = await removeOlder(remote, BEFORE, false, signal);
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
        const stays = name.startsWith("v1/responses/") || !isOld(name) || named.has(name);
        expect([name, files.has(name)]).toEqual([name, stays]);
      }
    }),
    { numRuns: 300 },
  );
});

it("stops before it removes anything when a record cannot be read", async () => {
  file(1, 0);
  record("responses", 1, { another: "format" }, 150);
  const done = await removeOlder(remote, BEFORE, false, signal);
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
  expect(await removeOlder(failing, BEFORE, false, signal)).toMatchObject({
    ok: false,
    error: { failure: { kind: "unable" } },
  });
  const rest = await removeOlder(remote, BEFORE, false, signal);
  expect([rest.ok, files.size]).toEqual([true, 0]);
});
