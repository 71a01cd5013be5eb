import { mkdirSync, symlinkSync } from "node:fs";
import { makeProject, type ProjectShape, type SceneProject } from "./project.ts";
import { REPOSITORY, write } from "./shipped.ts";

/** A recipe of a scene's own: its module's source, and what its target declares besides `words/a.txt`. */
export interface OwnRecipe {
  readonly source: string;
  /** An expression in `targets/index.ts`, where dsgen's words for inputs are at hand. */
  readonly inputs?: string;
  /** The module's file name; `<name>.ts` unless it says otherwise. */
  readonly file?: string;
}

/** A recipe's module with this body; its context is `c`. */
export function recipeOf(body: string, top = ""): string {
  return `import { defineRecipe } from "dsgen";\n${top}\nexport default defineRecipe(async (c) => {\n${body}\n});\n`;
}

/**
 * A project with targets of its own, one `<name>.txt` for each recipe, beside dsgen's pipeline for one small task. Each
 * declares `words/a.txt`; `words/b.txt` lies beside it, undeclared.
 */
export function projectWithCode(recipes: Readonly<Record<string, OwnRecipe>>, shape: ProjectShape = {}): SceneProject {
  const project = makeProject({ batches: 1, requestsPerBatch: 1, ...shape });
  mkdirSync(project.path("node_modules"));
  symlinkSync(REPOSITORY, project.path("node_modules", "dsgen"), "dir");
  write(project, "words/a.txt", "first\n");
  write(project, "words/b.txt", "second\n");
  const targets = Object.entries(recipes).map(([name, { source, inputs, file }]) => {
    const path = `targets/recipes/${file ?? `${name}.ts`}`;
    write(project, path, source);
    return `target({ name: name("${name}.txt"), recipe: recipe("${path}"), stage: "own", inputs: { a: file("words/a.txt"), ...(${inputs ?? "{}"}) } })`;
  });
  write(
    project,
    "targets/index.ts",
    `import { chosen, env, file, glob, made, name, type Pipeline, type Project, recipe, target, value } from "dsgen";
import pipeline from "dsgen/targets";
void [chosen, env, glob, made, value];
const own: Pipeline<Project> = (project) => {
  const given = pipeline(project);
  return { ...given, targets: [...given.targets,
${targets.join(",\n")}
  ] };
};
export default own;
`,
  );
  return project;
}
