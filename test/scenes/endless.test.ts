import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OwnRecipe, projectWithCode, recipeOf } from "./support/own-code.ts";
import { ended, type Ran, runDsgen, type SceneProject, startDsgen } from "./support/project.ts";
import { edit, write } from "./support/shipped.ts";

/*
 * A recipe or a check that never ends. Ctrl-C and `kill` end dsgen all the same, and nothing is damaged by it.
 */

const SPIN = 'writeSync(2, "spinning\\n"); for (;;);';
const WRITE = 'import { writeSync } from "node:fs";';

const RECIPES: Readonly<Record<string, OwnRecipe>> = {
  "at once": { source: recipeOf(SPIN, WRITE) },
  "after a wait": {
    source: recipeOf(`await c.output().write("x"); await new Promise((go) => setTimeout(go, 5)); ${SPIN}`, WRITE),
  },
  "when loaded": { source: recipeOf('await c.output().write("x");', `${WRITE}\n${SPIN}`) },
  "in a wait": {
    source: recipeOf('writeSync(2, "spinning\\n"); setInterval(() => {}, 1000); await new Promise(() => {});', WRITE),
  },
};

let project: SceneProject;
beforeAll(() => {
  project = projectWithCode(RECIPES);
});
afterAll(() => project.remove());

/** Builds a target, and sends the signal once its code says that it will not end. */
function interrupted(target: string, signal: NodeJS.Signals): Promise<Ran> {
  const child = startDsgen(project, ["build", "--wait", target]);
  let told = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    if (told.includes("spinning")) return;
    told += chunk.toString();
    // A moment later, so that the loop has begun.
    if (told.includes("spinning")) setTimeout(() => child.kill(signal), 100);
  });
  return ended(child, `dsgen build ${target}`, { deadlineMs: 30_000 });
}

describe("a recipe that never ends", () => {
  it.each(
    Object.keys(RECIPES).flatMap(
      (name) =>
        [
          [name, "SIGINT"],
          [name, "SIGTERM"],
        ] as const,
    ),
  )("%s ends by %s", async (name, signal) => {
    const ran = await interrupted(`${name}.txt`, signal);
    expect(ran.stderr).toContain("spinning");
    expect([ran.code, ran.signal]).toEqual([null, signal]);
  });

  it("leaves nothing damaged and nothing locked", async () => {
    write(project, "targets/recipes/at once.ts", recipeOf('await c.output().write("done");'));
    const ran = await runDsgen(project, ["build", "at once.txt"]);
    expect(ran.stderr).not.toMatch(/^error/m);
    expect(ran.code).toBe(0);
    expect(project.read("at once.txt")).toBe("done");
    expect((await runDsgen(project, ["fsck"])).code).toBe(0);
  });
});

it("ends a check that never ends, without an answer being lost", async () => {
  write(project, "targets/checks/own.ts", `${WRITE}\nexport default () => { ${SPIN} };\n`);
  edit(
    project,
    "config/tasks/tiny.yaml",
    /^checks: .*$/m,
    "checks: [{ check: module, path: targets/checks/own.ts }, distinct-texts]",
  );
  const ran = await interrupted("validated/tiny/shard0.jsonl", "SIGINT");
  expect([ran.code, ran.signal]).toEqual([null, "SIGINT"]);
  write(project, "targets/checks/own.ts", "export default () => true;\n");
  const after = await runDsgen(project, ["build", "--json", "validated/tiny/shard0.jsonl"]);
  expect(after.code).toBe(0);
  expect(after.stdout).not.toContain('"type":"asked"');
});
