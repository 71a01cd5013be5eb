import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import fastGlob from "fast-glob";
import { afterAll, beforeAll, expect, test } from "vitest";
import { globFiles } from "../../src/engine/glob-files.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "dsgen-glob-"));
  for (const folder of ["in/deep", "node_modules/a", "in/node_modules", ".dsgen-cache", "empty"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const file of [
    "a",
    "a.txt",
    "in/a",
    "in/a.txt",
    "in/deep/a-b.txt",
    ".a",
    "in/.a",
    "node_modules/a/a",
    "in/node_modules/a",
  ]) {
    writeFileSync(join(root, file), file);
  }
  writeFileSync(join(root, ".dsgen-cache/a"), "");
  symlinkSync("a.txt", join(root, "link"));
  symlinkSync("gone", join(root, "broken"));
  symlinkSync("in", join(root, "folder"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("patterns match what fast-glob says, those without a wildcard too", () => {
  const segment = fc.constantFrom(
    "a",
    "a.txt",
    "a-b.txt",
    "in",
    "deep",
    ".a",
    "node_modules",
    ".dsgen-cache",
    "link",
    "broken",
    "folder",
    "empty",
    "*",
    "**",
    ".",
    "!a",
    "A",
  );
  const pattern = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join("/"));
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 3 }), (patterns) => {
      const reference = () =>
        fastGlob
          .sync([...patterns], { cwd: root, ignore: ["**/node_modules/**", ".dsgen-cache/**"], onlyFiles: true })
          .sort();
      const told = (find: () => readonly string[]) => {
        try {
          return find();
        } catch (error) {
          return String(error);
        }
      };
      expect(told(() => globFiles(root, patterns))).toEqual(told(reference));
    }),
    { numRuns: 3000 },
  );
});
