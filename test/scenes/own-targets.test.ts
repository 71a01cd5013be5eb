import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Ran, runDsgen, type SceneProject } from "./support/project.ts";
import { edit, lineOf, REPOSITORY, shippedProject, write } from "./support/shipped.ts";

/*
 * Another repo with the package beside it: its own `targets/`, in TypeScript, takes dsgen's pipeline and adds targets and
 * recipes of its own.
 */

let project: SceneProject;
beforeAll(() => {
  project = shippedProject({
    batches: 1,
    requestsPerBatch: 2,
    scenariosPerRequest: 5,
    targetScenarios: 5,
    tokenizers: ["solar"],
  });
  mkdirSync(project.path("node_modules"));
  symlinkSync(REPOSITORY, project.path("node_modules", "dsgen"), "dir");
  write(project, "words/first.txt", "Help\n");
  write(
    project,
    "targets/index.ts",
    `import { file, glob, made, name, type Pipeline, type Project, recipe, target, value } from "dsgen";
import pipeline from "dsgen/targets";

const own: Pipeline<Project> = (project) => {
  const given = pipeline(project);
  const prompts = target({
    name: name("prompts for people.txt"),
    recipe: recipe("targets/recipes/prompts.ts"),
    stage: "prompts",
    inputs: {
      dataset: made(name("dataset.jsonl")),
      words: glob("words/*.txt"),
      heading: value(project.tasks[0]?.description ?? "", "tasks/refusal.description"),
    },
  });
  return { ...given, targets: [...given.targets, prompts] };
};

export default own;
`,
  );
  write(
    project,
    "targets/recipes/prompts.ts",
    `import { defineRecipe } from "dsgen";
import { shout } from "./shout.ts";

export default defineRecipe(async (context) => {
  const out = context.output();
  await out.write(\`\${shout(context.value<string>("heading"))}\\n\`);
  await out.write(\`\${context.files("words").map((one) => one.name).join(" ")}\\n\`);
  for await (const line of context.file("dataset").lines()) {
    const row: { type: string; text: string } = JSON.parse(line);
    if (row.type === "multi_token_prompt") await out.write(\`\${row.text}\\n\`);
  }
});
`,
  );
  write(project, "targets/recipes/shout.ts", "export const shout = (text: string): string => text.toUpperCase();\n");
});
afterAll(() => project.remove());

function dsgen(...args: string[]): Promise<Ran> {
  return runDsgen(project, args);
}

it("builds a target of its own through dsgen's pipeline", async () => {
  const ran = await dsgen("build", "--wait", "prompts for people.txt");
  expect(ran.stderr).not.toMatch(/^error/m);
  expect(ran.code).toBe(0);
  const lines = project.read("prompts for people.txt").split("\n");
  expect(lines[0]).toMatch(/^PAIRS OF SHORT REQUESTS/);
  expect(lines[1]).toBe("words/first.txt");
  expect(lines[2]).toMatch(/^\S.*\.$/);
});

it("knows the code that its recipe imports, and the files that a glob finds", async () => {
  write(project, "targets/recipes/shout.ts", 'export const shout = (text: string): string => text + "!";\n');
  write(project, "words/second one.txt", "Tell\n");
  const why = await dsgen("explain", "prompts for people.txt");
  expect(why.stdout).toContain("targets/recipes/shout.ts");
  expect(why.stdout).toContain("words/second one.txt");
  const plan = await dsgen("plan", "--json", "prompts for people.txt");
  expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ requests: 0, actions: { rebuild: 1 } });
  expect((await dsgen("build", "prompts for people.txt")).code).toBe(0);
  expect(project.read("prompts for people.txt")).toMatch(/decline\.!\nwords\/first\.txt words\/second one\.txt\n/);
});

it("refuses, before anything runs, a graph that contradicts itself", async () => {
  const good = project.read("targets/index.ts");
  const cases: readonly (readonly [RegExp | string, string, RegExp])[] = [
    ['glob("words/*.txt")', 'file("words/none.txt")', /words\/none\.txt/],
    ['name("prompts for people.txt")', 'name("dataset.jsonl")', /dataset\.jsonl/],
    ['made(name("dataset.jsonl"))', 'made(name("prompts for people.txt"))', /in a circle/],
    ['name("prompts for people.txt")', 'name("../prompts.txt")', /\.\.\/prompts\.txt/],
    ['recipe("targets/recipes/prompts.ts")', 'recipe("targets/recipes/none.ts")', /targets\/recipes\/none\.ts/],
  ];
  for (const [what, instead, said] of cases) {
    edit(project, "targets/index.ts", what, instead);
    const ran = await dsgen("build", "prompts for people.txt");
    expect([instead, ran.code === 1 || ran.code === 2]).toEqual([instead, true]);
    expect(ran.stderr).toMatch(said);
    expect(ran.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
    write(project, "targets/index.ts", good);
  }
});

it("works with the package's own pipeline again when its targets are gone", async () => {
  rmSync(project.path("targets"), { recursive: true });
  const ran = await dsgen("build");
  expect(ran.code).toBe(0);
  // The manifest beside the dataset, and what it tells of, were not asked for before; all else is as it was.
  expect(ran.stdout).toContain("Up to date: 2 targets built, 4 fresh.");
});
