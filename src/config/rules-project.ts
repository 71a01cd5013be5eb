import type { z } from "zod";
import { isJsonObject } from "../graph/json.ts";
import { foldedPath, projectPath, targetName } from "../graph/names.ts";
import { modelEntry } from "./model-name.ts";
import { type Complaint, type Path, type Place, shownPlace } from "./place.ts";
import { namedOnce, type Right, type Rule } from "./rules.ts";
import { type dsgenSchema, PATH_DEFAULTS, type Paths, POLL_DEFAULTS, pathsOf } from "./schema-dsgen.ts";
import type { modelsSchema } from "./schema-models.ts";
import { SAMPLING_KEYS, type SamplingKey } from "./schema-sampling.ts";
import { type CommonTask, isTaskName, type PromptedTask } from "./schema-task.ts";
import type { Tree } from "./tree.ts";
import { meant } from "./words.ts";

/*
 * What the files must satisfy together.
 */

type Models = NonNullable<Right<z.output<typeof modelsSchema>>["models"]>;

/** dsgen.yaml. @param tasks the names of the task files @param configDir the config folder, from the project root */
export function dsgenRules(
  { default_tasks, poll_seconds, paths }: Right<z.output<typeof dsgenSchema>>,
  tasks: readonly string[],
  configDir: string,
  rule: Rule,
): void {
  for (const [name, usual] of Object.entries(PATH_DEFAULTS) as [keyof Paths, string][]) {
    const path = paths?.[name];
    const fault = path === undefined ? undefined : outputsFault(name, path, pathsOf(paths), configDir);
    if (fault === undefined) continue;
    const message = `must be a path inside the project; found ${JSON.stringify(path)}: ${fault}.`;
    rule.report(["paths", name], message, `Write for example \`${name}: data/${usual}\`.`);
  }
  const { min, max } = poll_seconds ?? {};
  if (min !== undefined && max !== undefined && min > max) {
    rule.report(
      ["poll_seconds", max === POLL_DEFAULTS.max ? "min" : "max"],
      `\`poll_seconds.max\` must be at least \`poll_seconds.min\` (${min}); found ${max}.`,
      `Raise max or lower min; unless the file says otherwise they are ${POLL_DEFAULTS.max} and ${POLL_DEFAULTS.min}.`,
    );
  }
  namedOnce("default_tasks", default_tasks, "task", rule);
  for (const [name, index] of unknownNames(default_tasks, tasks)) {
    const message = `must be the name of a file in tasks/ (${tasks.join(", ")}); found ${name}.`;
    rule.report(["default_tasks", index], message, meant(name, tasks, `Add tasks/${name}.yaml, or choose another.`));
  }
}

/** Why outputs cannot go there. */
function outputsFault(name: keyof Paths, path: string, { report }: Paths, configDir: string): string | undefined {
  const found = targetName(path);
  if (!found.ok) return found.error;
  if (name === "report" && !/[^/]\.html$/.test(found.value)) return "it ends otherwise than in .html";
  if (name !== "report" && isWithin(found.value, report)) return `${report} is the page of \`dsgen report\``;
  return isWithin(found.value, configDir) ? `${configDir}/ holds the configuration` : undefined;
}

/** Whether a path is the folder, or below it, on any file system. */
function isWithin(path: string, folder: string): boolean {
  return `${foldedPath(path)}/`.startsWith(`${foldedPath(folder)}/`);
}

/** The names of a list that are not known, each once, and where they stand. */
function unknownNames(list: readonly (string | undefined)[] | undefined, known: readonly string[]) {
  const found = new Map<string, number>();
  const names = new Set(known);
  for (const [index, name] of (list ?? []).entries()) {
    if (name !== undefined && !names.has(name) && !found.has(name)) found.set(name, index);
  }
  return found;
}

/** What a task is held to beyond its own file. */
export type Surroundings = {
  /** The task's name as its file gives it. */
  readonly name: string;
  /** The names in tokenizers.yaml, or undefined when that file could not be read. */
  readonly tokenizers: readonly string[] | undefined;
  /** Undefined when models.yaml cannot be read. */
  readonly models: Models | undefined;
  /** The config folder, from the project root. */
  readonly configDir: string;
  readonly paths: Paths;
  /** The task's file. */
  readonly tree: Tree;
};

/** A task of any kind: keys of other kinds are merely not there. */
type AnyTask = Right<
  CommonTask & Partial<PromptedTask> & { readonly tokenizers?: readonly string[]; readonly inputs?: { file: string } }
>;

export function taskRules(task: AnyTask, around: Surroundings, rule: Rule): void {
  const { task_name } = task;
  // A name that breaks the rule of names, here or on the file, is complained of elsewhere.
  if (task_name !== undefined && task_name !== around.name && isTaskName(task_name) && isTaskName(around.name)) {
    const fix = `Write \`task_name: ${around.name}\`, or rename the file to ${task_name}.yaml.`;
    rule.report(["task_name"], `must be the file's name, ${around.name}; found ${task_name}.`, fix);
  }
  outputRules(task, around, rule);
  const known = around.tokenizers;
  for (const [name, index] of known === undefined ? [] : unknownNames(task.tokenizers, known)) {
    const fix = meant(name, known ?? [], `Add ${name} to tokenizers.yaml, or choose another.`);
    const names = known?.join(", ") || "which has none";
    rule.report(["tokenizers", index], `must be a name in tokenizers.yaml (${names}); found ${name}.`, fix);
  }
  const { models } = around;
  if (models === undefined) return;
  const entry = task.model === undefined ? undefined : modelEntry(task.model, Object.keys(models));
  // A limit in dollars means nothing while it is not known what the model costs.
  if (typeof task.max_cost === "number" && task.model !== undefined && entry === undefined) {
    const message = `must go with a model whose price is known; found no ${task.model} in models.yaml.`;
    rule.report(["max_cost"], message, "Add the model's prices there, or remove max_cost.");
  }
  samplingRules(task, entry === undefined ? {} : (models[entry]?.takes ?? {}), around.tree, rule);
}

/**
 * What a task's `sampling` asks must be taken by its model: the provider refuses the rest line by line, after the upload and
 * the wait. Of a model without an entry, and of a key without a claim, nothing is known and nothing is said.
 */
function samplingRules(
  { sampling, model, endpoint }: AnyTask,
  takes: NonNullable<NonNullable<Models[string]>["takes"]>,
  tree: Tree,
  { report }: Rule,
): void {
  if (sampling === undefined) return;
  if (sampling.max_tokens !== undefined && sampling.max_completion_tokens !== undefined) {
    const message = "must have one of max_tokens and max_completion_tokens; found both, which is refused.";
    const fix = "Keep max_completion_tokens for a model that reasons, max_tokens for another.";
    report(["sampling", "max_completion_tokens"], message, fix, { key: true, up: 1 });
  }
  for (const key of SAMPLING_KEYS) {
    const value = sampling[key];
    const taken = takes[key];
    // The Responses API has one name for the limit, whichever the task uses, and no seed.
    const isSent = endpoint !== "/v1/responses" || !NOT_IN_RESPONSES.includes(key);
    const path = ["sampling", key];
    if (value === undefined || taken === undefined || !isSent || !tree.has(path)) continue;
    if (Array.isArray(taken) && taken.includes(undefined)) continue;
    const found = JSON.stringify(value);
    const unless = `, or correct \`takes\` of ${model} in models.yaml if that is no longer so.`;
    if (!Array.isArray(taken)) {
      const message = `must not be given with ${model}, which refuses it; found ${found}.`;
      report(path, message, instead(key, found) + unless, { key: true });
    } else if (!taken.includes(value)) {
      const values = taken.map((one) => JSON.stringify(one)).join(", ");
      const one = taken.length === 1;
      const message = `must be ${one ? values : `one of ${values}`} with ${model}, which refuses others; found ${found}.`;
      report(path, message, `Leave it out, or write ${one ? `\`${key}: ${values}\`` : "one of these"}${unless}`);
    }
  }
}

const NOT_IN_RESPONSES: readonly SamplingKey[] = ["max_tokens", "max_completion_tokens", "seed"];

function instead(key: SamplingKey, found: string): string {
  if (key === "max_tokens") return `Write \`max_completion_tokens: ${found}\` (reasoning counts too: allow for it)`;
  if (key === "max_completion_tokens") return `Write \`max_tokens: ${found}\``;
  return "Leave it out";
}

function outputRules(task: AnyTask, { configDir, paths, tree }: Surroundings, { report }: Rule): void {
  const { output } = task;
  if (output === undefined) return;
  const fault = outputFault(output, paths, configDir) ?? readFault(output, task, tree);
  if (fault === undefined) return;
  const message = `must be a path inside the project that ends in .jsonl; found ${JSON.stringify(output)}: ${fault}.`;
  report(["output"], message, "Write for example `output: dataset.jsonl`.");
}

function outputFault(output: string, paths: Paths, configDir: string): string | undefined {
  const path = targetName(output);
  if (!path.ok) return path.error;
  if (!/[^/]\.jsonl$/.test(path.value)) return "it ends otherwise";
  const folders = [paths.requests, paths.batch_outputs, paths.validated, paths.pilot, configDir];
  const folder = folders.find((one) => isWithin(path.value, one) || isWithin(one, path.value));
  if (folder === undefined) return undefined;
  return `${folder}/ holds ${folder === configDir ? "the configuration" : "the pipeline's own files"}`;
}

/** An output that the task itself reads; patterns are tried when they are matched. */
function readFault(output: string, task: AnyTask, tree: Tree): string | undefined {
  const read: [string | undefined, Path][] = [[task.inputs?.file, ["inputs", "file"]]];
  const given = task.requests_from;
  if (typeof given === "string") read.push([given, ["requests_from"]]);
  else for (const [index, pattern] of (given ?? []).entries()) read.push([pattern, ["requests_from", index]]);
  for (const [axis, values] of Object.entries(task.axes ?? {})) {
    if (values !== undefined && "file" in values) read.push([values.file, ["axes", axis, "file"]]);
  }
  const same = read.find(([file]) => file !== undefined && isSameFile(file, output));
  return same === undefined ? undefined : `the task reads that file (${shownPlace(tree.place(same[1]))})`;
}

function isSameFile(a: string, b: string): boolean {
  const [one, other] = [projectPath(a), projectPath(b)];
  return one.ok && other.ok && foldedPath(one.value) === foldedPath(other.value);
}

/** No two tasks may write one file, on any file system. @param report the page about the tasks, where there are several */
export class Outputs {
  readonly #taken = new Map<string, { readonly name: string; readonly at: Place }>();
  readonly #report: string | undefined;

  constructor(report: string | undefined) {
    this.#report = report;
  }

  /** @param shown the task's file */
  clashes(name: string, shown: string, tree: Tree): readonly Complaint[] {
    const value = isJsonObject(tree.value) ? tree.value["output"] : undefined;
    const output = value === undefined ? `${name}.jsonl` : value;
    const path = typeof output === "string" ? projectPath(output) : undefined;
    if (path?.ok !== true) return [];
    const at: Place = value === undefined ? { kind: "path", path: shown } : tree.place(["output"]);
    const key = foldedPath(path.value);
    const page = path.value.replace(/\.jsonl$/, ".report.html");
    if (this.#report !== undefined && foldedPath(page) === foldedPath(this.#report)) {
      const message = `\`output\` must have a page of its own, beside \`paths.report\`; found ${path.value}, and ${page} for both.`;
      return [{ at, message, fix: "Write another `report` under `paths` in dsgen.yaml, or another `output`." }];
    }
    const other = this.#taken.get(key);
    if (other === undefined) {
      this.#taken.set(key, { name, at });
      return [];
    }
    const whose = `which is the task ${other.name}'s too (${shownPlace(other.at)})`;
    const message = `\`output\` must be a file of this task's own; found ${path.value}, ${whose}.`;
    return [{ at, message, fix: `Write for example \`output: ${name}.jsonl\`.` }];
  }
}
