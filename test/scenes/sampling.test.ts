import { afterEach, beforeEach, expect, it } from "vitest";
import { makeProject, type Provider, type Ran, runDsgen, type SceneProject, startProvider } from "./support/project.ts";
import { edit } from "./support/shipped.ts";

/* Models that reason refuse `max_tokens` and `temperature`: said with its place before anything is sent, where that is known. */

const TASK = "config/tasks/tiny.yaml";
const CLAIM = "takes: { max_tokens: false, temperature: [1] }";

let provider: Provider;
let project: SceneProject;

beforeEach(async () => {
  provider = await startProvider();
  project = makeProject({ batches: 1, model: [CLAIM] });
  for (const file of [TASK, "config/models.yaml"]) edit(project, file, /gpt-4o/g, "gpt-5");
});
afterEach(async () => {
  project.remove();
  await provider.remove();
});

function dsgen(...args: readonly string[]): Promise<Ran> {
  return runDsgen(project, args, { url: provider.url });
}

it("plan and build refuse what the provider will refuse, by line and column, and nothing is uploaded", async () => {
  for (const command of ["plan", "build"]) {
    const ran = await dsgen(command);
    expect(ran.code).toBe(2);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(/^error: config\/tasks\/tiny\.yaml:5:26: `sampling\.temperature` must be 1 with gpt-5/m);
    expect(ran.stderr).toMatch(/^error: config\/tasks\/tiny\.yaml:5:\d+: `sampling\.max_tokens` must not be given/m);
    expect(ran.stderr).toContain("Write `max_completion_tokens: 256`");
  }
  expect((await provider.finalLedger()).creates).toEqual([]);
});

it("a task that asks as the model wants to be asked is built", async () => {
  edit(project, TASK, /^sampling: .*$/m, "sampling: { max_completion_tokens: 2000, reasoning_effort: low }");
  const ran = await dsgen("build", "--wait");
  expect(ran.code, ran.stderr).toBe(0);
  expect(project.read("requests/tiny/request_batch0.jsonl")).toContain(
    '"max_completion_tokens":2000,"reasoning_effort":"low","response_format"',
  );
});

it("of a model of which nothing is claimed nothing is refused here; the provider refuses each line, and charges none", async () => {
  edit(project, "config/models.yaml", CLAIM, "takes: {}");
  expect((await dsgen("plan")).code).toBe(0);
  const ran = await dsgen("build", "--wait");
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("Unsupported parameter: 'max_tokens' is not supported with this model.");
  expect((await provider.finalLedger()).charges).toEqual([]);
});
