import { rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeProject, type Provider, type Ran, runDsgen, type SceneProject, startProvider } from "./support/project.ts";

/* Jobs that run are reachable whatever else of the project is broken: a command opens what it needs and no more. */

let provider: Provider;
let project: SceneProject;

/** Two batches under way that will not end by themselves within the scene. */
beforeEach(async () => {
  provider = await startProvider({
    timing: { validatingMs: 1, perRequestMs: 3_600_000, finalizingMs: 1, staggerMs: 1, answerMs: 0 },
  });
  project = makeProject({ batches: 2 });
  const built = await dsgen("build");
  expect(built.code, built.stderr).toBe(75);
});
afterEach(async () => {
  project.remove();
  await provider.remove();
});

function dsgen(...args: readonly string[]): Promise<Ran> {
  return runDsgen(project, args, { url: provider.url });
}

/** What every command that looks after jobs must still do. The last of them ends the jobs. */
async function expectLookedAfter(warning: RegExp | undefined): Promise<void> {
  for (const [args, code, stdout] of [
    [["status"], 75, /in_progress/],
    [["cost"], 0, /in flight/],
    [["fsck"], 0, /The cache is whole/],
    [["recover"], 0, /2 jobs known already[\s\S]*2 jobs still running/],
    [["cancel", "--yes"], 0, /cancel/],
  ] as const) {
    const ran = await dsgen(...args);
    expect(ran.code, `${args.join(" ")}\n${ran.stdout}${ran.stderr}`).toBe(code);
    expect(ran.stdout).toMatch(stdout);
    // The cache is checked by what lies in it: the config has no say there, and no mistakes to warn of.
    if (warning === undefined || args[0] === "fsck") expect(ran.stderr).toBe("");
    else expect(ran.stderr).toMatch(warning);
  }
  const listing = await fetch(`${provider.url}/v1/batches`, { headers: { authorization: "Bearer sk-scene" } });
  const { data } = (await listing.json()) as { readonly data: readonly { readonly status: string }[] };
  expect(data.map(({ status }) => status.replace("cancelling", "cancelled"))).toEqual(["cancelled", "cancelled"]);
}

describe("the jobs are looked after", () => {
  it("when a tokenizer is not to be had", async () => {
    rmSync(project.path("tokenizers"), { recursive: true });
    const graph = await dsgen("graph");
    expect(graph.code, graph.stderr).toBe(0);
    expect(graph.stdout).toContain("validated/tiny/shard{0,1}.jsonl");
    // Request files need none either; a dataset does.
    expect((await dsgen("plan", "requests/tiny/request_batch0.jsonl")).code).toBe(0);
    const plan = await dsgen("plan");
    expect(plan.code).toBe(2);
    expect(plan.stderr).toMatch(/letters/);
    await expectLookedAfter(undefined);
  });

  it.each([
    ["a task file is broken", "config/tasks/tiny.yaml", "task_name: [tiny\n"],
    ["a task breaks a rule", "config/tasks/tiny.yaml", "task_name: tiny\nmodel: gpt-4o\n"],
    ["the models are broken", "config/models.yaml", "models: 7\n"],
  ])("when %s", async (_what, file, text) => {
    writeFileSync(project.path(file), text);
    const graph = await dsgen("graph");
    expect(graph.code).toBe(2);
    await expectLookedAfter(new RegExp(`warning: ${file.replaceAll(".", "\\.")}:\\d+:\\d+: `));
  });

  it("but not when it cannot be known who answers", async () => {
    writeFileSync(project.path("config/dsgen.yaml"), "provider: nobody\n");
    for (const command of ["status", "cost", "recover"]) {
      const ran = await dsgen(command);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(/^error: config\/dsgen\.yaml:1:\d+: /);
    }
    expect((await dsgen("fsck")).code).toBe(0);
  });
});
