import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { KeySet } from "../../src/tasks/key-set.ts";
import { NumberList } from "../../src/tasks/number-list.ts";
import { ScratchFile } from "../../src/tasks/scratch-file.ts";
import { SpilledKeys } from "../../src/tasks/spilled-keys.ts";

afterEach(() => vi.unstubAllEnvs());

test("a key set is a set, at any size", () => {
  const keys = Array.from({ length: 20_000 }, (_, n) => `key ${n % 15_000}`);
  const set = new KeySet();
  const known = new Set<string>();
  for (const key of keys) {
    expect(set.add(key)).toBe(!known.has(key));
    known.add(key);
  }
  expect(set.size).toBe(15_000);
});

test("keys that differ in little are told apart", () => {
  const set = new KeySet();
  const keys = ["", "\0", "\0\0", "a", "a\0", "\0a", "b", "ab", "ba", "abcdefgh", "abcdefgh\0", "abcdefg\u0168"];
  for (const key of keys) expect(set.add(key)).toBe(true);
  for (const key of keys) expect(set.add(key)).toBe(false);
  // One bit of one unit, at every place.
  for (let at = 0; at < 64; at++)
    for (let bit = 0; bit < 16; bit++)
      expect(set.add("x".repeat(at) + String.fromCharCode(0x78 ^ (1 << bit)) + "x".repeat(63 - at))).toBe(true);
});

test("how much of a set is in memory, and how often its filter errs, has no part in what it answers", () => {
  const key = fc.oneof(fc.nat(40).map(String), fc.string({ maxLength: 3 }));
  const limits = fc.record({
    inMemory: fc.constantFrom(1, 2, 7, 64, 1024),
    filterBits: fc.constantFrom(32, 256, 2 ** 16),
  });
  fc.assert(
    fc.property(fc.array(key, { maxLength: 300 }), limits, (keys, limits) => {
      const set = new KeySet(limits);
      const known = new Set<string>();
      for (const key of keys) {
        expect(set.add(key)).toBe(!known.has(key));
        known.add(key);
        expect(set.size).toBe(known.size);
      }
      set.close();
    }),
    { numRuns: 60 },
  );
});

test("a hundred runs of a thousand keys, each key offered twice", () => {
  const set = new KeySet({ inMemory: 1000, filterBits: 2 ** 20 });
  for (let round = 0; round < 2; round++) {
    let taken = 0;
    for (let n = 0; n < 100_000; n++) if (set.add(`key ${n}`)) taken++;
    expect(taken).toBe(round === 0 ? 100_000 : 0);
  }
  set.close();
});

test("keys of one partition, which differ in their last word alone, are told apart", () => {
  const keys = Uint32Array.from({ length: 4 * 5000 }, (_, at) => (at % 4 === 3 ? at : 7));
  const spilled = new SpilledKeys(32);
  spilled.add(keys);
  for (let at = 0; at < keys.length; at += 4) {
    expect(spilled.has(keys.subarray(at, at + 4))).toBe(true);
    expect(spilled.has(Uint32Array.of(7, 7, 7, at))).toBe(false);
  }
  spilled.close();
});

test("a list of numbers is read as it was written, in any order, whatever is kept in memory", () => {
  const blocks = fc.constantFrom(1, 2, 7, 64, 4096);
  fc.assert(
    fc.property(
      fc.array(fc.nat(0xffffffff), { maxLength: 500 }),
      blocks,
      fc.array(fc.nat(500)),
      (all, block, asked) => {
        const list = new NumberList(block);
        for (const [at, value] of all.entries()) {
          list.push(value);
          expect(list.get(at)).toBe(value);
        }
        expect(all.map((_, at) => list.get(at))).toEqual(all);
        expect(asked.map((at) => list.get(at))).toEqual(asked.map((at) => all[at] ?? 0));
        list.close();
      },
    ),
    { numRuns: 100 },
  );
});

test("what lies outside of memory leaves no file behind, and a folder that is not there is named", () => {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-scratch-test-"));
  vi.stubEnv("SLURM_TMPDIR", undefined);
  vi.stubEnv("TMPDIR", folder);
  const set = new KeySet({ inMemory: 2, filterBits: 256 });
  for (const key of ["a", "b", "c", "d", "a"]) set.add(key);
  expect(set.size).toBe(4);
  expect(readdirSync(folder)).toEqual([]);
  set.close();
  rmSync(folder, { recursive: true });
  const other = new KeySet({ inMemory: 1, filterBits: 256 });
  expect(() => other.add("a")).toThrow(
    expect.objectContaining({
      problem: expect.objectContaining({ kind: "io", where: folder, fix: expect.stringContaining("TMPDIR") }),
    }),
  );
});

test.skipIf(!existsSync("/proc/self/fd"))("a file that a failed step has left behind is given back", async () => {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("the collector cannot be called");
  // Removed files that this process still has open.
  const open = () =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes("dsgen-scratch-");
      } catch {
        return false;
      }
    }).length;
  const before = open();
  new ScratchFile().append(Uint32Array.of(1));
  expect(open()).toBe(before + 1);
  for (let turns = 0; turns < 100 && open() > before; turns++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(open()).toBe(before);
});
