import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { sealBody } from "../../src/store/actions.ts";
import { keyOf, manifestOf, newStore, reopen, scratch, targetOf, traceOf } from "./project.ts";

const key = keyOf("action");
const trace = traceOf(key, [{ digest: digestOf("out"), size: 3 }], { rows: 7 });

test("an action is found again, its file is plain JSON", async () => {
  const root = scratch();
  const store = newStore(root);
  expect(store.actions.trace(key)).toBeUndefined();
  await store.actions.put(manifestOf("m"), trace);
  expect(store.actions.trace(key)).toEqual(trace);
  const next = reopen(root);
  expect(next.actions.trace(key)).toEqual(trace);
  expect(next.actions.manifest(key)).toEqual(manifestOf("m"));
  expect(JSON.parse(readFileSync(next.actions.pathOf(key), "utf8"))).toMatchObject({ v: 1, body: { trace: { key } } });
  expect(next.warnings).toEqual([]);
});

test("a later result of the same action takes the place of the earlier one", async () => {
  const root = scratch();
  const store = newStore(root);
  store.workspace.place(targetOf("t"), { key, outputs: [] });
  await store.actions.put(manifestOf("m"), trace);
  await store.workspace.flush();
  const second = { ...trace, notes: { rows: 8 } };
  await reopen(root).actions.put(manifestOf("m"), second);
  const writer = reopen(root);
  await writer.actions.put(manifestOf("m"), second);
  expect(writer.actions.trace(key)).toEqual(second);
});

test("expansions are kept by their own key", async () => {
  const root = scratch();
  const one = fingerprintOf("e");
  await newStore(root).actions.putExpansion(one, { state: "final", targets: ["a"] });
  expect(reopen(root).actions.expansion(one)).toEqual({ state: "final", targets: ["a"] });
  expect(reopen(root).actions.expansion(fingerprintOf("f"))).toBeUndefined();
});

test("any damage to an action's file is a miss and a warning, never an error or a wrong trace", async () => {
  const root = scratch();
  await newStore(root).actions.put(manifestOf("m"), trace);
  const path = reopen(root).actions.pathOf(key);
  const good = readFileSync(path);
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (where, flip, truncate) => {
      const bytes = Buffer.from(good);
      const at = where % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      writeFileSync(path, truncate ? bytes.subarray(0, at) : bytes);
      const next = reopen(root);
      expect(next.actions.trace(key)).toBeUndefined();
      expect(next.actions.manifest(key)).toBeUndefined();
      expect(next.warnings[0]).toContain(`${key}.json`);
    }),
    { numRuns: 150 },
  );
});

test("another version, another action's file, or a whole file that is no action: a miss that says why", async () => {
  const root = scratch();
  await newStore(root).actions.put(manifestOf("m"), trace);
  const other = keyOf("other");
  const path = reopen(root).actions.pathOf(other);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(reopen(root).actions.pathOf(key), path);
  const misplaced = reopen(root);
  expect(misplaced.actions.trace(other)).toBeUndefined();
  expect(misplaced.actions.manifest(other)).toBeUndefined();
  expect(misplaced.warnings).toHaveLength(1);
  writeFileSync(path, '{"v":2,"sum":"","body":{}}\n');
  const newer = reopen(root);
  expect(newer.actions.trace(other)).toBeUndefined();
  expect(newer.warnings[0]).toContain("version 2");
  writeFileSync(path, sealBody('{"trace":{"v":1}}'));
  expect(reopen(root).actions.trace(other)).toBeUndefined();
});
