import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectWithCode, recipeOf } from "./support/own-code.ts";
import { type Provider, runDsgen, type SceneProject, startProvider } from "./support/project.ts";
import { executed } from "./support/shipped.ts";

/*
 * `dsgen build --check-determinism`: what is free is made twice and compared.
 */

const MADE_OF_CHANCE = {
  chance: recipeOf('await c.output().write("one\\ntwo " + Math.random() + "\\n");'),
  time: recipeOf('await c.output().write("made on " + new Date().toISOString().slice(0, 10) + "\\n");'),
  "what was left over": recipeOf('runs++; await c.output().write("run " + runs + "\\n");', "let runs = 0;"),
};
const SOUND = recipeOf('await c.output().write((await c.file("a").text()) + new Date(0).toISOString());');

let project: SceneProject;
let provider: Provider;
beforeAll(async () => {
  provider = await startProvider();
  const recipes = Object.entries({ ...MADE_OF_CHANCE, sound: SOUND });
  project = projectWithCode(Object.fromEntries(recipes.map(([name, source]) => [name, { source }])));
});
afterAll(async () => {
  project.remove();
  await provider.remove();
});

function build(...args: string[]) {
  return runDsgen(project, ["build", "--wait", ...args], { url: provider.url });
}

describe("a recipe that hangs on", () => {
  it.each([
    ["chance", /line 2, byte 1\d of/],
    ["time", /line 1, byte 1[12] of/],
    ["what was left over", /line 1, byte 5 of the file: "1", then "2"/],
  ])("%s is found, and the target and the place are named", async (name, place) => {
    expect((await build(`${name}.txt`)).code).toBe(0);
    // Also where the target is there already, and called fresh.
    const ran = await build("--check-determinism", `${name}.txt`);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`error: ${name}.txt: targets/recipes/${name}.ts makes other bytes`);
    expect(ran.stderr).toMatch(place);
  });

  it("more than its inputs is not stored", async () => {
    for (const more of [[], ["--cache"]]) expect((await runDsgen(project, ["clean", ...more])).code).toBe(0);
    for (const _time of [1, 2]) {
      const ran = await build("--check-determinism", "what was left over.txt");
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain('byte 5 of the file: "1", then "2"');
    }
  });
});

it("passes what is sound, dsgen's own recipes included, and sends nothing twice", async () => {
  const first = await build("--check-determinism", "sound.txt", "dataset.jsonl");
  expect(first.stderr).not.toMatch(/^error/m);
  expect(first.code).toBe(0);
  const paid = await executed(provider);
  expect(paid).toBeGreaterThan(0);
  const again = await build("--check-determinism", "sound.txt", "dataset.jsonl");
  expect(again.code).toBe(0);
  expect(again.stdout).toContain("Everything is up to date");
  expect(await executed(provider)).toBe(paid);
});
