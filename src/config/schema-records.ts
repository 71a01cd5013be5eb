import type { z } from "zod";
import { canonicalJson, isJsonObject } from "../graph/json.ts";
import type { Kind, RowConfig } from "./kinds.ts";
import { oneLine, type Path } from "./place.ts";
import { namedOnce, type Rule } from "./rules.ts";
import { PAIR_DEFAULTS } from "./schema-pairs.ts";
import type { Parts } from "./schema-task.ts";
import { meant } from "./words.ts";

/** A task file of `kind: records`. */
export const recordsSchema = (parts: Parts) => {
  const { z, key } = parts;
  return z.strictObject({
    ...parts.named,
    kind: z.literal("records"),
    ...parts.asked,
    ...parts.amounts,
    fields: key(
      z.array(parts.word()).min(1),
      "The fields of a record, each a text (`kind: records`).",
      [["question", "answer"]],
      { "x-default": "required with `kind: records`" },
    ),
    rows: key(
      z
        .array(parts.anyMap().meta({ "x-expected": "a map of keys and values" }))
        .min(1)
        .optional(),
      "The rows of a record, as maps (`kind: records`). `{field}`, `{record_id}` and `{task}` inside a text stand for their values; `{{` and `}}` are braces.",
      [[{ id: "{record_id}", text: "{question}" }]],
      { "x-default": "one row of record_id, task and every field" },
    ),
    ...parts.prompt,
    ...parts.judged,
    ...parts.buying,
    ...parts.limits,
  });
};

export type RecordsTask = z.output<ReturnType<typeof recordsSchema>>;

/** A record's identity and task are in every row beside its fields. */
const RESERVED_FIELDS = ["record_id", "task"];

export const records: Kind<RecordsTask> = {
  name: "records",
  all: "all",
  ofTokens: false,
  needs: [],
  whose: "`fields`",
  keys({ fields }) {
    const names = fields?.flatMap((name) => name ?? []);
    return names?.length === fields?.length ? names : undefined;
  },
  rules(task, rule) {
    const keys = records.keys(task);
    if (keys === undefined) return;
    keys.forEach((name, index) => {
      if (!RESERVED_FIELDS.includes(name)) return;
      const message = `must be a name other than ${RESERVED_FIELDS.join(" and ")}, which every record has; found ${name}.`;
      rule.report(["fields", index], message, "Rename it.");
    });
    const free = keys.map((name) => (RESERVED_FIELDS.includes(name) ? undefined : name));
    namedOnce("fields", free, "field", rule);
    rowRules(task.rows, ["rows"], [...RESERVED_FIELDS, ...keys], rule);
  },
  own({ fields, rows }) {
    const plain = {
      record_id: "{record_id}",
      task: "{task}",
      ...Object.fromEntries(fields.map((name) => [name, `{${name}}`])),
    };
    return {
      pair: PAIR_DEFAULTS,
      fields,
      rows: (rows ?? [plain]).map(
        (row): RowConfig => Object.entries(row).map(([name, value]) => [name, JSON.parse(canonicalJson(value))]),
      ),
      templates: {},
      template_order: [],
      tokenizers: [],
    };
  },
};

/** `{name}` in a text; `{{` and `}}` are braces. */
const PLACEHOLDER = /\{\{|\}\}|\{([^{}]*)\}/g;

/** Texts name in braces only what a record has. */
function rowRules(value: unknown, path: Path, known: readonly string[], rule: Rule): void {
  if (typeof value === "string") {
    const names = [...value.matchAll(PLACEHOLDER)].map(([, name]) => name);
    const stranger = names.find((name) => name !== undefined && !known.includes(name));
    if (stranger === undefined) return;
    const fix = meant(stranger, known, "Write {{ and }} for plain braces.", "{}");
    rule.report(path, `must name in braces only ${known.join(", ")}; found {${oneLine(stranger, 40)}}.`, fix);
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) rowRules(item, [...path, index], known, rule);
  } else if (isJsonObject(value)) {
    for (const [name, item] of Object.entries(value)) rowRules(item, [...path, name], known, rule);
  }
}
