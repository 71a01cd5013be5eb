import type { z } from "zod";
import type { Problem } from "../graph/problem.ts";
import { textOfBytes } from "./config-bytes.ts";
import { TASKS_FOLDER } from "./config-files.ts";
import type { ConfigKind } from "./json-schema.ts";
import { type Complaint, keyPlace, type Located, type Place, shownPlace, toProblems } from "./located.ts";
import { dsgenOf, modelsOf, taskOf, tokenizerOf } from "./normalise.ts";
import { applyOverride, type Override, parseOverride } from "./overrides.ts";
import type { ProjectConfig, Settings } from "./project-config.ts";
import { isOfUnknownKind } from "./rules-entries.ts";
import {
  dsgenComplaints,
  type NamedTree,
  outputClashes,
  priceComplaints,
  tokenizerSourceComplaints,
} from "./rules-project.ts";
import { samplingComplaints } from "./rules-sampling.ts";
import { taskComplaints } from "./rules-task.ts";
import { dsgenSchema } from "./schema-dsgen.ts";
import { modelsSchema } from "./schema-models.ts";
import { isTaskName, RESERVED_NAMES, TASK_NAME_WORDS, taskSchema } from "./schema-task.ts";
import { tokenizersSchema } from "./schema-tokenizers.ts";
import { validateShape } from "./validate.ts";
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

/** One file on its way through: absent from disk, unreadable, or a tree. */
type Document = {
  readonly file: SourceFile | undefined;
  /** Undefined when there is no such file, or nothing can be made of it. */
  tree: Located | undefined;
  readonly broken: boolean;
};

/**
 * Bytes in, configuration out; touches no disk. Every file is read and every rule tried before anything is reported, so
 * that a person mends all mistakes in one go.
 */
export function readProject(options: ReadOptions): ReadProject {
  const complaints: Complaint[] = [];
  const single = (name: string): Document =>
    open(
      options.files.find((file) => file.name === name),
      complaints,
    );
  const dsgen = single("dsgen.yaml");
  const models = single("models.yaml");
  const tokenizers = single("tokenizers.yaml");
  const tasks = openTasks(options, complaints);

  applySets(options, { dsgen, models, tokenizers, tasks }, complaints);

  const taskNames = [...tasks.keys()];
  const dsgenTree = tree(dsgen, `${options.shownDir}/dsgen.yaml`);
  const checkedDsgen = check("dsgen", dsgenSchema, dsgenTree, complaints);
  if (dsgenTree !== undefined) add(complaints, dsgenComplaints(dsgenTree, taskNames));

  const checkedModels =
    models.tree === undefined ? { models: {} } : check("models", modelsSchema, models.tree, complaints);

  const checkedTokenizers =
    tokenizers.tree === undefined
      ? { tokenizers: {} }
      : check("tokenizers", tokenizersSchema, tokenizers.tree, complaints);
  if (tokenizers.tree !== undefined) add(complaints, tokenizerSourceComplaints(tokenizers.tree));

  const known = tokenizerNames(tokenizers, options.complete);
  const checkedTasks = [...tasks].map(([name, document]) => {
    if (document.tree === undefined) return undefined;
    if (isOfUnknownKind(document.tree)) {
      const all: Complaint[] = [];
      check("task", taskSchema, document.tree, all);
      add(
        complaints,
        all.filter(({ message }) => message.startsWith("`kind`")),
      );
      return undefined;
    }
    const checked = check("task", taskSchema, document.tree, complaints);
    add(complaints, taskComplaints(name, document.tree, known, options.shownDir));
    add(complaints, priceComplaints(document.tree, models.tree));
    add(complaints, samplingComplaints(document.tree, models.tree));
    return checked;
  });
  add(
    complaints,
    outputClashes(
      [...tasks].flatMap(([name, document]): readonly NamedTree[] =>
        document.tree === undefined ? [] : [{ name, tree: document.tree, path: document.file?.shown ?? name }],
      ),
    ),
  );

  const problems = toProblems(complaints);
  if (checkedDsgen === undefined) return { settings: undefined, whole: undefined, taskNames, problems };
  const settings = { dsgen: dsgenOf(checkedDsgen, taskNames), models: modelsOf(checkedModels), tasks: [] };
  if (problems.length > 0 || checkedModels === undefined || checkedTokenizers === undefined) {
    return { settings, whole: undefined, taskNames, problems };
  }
  const whole = {
    ...settings,
    tokenizers: Object.fromEntries(
      Object.entries(checkedTokenizers.tokenizers).map(([name, written]) => [
        name,
        tokenizerOf(written, placeOfTokenizer(tokenizers, name)),
      ]),
    ),
    tasks: checkedTasks.filter((task) => task !== undefined).map(taskOf),
  };
  return { settings: whole, whole, taskNames, problems };
}

/** A file made to hurt has more complaints than a call takes arguments. */
function add(complaints: Complaint[], more: Iterable<Complaint>): void {
  for (const complaint of more) complaints.push(complaint);
}

function placeOfTokenizer(document: Document, name: string): string {
  const tree = document.tree;
  return tree === undefined ? name : shownPlace(keyPlace(tree, ["tokenizers"], name));
}

/** The task files by task name, in order of name. */
function openTasks(options: ReadOptions, complaints: Complaint[]): ReadonlyMap<string, Document> {
  const tasks = new Map<string, Document>();
  for (const file of options.files) {
    if (!file.name.startsWith(`${TASKS_FOLDER}/`)) continue;
    const name = file.name.slice(TASKS_FOLDER.length + 1).replace(/\.yaml$/, "");
    const document = open(file, complaints);
    if (!isTaskName(name)) {
      const reserved = RESERVED_NAMES.includes(name);
      complaints.push({
        at: { kind: "path", path: file.shown },
        message: `a task file must be called <task>.yaml, the task being ${TASK_NAME_WORDS}; found ${JSON.stringify(name)}${reserved ? ", which `--set` takes for a file" : ""}.`,
        fix: "Rename the file, and `task_name` in it.",
      });
    }
    tasks.set(name, document);
  }
  if (tasks.size === 0 && options.complete) {
    complaints.push({
      at: { kind: "path", path: `${options.shownDir}/${TASKS_FOLDER}` },
      message: "a project must have one or more tasks in this folder; found none.",
      fix: `Write ${options.shownDir}/${TASKS_FOLDER}/<task>.yaml.`,
    });
  }
  return tasks;
}

function open(file: SourceFile | undefined, complaints: Complaint[]): Document {
  if (file === undefined) return { file, tree: undefined, broken: false };
  const text = textOfBytes(file.shown, file.content);
  if (!text.ok) {
    complaints.push(text.error);
    return { file, tree: undefined, broken: true };
  }
  const parsed = parseYamlTree(text.value, (line, column): Place => ({ kind: "file", file: file.shown, line, column }));
  add(complaints, parsed.complaints);
  return { file, tree: parsed.tree, broken: parsed.tree === undefined };
}

/** A file's tree; every key of dsgen.yaml has a default, so its absence is an empty map. */
function tree(document: Document, shown: string): Located | undefined {
  if (document.tree !== undefined || document.broken) return document.tree;
  return { kind: "map", entries: new Map(), at: { kind: "path", path: shown } };
}

function applySets(
  options: ReadOptions,
  documents: {
    readonly dsgen: Document;
    readonly models: Document;
    readonly tokenizers: Document;
    readonly tasks: ReadonlyMap<string, Document>;
  },
  complaints: Complaint[],
): void {
  for (const text of options.sets) {
    const override = parseOverride(text, [...documents.tasks.keys()]);
    if (!override.ok) {
      add(complaints, override.error);
      continue;
    }
    const document = documentFor(override.value, documents);
    // A file that cannot be read has been complained of; what is set in it cannot be judged.
    if (document === undefined || document.broken) continue;
    const applied = applyOverride(document.tree, override.value);
    if (applied.ok) document.tree = applied.value;
    else complaints.push(applied.error);
  }
}

function documentFor(override: Override, documents: Parameters<typeof applySets>[1]): Document | undefined {
  const { document } = override;
  switch (document.kind) {
    case "dsgen":
      return documents.dsgen;
    case "models":
      return documents.models;
    case "tokenizers":
      return documents.tokenizers;
    case "task":
      return documents.tasks.get(document.name);
  }
}

function check<S extends z.ZodType>(
  kind: ConfigKind,
  schema: S,
  from: Located | undefined,
  complaints: Complaint[],
): z.output<S> | undefined {
  if (from === undefined) return undefined;
  const checked = validateShape(kind, schema, from);
  // A value that could not be read stands as nothing in the tree; that "nothing" is not a second mistake. It has the very
  // place object of the complaint about it.
  const known = new Set(complaints.map((complaint) => complaint.at));
  add(
    complaints,
    checked.complaints.filter((complaint) => !known.has(complaint.at)),
  );
  return checked.value;
}

/** The names a task may use; undefined when tokenizers.yaml is there and cannot be read. */
function tokenizerNames(document: Document, complete: boolean): readonly string[] | undefined {
  if (document.broken || (document.tree === undefined && !complete)) return undefined;
  const root = document.tree;
  if (root === undefined) return [];
  const all = root.kind === "map" ? root.entries.get("tokenizers")?.value : undefined;
  return all?.kind === "map" ? [...all.entries.keys()] : undefined;
}
