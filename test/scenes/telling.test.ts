import { afterEach, beforeEach, expect, it } from "vitest";
import { makeProject, type Provider, type Ran, runDsgen, type SceneProject, startProvider } from "./support/project.ts";
import { jsonLines } from "./support/shipped.ts";

/* What a build in a pipe and `status` tell: the cost before it is spent, a refusal once, and nothing twice. */

let provider: Provider;
let project: SceneProject;

beforeEach(() => {
  project = makeProject({ batches: 2, dsgen: ["confirm_above: 0"] });
});
afterEach(async () => {
  project.remove();
  await provider.remove();
});

function dsgen(...args: readonly string[]): Promise<Ran> {
  return runDsgen(project, args, { url: provider.url });
}

it("what it may cost is told before anything is sent; in a pipe nobody is asked", async () => {
  provider = await startProvider({ faultNames: ["upload:401"] });
  const unsent = await dsgen("build");
  expect(unsent.code).toBe(1);
  expect(unsent.stderr).toMatch(/^asking +2 request files: send 8, reuse 0; tokens: .*; cost: .*$/m);
  expect((await provider.finalLedger()).uploads).toEqual([]);
  await provider.remove();

  provider = await startProvider();
  const built = await dsgen("build", "--wait", "--json");
  expect(built.code, built.stderr).toBe(0);
  const kinds = jsonLines(built.stdout).map(({ type }) => type);
  expect(kinds.indexOf("asking")).toBeGreaterThan(0);
  expect(kinds.indexOf("asking")).toBeLessThan(kinds.indexOf("asked"));
  expect(kinds.indexOf("asked")).toBeLessThan(kinds.indexOf("job"));
});

it("a refusal by a limit is one problem: no cost line, and no failed line a file", async () => {
  provider = await startProvider();
  const ran = await dsgen("build", "--max-cost", "0.0000001");
  expect(ran.code).toBe(3);
  expect(ran.stderr).not.toMatch(/^asking/m);
  expect(ran.stderr).not.toMatch(/^failed/m);
  expect(ran.stderr.match(/^error: /gm)).toHaveLength(1);
});

it("a finished batch has a time that stays, and its id at 80 columns; whose it is is told in words", async () => {
  provider = await startProvider();
  expect((await dsgen("build", "--wait")).code).toBe(0);
  const until = async () => jsonLines((await dsgen("status", "--json")).stdout).map((line) => line["until"]);
  const before = await until();
  expect(before.slice(0, 2)).toEqual([expect.any(Number), expect.any(Number)]);
  expect(await until()).toEqual(before);
  const status = await dsgen("status");
  expect(status.stdout.split("\n")[0]).toMatch(/^OpenAI API at 127\.0\.0\.1:\d+$/);
  expect(status.stdout.match(/batch_\w{20,}/g)).toHaveLength(2);
});

it("a build that does nothing repeats neither the summary nor that its answers are made up", async () => {
  provider = await startProvider();
  const offline = (...args: readonly string[]) => runDsgen(project, args);
  const first = await offline("build", "--wait");
  expect(first.code, first.stderr).toBe(0);
  expect(first.stderr).toContain("SIMULATED");
  expect(first.stdout).toContain("valid scenarios");
  const again = await offline("build");
  expect(again.stderr).toBe("");
  expect(again.stdout).toBe("Everything is up to date; nothing was sent.\n  ✓ dataset.jsonl (simulated)\n");
});
