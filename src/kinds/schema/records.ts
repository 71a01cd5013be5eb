import type { KindSchema } from "../../config/kind-schema.ts";
import { oneLine, type Path } from "../../config/place.ts";
import { namedOnce, type Rule } from "../../config/rules.ts";
import { promptedRules } from "../../config/rules-task.ts";
import { anyMap, key, word, z } from "../../config/schema-parts.ts";
import { amounts, asked, buying, judged, limits, named, prompt } from "../../config/schema-task.ts";
import { promptedOf, type RowConfig } from "../../config/task-config.ts";
import { meant } from "../../config/words.ts";
import { canonicalJson, isJsonObject } from "../../graph/json.ts";

const schema = z.strictObject({
  ...named(z.literal("records")),
  ...asked,
  ...amounts,
  fields: key(
    z.array(word()).min(1),
    "The fields of a record, each a text (`kind: records`).",
    [["question", "answer"]],
    { "x-default": "required with `kind: records`" },
  ),
  rows: key(
    z
      .array(anyMap().meta({ "x-expected": "a map of keys and values" }))
      .min(1)
      .optional(),
    "The rows of a record, as maps (`kind: records`). `{field}`, `{record_id}` and `{task}` inside a text stand for their values; `{{` and `}}` are braces.",
    [[{ id: "{record_id}", text: "{question}" }]],
    { "x-default": "with `kind: records`, one row of record_id, task and every field" },
  ),
  ...prompt,
  ...judged,
  ...buying,
  ...limits,
});

/** A record's identity and task are in every row beside its fields. */
const RESERVED_FIELDS = ["record_id", "task"];

const SETTING = { name: "records", all: "all", ofTokens: false, needs: [], whose: "`fields`" };

export const records: KindSchema<z.output<typeof schema>> = {
  name: "records",
  about: "entries of named text fields",
  schema,
  rules(task, rule) {
    const names = task.fields?.flatMap((name) => name ?? []);
    const keys = names?.length === task.fields?.length ? names : undefined;
    promptedRules(task, keys, SETTING, rule);
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
  own(task) {
    const { fields, rows } = task;
    const plain = {
      record_id: "{record_id}",
      task: "{task}",
      ...Object.fromEntries(fields.map((name) => [name, `{${name}}`])),
    };
    return {
      ...promptedOf(task, fields),
      fields,
      rows: (rows ?? [plain]).map(
        (row): RowConfig => Object.entries(row).map(([name, value]) => [name, JSON.parse(canonicalJson(value))]),
      ),
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
