import { afterEach, beforeEach, expect, it } from "vitest";
import { type Provider, runDsgen, type SceneProject, startProvider } from "./support/project.ts";
import { SMALL, shippedProject } from "./support/shipped.ts";

/* The dataset without near-duplicates, by either search: what is kept, and what that costs. */

let provider: Provider;
let project: SceneProject;

beforeEach(async () => {
  provider = await startProvider();
  project = shippedProject({ ...SMALL, requestsPerBatch: 8, tokenizers: ["qwen"] });
});
afterEach(async () => {
  project.remove();
  await provider.remove();
});

it("a banded search finds what the exact one finds, asks nobody, and is another dataset to the cache", async () => {
  const near = ["by=near", "threshold=0.3"].flatMap((set) => ["--set", `refusal.dedupe.${set}`]);
  const build = (...args: readonly string[]) =>
    runDsgen(project, ["build", "--wait", ...near, ...args], { url: provider.url });
  const exact = await build();
  expect(exact.code, exact.stderr).toBe(0);
  const [dataset, manifest] = [project.read("dataset.jsonl"), project.read("dataset.manifest.json")];
  expect(JSON.parse(manifest).summary.dedupe.duplicates).toBeGreaterThan(3);
  const banded = await build("--set", "refusal.dedupe.search=banded");
  expect(banded.code, banded.stderr).toBe(0);
  expect(banded.stderr).toMatch(/built +dataset\.jsonl/);
  expect(project.read("dataset.jsonl")).toBe(dataset);
  const told = JSON.parse(project.read("dataset.manifest.json"));
  expect(told.summary).toEqual({
    ...JSON.parse(manifest).summary,
    dedupe: {
      by: "near",
      threshold: 0.3,
      search: "banded",
      duplicates: JSON.parse(manifest).summary.dedupe.duplicates,
    },
  });
  expect((await provider.finalLedger()).creates).toHaveLength(2);
});
