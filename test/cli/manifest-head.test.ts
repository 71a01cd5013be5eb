import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { manifestHead } from "../../src/cli/manifest-head.ts";

function headOf(text: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-manifest-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "manifest.json"), text);
  return JSON.parse(manifestHead(join(folder, "manifest.json")));
}

test("a manifest's head is all of it but its scenarios, and nothing of these is read", () => {
  const manifest = { v: 1, summary: { said: '\n  "scenarios": [', scenarios: 2 } };
  const head = `${JSON.stringify(manifest, null, 2).slice(0, -2)},\n  "scenarios": [`;
  expect(headOf(`${head}\n    {"scenario_id":0},\n    {"scenario_id":1}\n  ]\n}\n`)).toEqual({
    ...manifest,
    scenarios: [],
  });
  expect(headOf(`${head}\n    this is not JSON`)).toEqual({ ...manifest, scenarios: [] });
});

test("one that is laid out in another way is read whole", () => {
  const manifest = { v: 1, scenarios: [{ scenario_id: 0 }], summary: { valid: 1 } };
  for (const text of [JSON.stringify(manifest), `${JSON.stringify(manifest, null, 1)}\n`])
    expect(headOf(text)).toEqual(manifest);
});
