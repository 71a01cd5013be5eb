import { projectPath } from "../graph/names.ts";
import { knownKeys, schemaAt } from "./json-schema.ts";
import {
  type Complaint,
  keyPlace,
  type Located,
  nodeAt,
  oneLine,
  plain,
  type Step,
  shownPath,
  textAt,
} from "./located.ts";
import { nearestWord } from "./nearest.ts";
import type { TaskConfig } from "./project-config.ts";
import { CHECK_NAMES, CHECK_PARAMS, type CheckName, checkJsonSchema, isCheckName } from "./schema-checks.ts";
import { exampleOf, expectedWords, foundWords, inlineYaml } from "./words.ts";

/*
 * A task's checks: which there are, their parameters, and what these must satisfy together. Like the other rules they pass
 * over what the schema already complains of.
 */

/** Every field at once, under the word for it that the kind of entry uses. */
const ALL_FIELDS = { pairs: "both", records: "all", embeddings: "all" } as const;

/** @param keys the keys of an entry, or undefined where they are not right */
export function checkComplaints(
  tree: Located,
  kind: TaskConfig["kind"],
  keys: readonly string[] | undefined,
): readonly Complaint[] {
  const list = nodeAt(tree, ["checks"]);
  if (list?.kind !== "list") return [];
  return list.items.flatMap((item, index): readonly Complaint[] => {
    const path = ["checks", index];
    const written = item.kind === "map" ? textAt(item, ["check"]) : textAt(list, [index]);
    if (written === undefined || written.text.trim() === "") return [];
    if (!isCheckName(written.text)) {
      const near = nearestWord(written.text, CHECK_NAMES);
      return [
        {
          at: written.at,
          message: `\`${shownPath(item.kind === "map" ? [...path, "check"] : path)}\` must be one of ${CHECK_NAMES.join(", ")}; found ${oneLine(written.text, 60)}.`,
          fix: near === undefined ? "Choose one; docs/checks.md says what each does." : `Did you mean \`${near}\`?`,
        },
      ];
    }
    const shape = shapeComplaints(tree, path, written.text);
    return shape.length > 0 ? shape : meaningComplaints(tree, path, written.text, kind, keys);
  });
}

/** Unknown, missing and wrong parameters. */
function shapeComplaints(tree: Located, path: readonly Step[], name: CheckName): readonly Complaint[] {
  const item = nodeAt(tree, path);
  if (item === undefined) return [];
  const parsed = CHECK_PARAMS[name].safeParse(paramsOf(item));
  if (parsed.success) return [];
  const schema = checkJsonSchema(name);
  const known = knownKeys(schema);
  return parsed.error.issues.flatMap((issue): readonly Complaint[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => {
        const near = nearestWord(key, known);
        return {
          at: keyPlace(tree, path, key),
          message: `\`${shownPath(path)}\` must have only the parameters of the check ${name} (${known.join(", ") || "it has none"}); found ${oneLine(key, 60)}.`,
          fix: near === undefined ? "Remove it." : `Did you mean \`${near}\`?`,
        };
      });
    }
    const step = String(issue.path[0]);
    const node = nodeAt(tree, [...path, step]);
    const wanted = schemaAt(schema, [step]) ?? {};
    const example = exampleOf(wanted);
    const fix = example === undefined ? "Correct it." : `Write for example \`${step}: ${inlineYaml(example)}\`.`;
    return [
      {
        at: node?.at ?? item.at,
        message: `\`${shownPath([...path, step])}\` must be ${expectedWords(wanted)}; found ${foundWords(node)}.`,
        fix,
      },
    ];
  });
}

function paramsOf(item: Located): unknown {
  if (item.kind !== "map") return {};
  return Object.fromEntries(
    [...item.entries].flatMap(([key, { value }]) => (key === "check" ? [] : [[key, plain(value)]])),
  );
}

/** What parameters of the right shape must still satisfy. */
function meaningComplaints(
  tree: Located,
  path: readonly Step[],
  name: CheckName,
  kind: TaskConfig["kind"],
  keys: readonly string[] | undefined,
): readonly Complaint[] {
  const item = nodeAt(tree, path);
  const here = item?.at ?? tree.at;
  const shown = shownPath(path);
  switch (name) {
    case "equal-token-count":
    case "one-token-difference":
      if (kind === "pairs") return [];
      return [
        {
          at: here,
          message: `\`${shown}\` must be a check of single texts in a task of \`kind: ${kind}\`; found ${name}, which compares the tokens of a pair.`,
          fix: "Remove it, or choose among length, regex, distinct-texts, schema and module.",
        },
      ];
    case "length": {
      const min = item === undefined ? undefined : numberOf(item, "min");
      const max = item === undefined ? undefined : numberOf(item, "max");
      const field = fieldComplaints(tree, path, kind, keys);
      if (min === undefined && max === undefined) {
        return [
          ...field,
          {
            at: here,
            message: `\`${shown}\` must have min, max or both; found neither.`,
            fix: "Write for example `{ check: length, max: 200 }`.",
          },
        ];
      }
      if (min === undefined || max === undefined || min <= max) return field;
      return [
        ...field,
        {
          at: keyPlace(tree, path, "min"),
          message: `\`${shown}.min\` must be at most \`max\` (${max}); found ${min}.`,
          fix: "Swap them.",
        },
      ];
    }
    case "regex": {
      const fault = regexFault(textAt(tree, [...path, "pattern"])?.text, textAt(tree, [...path, "flags"])?.text);
      const field = fieldComplaints(tree, path, kind, keys);
      if (fault === undefined) return field;
      return [
        ...field,
        {
          at: nodeAt(tree, [...path, fault.key])?.at ?? here,
          message: `\`${shown}.${fault.key}\` must be ${fault.wanted}; found that ${oneLine(fault.found, 120)}.`,
          fix: "Correct it; docs/checks.md has examples.",
        },
      ];
    }
    case "module": {
      const written = textAt(tree, [...path, "path"]);
      const inside = written === undefined ? undefined : projectPath(written.text);
      if (written === undefined || inside === undefined || inside.ok) return [];
      return [
        {
          at: written.at,
          message: `\`${shown}.path\` must be a path inside the project; found ${JSON.stringify(written.text)}: ${inside.error}.`,
          fix: "Write for example `path: targets/checks/rhymes.ts`.",
        },
      ];
    }
    case "schema":
      if (nodeAt(tree, ["response_schema"]) !== undefined) return [];
      return [
        {
          at: here,
          message: `\`${shown}\` must go with \`response_schema\`, which it holds entries to; found none.`,
          fix: "Add `response_schema`, or remove the check.",
        },
      ];
    case "distinct-texts":
      return [];
  }
}

function fieldComplaints(
  tree: Located,
  path: readonly Step[],
  kind: TaskConfig["kind"],
  keys: readonly string[] | undefined,
): readonly Complaint[] {
  const written = textAt(tree, [...path, "field"]);
  if (written === undefined || keys === undefined) return [];
  const known = [...keys, ALL_FIELDS[kind]];
  if (known.includes(written.text)) return [];
  const near = nearestWord(written.text, known);
  return [
    {
      at: written.at,
      message: `\`${shownPath(path)}.field\` must be one of ${known.join(", ")}; found ${oneLine(written.text, 60)}.`,
      fix: near === undefined ? "Choose another, or leave it out for all." : `Did you mean \`${near}\`?`,
    },
  ];
}

function numberOf(item: Located, key: string): number | undefined {
  const node = nodeAt(item, [key]);
  return node?.kind === "scalar" && typeof node.value === "number" ? node.value : undefined;
}

interface RegexFault {
  readonly key: "pattern" | "flags";
  readonly wanted: string;
  readonly found: string;
}

function regexFault(pattern: string | undefined, flags = "u"): RegexFault | undefined {
  const words = (error: unknown) => (error instanceof Error ? error.message : String(error));
  if (/[gy]/.test(flags)) {
    return { key: "flags", wanted: "flags of a single match", found: "g and y make a match depend on the one before" };
  }
  try {
    new RegExp("", flags);
  } catch (error) {
    return { key: "flags", wanted: "flags of a JavaScript regular expression", found: words(error) };
  }
  try {
    new RegExp(pattern ?? "", flags);
    return undefined;
  } catch (error) {
    return { key: "pattern", wanted: "a JavaScript regular expression, without slashes", found: words(error) };
  }
}
