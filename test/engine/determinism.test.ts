import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { firstDifference } from "../../src/engine/determinism.ts";

/** What is said of two files with these contents. */
function compared(one: string | Uint8Array, other: string | Uint8Array) {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-difference-"));
  try {
    writeFileSync(join(folder, "1"), one);
    writeFileSync(join(folder, "2"), other);
    return firstDifference(join(folder, "1"), join(folder, "2"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("names the first byte at which two files differ, and its line", () => {
  expect(compared("a\nbc\nd", "a\nbX\nd")).toEqual({ line: 2, byte: 4, first: '"c"', second: '"X"' });
  expect(compared("a\n", "a\nb")).toEqual({ line: 2, byte: 3, first: "the end of the file", second: '"b"' });
  expect(compared("", "x")).toEqual({ line: 1, byte: 1, first: "the end of the file", second: '"x"' });
});

test("finds nothing in equal files, and the one changed byte in others, however long they are", () => {
  const size = fc.integer({ min: 1, max: 3_000_000 });
  fc.assert(
    fc.property(size, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (length, where) => {
      const bytes = Buffer.alloc(length, "0123456789\n");
      expect(compared(bytes, bytes)).toBeUndefined();
      const at = Math.floor(where * length);
      const changed = Buffer.from(bytes);
      changed[at] = 0x7e;
      expect(compared(bytes, changed)).toMatchObject({ byte: at + 1, line: Math.floor(at / 11) + 1 });
    }),
    { numRuns: 20 },
  );
});
