import { foldedPath, projectPath, targetName } from "../graph/names.ts";
import {
  type Complaint,
  keyPlace,
  type Located,
  nodeAt,
  numberAt,
  type Place,
  type Step,
  shownPlace,
  textAt,
} from "./located.ts";
import { nearestWord } from "./nearest.ts";
import { checkComplaints } from "./rules-checks.ts";
import { entryComplaints, kindOf } from "./rules-entries.ts";
import { inputComplaints } from "./rules-inputs.ts";
import { EMBEDDED_FIELDS, PAIR_KEY } from "./schema-entries.ts";
import { isTaskName, PAIR_DEFAULTS } from "./schema-task.ts";
import { foundWords } from "./words.ts";

/*
 * What a task must satisfy beyond the shape of its keys. These rules read the tree as written and pass over what the
 * schema already complains of, so that one run reports everything.
 */

/** Folders that the pipeline's own files lie in. */
const PIPELINE_FOLDERS = ["requests", "batch_outputs", "validated", "pilot"];

/**
 * @param name the task's name as its file gives it
 * @param knownTokenizers the names in tokenizers.yaml, or undefined when that file could not be read
 * @param configDir the config folder, from the project root
 */
export function taskComplaints(
  name: string,
  tree: Located,
  knownTokenizers: readonly string[] | undefined,
  configDir: string,
): readonly Complaint[] {
  return [
    ...nameComplaints(name, tree),
    ...pairComplaints(tree),
    ...entryComplaints(tree, entryKeys(tree)),
    ...inputComplaints(tree),
    ...exampleComplaints(tree),
    ...templateComplaints(tree),
    ...tokenizerComplaints(tree, knownTokenizers),
    ...checkComplaints(tree, kindOf(tree), entryKeys(tree)),
    ...batchComplaints(tree),
    ...outputComplaints(tree, configDir),
  ];
}

function nameComplaints(name: string, tree: Located): readonly Complaint[] {
  const given = textAt(tree, ["task_name"]);
  // A name that breaks the rule of names, here or on the file, is complained of elsewhere.
  if (given === undefined || given.text === name || !isTaskName(given.text) || !isTaskName(name)) return [];
  return [
    {
      at: given.at,
      message: `\`task_name\` must be the file's name, ${name}; found ${given.text}.`,
      fix: `Write \`task_name: ${name}\`, or rename the file to ${given.text}.yaml.`,
    },
  ];
}

/** The pair's keys as far as they are right; undefined where the schema complains. */
function pairKeys(tree: Located): readonly [string, string] | undefined {
  const key = (which: "first" | "second"): string | undefined =>
    nodeAt(tree, ["pair", which]) === undefined ? PAIR_DEFAULTS[which] : textAt(tree, ["pair", which])?.text;
  const first = key("first");
  const second = key("second");
  if (first === undefined || second === undefined || !PAIR_KEY.test(first) || !PAIR_KEY.test(second)) return undefined;
  return [first, second];
}

/** The keys of an entry, as far as they are right. */
function entryKeys(tree: Located): readonly string[] | undefined {
  const kind = kindOf(tree);
  if (kind === "pairs") return pairKeys(tree);
  if (kind === "embeddings") return EMBEDDED_FIELDS;
  const list = nodeAt(tree, ["fields"]);
  if (list?.kind !== "list") return undefined;
  const names = list.items.flatMap((_, index) => textAt(list, [index])?.text ?? []);
  return names.length === list.items.length && names.every((name) => PAIR_KEY.test(name)) ? names : undefined;
}

function pairComplaints(tree: Located): readonly Complaint[] {
  const keys = pairKeys(tree);
  if (keys === undefined || keys[0] !== keys[1]) return [];
  return [
    {
      at: nodeAt(tree, ["pair"])?.at ?? tree.at,
      message: `\`pair.first\` and \`pair.second\` must be two different keys; found ${keys[0]} for both.`,
      fix: "Rename one of them.",
    },
  ];
}

function exampleComplaints(tree: Located): readonly Complaint[] {
  const keys = entryKeys(tree);
  const whose = kindOf(tree) === "pairs" ? "`pair`" : "`fields`";
  const examples = nodeAt(tree, ["examples"]);
  if (keys === undefined || examples?.kind !== "list") return [];
  return examples.items.flatMap((example, index): readonly Complaint[] => {
    if (example.kind !== "map") return [];
    const missing = keys.filter((key) => !example.entries.has(key));
    const extra = [...example.entries.keys()].filter((key) => !keys.includes(key));
    if (missing.length === 0 && extra.length === 0) return [];
    const stranger = extra[0];
    return [
      {
        at: stranger === undefined ? example.at : keyPlace(tree, ["examples", index], stranger),
        message: `\`examples[${index}]\` must have exactly the keys of ${whose}, ${listed(keys)}; found ${foundWords(example)}.`,
        fix: missing.length > 0 ? `Add ${missing.join(" and ")}.` : `Remove ${extra.join(" and ")}.`,
      },
    ];
  });
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function templateComplaints(tree: Located): readonly Complaint[] {
  const templates = nodeAt(tree, ["templates"]);
  if (templates?.kind !== "map" || templates.entries.size > 0) return [];
  return [
    {
      at: templates.at,
      message: "`templates` must have one or more templates; found an empty map.",
      fix: 'Add one, for example `plain: { prefix: "", suffix: "" }`.',
    },
  ];
}

function tokenizerComplaints(tree: Located, known: readonly string[] | undefined): readonly Complaint[] {
  const list = nodeAt(tree, ["tokenizers"]);
  if (list?.kind !== "list") return [];
  const seen = new Set<string>();
  return list.items.flatMap((item, index): readonly Complaint[] => {
    const name = textAt(list, [index]);
    if (name === undefined) return [];
    if (seen.has(name.text)) {
      return [
        {
          at: item.at,
          message: `\`tokenizers\` must name each tokenizer once; found ${name.text} again.`,
          fix: "Remove one of the two.",
        },
      ];
    }
    seen.add(name.text);
    if (known === undefined || known.includes(name.text) || name.text.trim() === "") return [];
    const near = nearestWord(name.text, known);
    return [
      {
        at: item.at,
        message: `\`tokenizers[${index}]\` must be a name in tokenizers.yaml (${known.length === 0 ? "which has none" : known.join(", ")}); found ${name.text}.`,
        fix:
          near === undefined ? `Add ${name.text} to tokenizers.yaml, or choose another.` : `Did you mean \`${near}\`?`,
      },
    ];
  });
}

function batchComplaints(tree: Located): readonly Complaint[] {
  const batches = numberAt(tree, ["batches"]);
  const most = numberAt(tree, ["max_batches"]);
  const pilot = numberAt(tree, ["pilot_batches"]);
  const complaints: Complaint[] = [];
  if (batches !== undefined && most !== undefined && most.number < batches.number) {
    complaints.push({
      at: most.at,
      message: `\`max_batches\` must be at least \`batches\` (${batches.number}); found ${most.number}.`,
      fix: "Raise max_batches, lower batches, or leave max_batches out.",
    });
  }
  const allowed = most ?? batches;
  if (allowed !== undefined && pilot !== undefined && pilot.number > allowed.number) {
    complaints.push({
      at: pilot.at,
      message: `\`pilot_batches\` must be at most \`${most === undefined ? "batches" : "max_batches"}\` (${allowed.number}); found ${pilot.number}.`,
      fix: "Lower pilot_batches.",
    });
  }
  return complaints;
}

function outputComplaints(tree: Located, configDir: string): readonly Complaint[] {
  const output = textAt(tree, ["output"]);
  if (output === undefined) return [];
  const complaint = (found: string): readonly Complaint[] => [
    {
      at: output.at,
      message: `\`output\` must be a path inside the project that ends in .jsonl; found ${JSON.stringify(output.text)}: ${found}.`,
      fix: "Write for example `output: dataset.jsonl`.",
    },
  ];
  const path = targetName(output.text);
  if (!path.ok) return complaint(path.error);
  if (!/[^/]\.jsonl$/.test(path.value)) return complaint("it ends otherwise");
  const folded = foldedPath(path.value);
  const folder = [...PIPELINE_FOLDERS, configDir].find((one) => folded.startsWith(`${foldedPath(one)}/`));
  if (folder !== undefined) {
    return complaint(`${folder}/ holds ${folder === configDir ? "the configuration" : "the pipeline's own files"}`);
  }
  const input = inputFiles(tree).find(({ text }) => foldedPath(text) === folded);
  return input === undefined ? [] : complaint(`the task reads that file (${shownPlace(input.at)})`);
}

/** Every file that the task names as an input of its own; patterns are tried when they are matched. */
function inputFiles(tree: Located): readonly { readonly text: string; readonly at: Place }[] {
  const axes = nodeAt(tree, ["axes"]);
  const given = nodeAt(tree, ["requests_from"]);
  const paths: readonly (readonly Step[])[] = [
    ["inputs", "file"],
    ["requests_from"],
    ...(given?.kind === "list" ? given.items.map((_, index) => ["requests_from", index]) : []),
    ...(axes?.kind === "map" ? [...axes.entries.keys()].map((axis) => ["axes", axis, "file"]) : []),
  ];
  return paths.flatMap((path) => {
    const written = textAt(tree, path);
    const checked = written === undefined ? undefined : projectPath(written.text);
    return written !== undefined && checked?.ok === true ? [{ text: checked.value, at: written.at }] : [];
  });
}
