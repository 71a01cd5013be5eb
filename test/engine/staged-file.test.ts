import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { StagedFile } from "../../src/engine/staged-file.ts";
import { digestOf } from "../../src/graph/digest.ts";

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "é", "▁", "\ud83d", "\ude00", "\n"), maxLength: 5 }),
  fc.constantFrom("", "\ud83d", "\ude00", "x".repeat(100_000), "é".repeat(90_000), "▁".repeat(200_000)),
);
const piece = fc.oneof(text, fc.uint8Array({ maxLength: 4 }));

/** Strings that follow each other are one text: a pair of surrogates may be cut between two of them. */
function bytesOf(pieces: readonly (string | Uint8Array)[]): Buffer {
  const joined: (string | Uint8Array)[] = [];
  for (const one of pieces) {
    const last = joined.at(-1);
    if (typeof one === "string" && typeof last === "string") joined[joined.length - 1] = last + one;
    else joined.push(one);
  }
  return Buffer.concat(joined.map((one) => Buffer.from(one as string)));
}

test("a file holds what was written, however it was cut", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-staged-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  let files = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      const path = join(folder, String(files++));
      const file = new StagedFile(path);
      for (const one of pieces) await file.write(one);
      const written = file.close();
      const content = readFileSync(path);
      expect(written).toEqual({ digest: digestOf(content), size: content.length });
      expect(readFileSync(path).equals(bytesOf(pieces))).toBe(true);
    }),
    { numRuns: 400, seed: 20_261_126 },
  );
});
