import { isJsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { textOfBytes } from "./config-bytes.ts";
import { SINGLE_FILES, TASKS_FOLDER } from "./config-files.ts";
import { kindKey, kindOf } from "./json-schema.ts";
import { parseOverride } from "./overrides.ts";
import { type Complaint, type Place, shownPlace, toProblems } from "./place.ts";
import type { ProjectConfig, Settings, TaskConfig } from "./project-config.ts";
import { withRules } from "./rules.ts";
import { dsgenRules, Outputs, type Surroundings, taskRules } from "./rules-project.ts";
import { dsgenOf, dsgenSchema, pathsOf } from "./schema-dsgen.ts";
import { modelsOf, modelsSchema } from "./schema-models.ts";
import { z } from "./schema-parts.ts";
import { isTaskName, RESERVED_NAMES, TASK_NAME_WORDS } from "./schema-task.ts";
import { tokenizersSchema } from "./schema-tokenizers.ts";
import { taskOf } from "./task-config.ts";
import { Tree } from "./tree.ts";
import { check } from "./validate.ts";
import { parseYamlTree } from "./yaml-tree.ts";

/** A config file's bytes, under the name it has in the config folder (`tasks/refusal.yaml`). */
export type SourceFile = { readonly name: string; readonly shown: string; readonly content: Uint8Array };

export type ReadOptions = {
  readonly files: readonly SourceFile[];
  readonly sets: readonly string[];
  /** The config folder, as messages name it. */
  readonly shownDir: string;
  /** False when a file could not be read: what it would have defined is then not missed. */
  readonly complete: boolean;
};

/** What was made of the files. */
export type ReadProject = {
  readonly settings: Settings | undefined;
  readonly whole: Omit<ProjectConfig, "files" | "sets"> | undefined;
  /** Every task that has a file, readable or not. */
  readonly taskNames: readonly string[];
  readonly problems: readonly Problem[];
};

/** Takes complaints in: a file made to hurt has more of them than a call takes arguments. */
type Add = (complaints: readonly Complaint[]) => void;

/** The trees of files by name; undefined for a file of which nothing can be made. */
type Trees = Map<string, Tree | undefined>;

/** What a file that is not there would hold if it said nothing. */
const ABSENT = { "dsgen.yaml": {}, "models.yaml": { models: {} }, "tokenizers.yaml": { tokenizers: {} } };

/**
 * Bytes in, configuration out; touches no disk. Every file is read and every rule tried before anything is reported, so
 * that a person mends all mistakes in one go.
 */
export function readProject(options: ReadOptions): ReadProject {
  const complaints: Complaint[] = [];
  const add: Add = (more) => {
    for (const complaint of more) complaints.push(complaint);
  };
  const trees: Trees = new Map(options.files.map((file) => [file.name, open(file, add)]));
  const taskFiles = taskFilesOf(options, add);
  const taskNames = [...taskFiles.keys()];
  const hasTokenizers = trees.has("tokenizers.yaml") || options.complete;
  for (const name of SINGLE_FILES) {
    const at: Place = { kind: "path", path: `${options.shownDir}/${name}` };
    if (!trees.has(name)) trees.set(name, Tree.of(ABSENT[name], at));
  }
  for (const text of options.sets) add(applySet(text, taskNames, trees));

  const dsgenTree = trees.get("dsgen.yaml");
  if (dsgenTree !== undefined) {
    check("dsgen", dsgenSchema, dsgenTree, add, (right, rule) => dsgenRules(right, taskNames, options.shownDir, rule));
  }
  const modelsTree = trees.get("models.yaml");
  const models = modelsTree && check("models", modelsSchema, modelsTree, add);
  const tokenizersTree = trees.get("tokenizers.yaml");
  const tokenizers = tokenizersTree && check("tokenizers", tokenizersSchema, tokenizersTree, add);

  // A rule that is broken in it leaves who answers, and how jobs are looked after, as it is.
  const dsgen = dsgenSchema.safeParse(dsgenTree?.value).data;
  const around = {
    configDir: options.shownDir,
    paths: pathsOf(dsgen?.paths),
    models: models?.right?.models,
    tokenizers: hasTokenizers ? keysOf(tokenizersTree, "tokenizers") : undefined,
  };
  const outputs = new Outputs(taskNames.length > 1 ? around.paths.report : undefined);
  const checked = [...taskFiles].flatMap(([name, file]) => {
    const tree = trees.get(file.name);
    if (tree === undefined) return [];
    const task = readTask(tree, { ...around, name, tree }, add);
    add(outputs.clashes(name, file.shown, tree));
    return task ?? [];
  });

  const problems = toProblems(complaints);
  if (dsgen === undefined) return { settings: undefined, whole: undefined, taskNames, problems };
  const settings: Settings = {
    dsgen: dsgenOf(dsgen, taskNames),
    models: models?.value === undefined ? {} : modelsOf(models.value),
    tasks: [],
  };
  if (problems.length > 0 || tokenizersTree === undefined || tokenizers?.value === undefined) {
    return { settings, whole: undefined, taskNames, problems };
  }
  const placed = Object.entries(tokenizers.value.tokenizers).map(([name, entry]) => [
    name,
    { ...entry, at: shownPlace(tokenizersTree.keyPlace(["tokenizers", name])) },
  ]);
  const whole = { ...settings, tokenizers: Object.fromEntries(placed), tasks: checked };
  return { settings: whole, whole, taskNames, problems };
}

function readTask(tree: Tree, around: Surroundings, add: Add): TaskConfig | undefined {
  const kind = kindOf(tree.value);
  if (kind === undefined) {
    // What else is right or wrong in it hangs on what was meant.
    check("task", z.looseObject({ kind: kindKey }), tree, add);
    return undefined;
  }
  const { value } = check("task", withRules(kind.schema, kind.rules), tree, add, (right, rule) =>
    taskRules(right, around, rule),
  );
  return value === undefined ? undefined : taskOf(value, kind.name, kind.own(value), around.paths);
}

/** The task files by task name, in order of name. */
function taskFilesOf({ files, shownDir, complete }: ReadOptions, add: Add): ReadonlyMap<string, SourceFile> {
  const tasks = new Map<string, SourceFile>();
  for (const file of files) {
    if (!file.name.startsWith(`${TASKS_FOLDER}/`)) continue;
    const name = file.name.slice(TASKS_FOLDER.length + 1).replace(/\.yaml$/, "");
    tasks.set(name, file);
    if (isTaskName(name)) continue;
    const reserved = RESERVED_NAMES.includes(name) ? ", which `--set` takes for a file" : "";
    const message = `a task file must be called <task>.yaml, the task being ${TASK_NAME_WORDS}; found ${JSON.stringify(name)}${reserved}.`;
    add([{ at: { kind: "path", path: file.shown }, message, fix: "Rename the file, and `task_name` in it." }]);
  }
  if (tasks.size === 0 && complete) {
    const folder = `${shownDir}/${TASKS_FOLDER}`;
    const message = "a project must have one or more tasks in this folder; found none.";
    add([{ at: { kind: "path", path: folder }, message, fix: `dsgen new task NAME makes one: ${folder}/NAME.yaml.` }]);
  }
  return tasks;
}

function open(file: SourceFile, add: Add): Tree | undefined {
  const text = textOfBytes(file.shown, file.content);
  if (!text.ok) {
    add([text.error]);
    return undefined;
  }
  const parsed = parseYamlTree(text.value, (line, column): Place => ({ kind: "file", file: file.shown, line, column }));
  add(parsed.complaints);
  return parsed.tree;
}

function applySet(text: string, taskNames: readonly string[], trees: Trees): readonly Complaint[] {
  const override = parseOverride(text, taskNames);
  if (!override.ok) return override.error;
  const { file, segments, value, at } = override.value;
  // A file that cannot be read has been complained of; what is set in it cannot be judged.
  const fault = trees.get(file)?.set(segments, value, at);
  return fault === undefined ? [] : [fault];
}

/** The names that a file's map has, right or wrong; undefined when it cannot be read. */
function keysOf(tree: Tree | undefined, key: string): readonly string[] | undefined {
  const value = tree?.value;
  const map = isJsonObject(value) ? value[key] : undefined;
  return isJsonObject(map) ? Object.keys(map) : undefined;
}
