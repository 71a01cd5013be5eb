import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cliFiles } from "../../scripts/cli-reference.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

test.each([...(await cliFiles())])("%s is what scripts/generate-cli-docs.ts writes", (path, text) => {
  expect(readFileSync(join(ROOT, path), "utf8")).toBe(text);
});

test("what dsgen --help prints fits 80 columns", () => {
  const lines = readFileSync(join(ROOT, "bin", "help.txt"), "utf8").split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});
