import { existsSync, readFileSync, rmSync } from "node:fs";
import { file, made, recipe, target, value } from "../../src/graph/declare.ts";
import type { JsonValue } from "../../src/graph/json.ts";
import type { TargetName } from "../../src/graph/names.ts";
import type { Input, Target } from "../../src/graph/target.ts";
import type { TestProject } from "./project.ts";

/*
 * Recipes for the engine's tests, written into the project as modules: the tests run what a person would write.
 */

/** Where it notes that it ran is written into it: it may see nothing that is not declared. */
const logTo = (path: string) => `import { appendFileSync } from "node:fs";
export const log = (text) => appendFileSync(${JSON.stringify(path)}, text + "\\n");
`;

/** Reads every input that \`reads\` lists (name → kind) and writes one line an item. */
const READ_ALL = `export async function readAll(context) {
  const parts = [];
  for (const [input, kind] of Object.entries(context.value("reads"))) {
    if (kind === "value") parts.push(JSON.stringify(context.value(input)));
    if (kind === "file" || kind === "target") parts.push(await context.file(input).text());
    if (kind === "glob" || kind === "targets" || kind === "expand")
      for (const file of context.files(input)) parts.push(await file.text());
  }
  return parts;
}
`;

const SOURCES: Readonly<Record<string, string>> = {
  "targets/recipes/read-all.mjs": READ_ALL,
  // Passes all that it reads on.
  "targets/recipes/join.mjs": `import { readAll } from "./read-all.mjs";
export default async (context) => {
  await context.output().write("joined " + (await readAll(context)).join("+") + "\\n");
};
`,
  // Passes on only how long it is, in tens: many changes of its inputs give the same bytes.
  "targets/recipes/coarse.mjs": `import { readAll } from "./read-all.mjs";
export default async (context) => {
  const length = (await readAll(context)).join("").length;
  await context.output().write("about " + Math.round(length / 10) + "\\n");
};
`,
  // What a gate let through.
  "targets/recipes/answered.mjs": `export default async (context) => {
  await context.output().write(context.answers().line("r1").raw + "\\n");
};
`,
  // The first candidates whose lengths add up to params.enough; asks for params.first of them to begin with.
  "targets/recipes/enough.mjs": `import { log } from "./log.mjs";
export default async ({ params, read }) => {
  log("expansion");
  let length = 0;
  let built = 0;
  for (const candidate of params.candidates) {
    const bytes = await read(candidate);
    if (bytes === undefined) break;
    built++;
    length += bytes.length;
    if (length >= params.enough) break;
  }
  if (length >= params.enough || built === params.candidates.length)
    return { state: "final", targets: params.candidates.slice(0, built), note: { length } };
  return { state: "open", want: params.candidates.slice(0, Math.max(params.first, built + 1)), note: { length } };
};
`,
};

export function writeRecipes(project: TestProject): void {
  project.write("targets/recipes/log.mjs", logTo(project.log));
  for (const [path, source] of Object.entries(SOURCES)) project.write(path, source);
}

export type RecipeName = "join" | "coarse" | "answered";

/** A target over one of the recipes above, which is told what to read. */
export function making(
  name: string,
  by: RecipeName,
  inputs: Readonly<Record<string, Input>>,
  more: Partial<Target> = {},
): Target {
  const reads = Object.fromEntries(Object.entries(inputs).map(([input, { kind }]) => [input, kind]));
  return target({
    name: name as TargetName,
    recipe: recipe(`targets/recipes/${by}.mjs`),
    stage: "test",
    inputs: { ...inputs, reads: value(reads, "reads") },
    ...more,
  });
}

/** A target by a module of the test's own. */
export function byModule(
  name: string,
  module: string,
  inputs: Readonly<Record<string, Input>> = {},
  more: Partial<Target> = {},
): Target {
  return target({ name: name as TargetName, recipe: recipe(module), stage: "test", inputs, ...more });
}

/** A request file and the target that waits for its answers. */
export function gated(name: string, requests: string, inputs: Readonly<Record<string, Input>>): Target[] {
  const file = requests as TargetName;
  return [
    making(requests, "join", inputs, { evaluateInPlan: true }),
    making(name, "answered", { requests: made(file) }, { gate: { kind: "answers", requests: file }, pool: "io" }),
  ];
}

export function from(path: string): Input {
  return file(path);
}

export function of(name: string): Input {
  return made(name as TargetName);
}

export function setting(of: JsonValue, at = "test.setting"): Input {
  return value(of, at);
}

export function enough(candidates: readonly string[], length: number, first = 1): Input {
  const names = candidates.map((name) => name as TargetName);
  const params = { candidates: names, enough: length, first };
  return { kind: "expand", module: recipe("targets/recipes/enough.mjs"), params, candidates: names };
}

/** How often recipes that keep a log ran since the last look. */
export function runs(project: TestProject): number {
  if (!existsSync(project.log)) return 0;
  const lines = readFileSync(project.log, "utf8").split("\n").length - 1;
  rmSync(project.log);
  return lines;
}
