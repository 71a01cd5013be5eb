import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { projectPath } from "../graph/names.ts";
import { entrySchema } from "./entry-schema.ts";
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
import { KEYS_OF_KIND, PROMPT_KEYS } from "./schema-task.ts";

/*
 * The rules of what an entry is and of what makes requests differ: kinds, fields, rows, axes, schemas. Like the other
 * rules they pass over what the schema already complains of.
 */

/** Combinations beyond which nobody asks, and numbers stop being exact. */
const MOST_COMBINATIONS = 1_000_000_000;

/** @param keys the keys of an entry: a pair's two, or a record's fields; undefined where they are not right */
export function entryComplaints(tree: Located, keys: readonly string[] | undefined): readonly Complaint[] {
  return [
    ...kindComplaints(tree),
    ...fieldComplaints(tree, keys),
    ...rowComplaints(tree, keys),
    ...dedupeComplaints(tree, keys),
    ...axisComplaints(tree),
    ...schemaComplaints(tree, keys),
    ...sourceComplaints(tree),
  ];
}

/** The task's kind as written, or the default. */
export function kindOf(tree: Located): TaskConfig["kind"] {
  const kind = textAt(tree, ["kind"])?.text;
  return kind === "records" || kind === "embeddings" ? kind : "pairs";
}

const KINDS: readonly TaskConfig["kind"][] = ["pairs", "records", "embeddings"];

/** Whether a task says a kind that there is not: what else is right or wrong in it hangs on what was meant. */
export function isOfUnknownKind(tree: Located): boolean {
  const kind = nodeAt(tree, ["kind"]);
  return kind !== undefined && !KINDS.some((known) => known === plain(kind));
}

function kindComplaints(tree: Located): readonly Complaint[] {
  const kind = kindOf(tree);
  return KINDS.filter((other) => other !== kind).flatMap((other) =>
    KEYS_OF_KIND[other].flatMap((key): readonly Complaint[] =>
      nodeAt(tree, [key]) === undefined
        ? []
        : [
            {
              at: keyPlace(tree, [], key),
              message: `\`${key}\` must be given with \`kind: ${other}\` only; found it in a task of ${kind}.`,
              fix: kind === "pairs" ? `Remove it, or add \`kind: ${other}\`.` : "Remove it.",
            },
          ],
    ),
  );
}

/** A record's identity and task are in every row beside its fields. */
const RESERVED_FIELDS = ["record_id", "task"];

function fieldComplaints(tree: Located, keys: readonly string[] | undefined): readonly Complaint[] {
  const list = nodeAt(tree, ["fields"]);
  if (list?.kind !== "list" || keys === undefined) return [];
  const seen = new Set<string>();
  return list.items.flatMap((item, index): readonly Complaint[] => {
    const name = textAt(list, [index])?.text;
    if (name === undefined) return [];
    if (RESERVED_FIELDS.includes(name)) {
      return [
        {
          at: item.at,
          message: `\`fields[${index}]\` must be a name other than ${RESERVED_FIELDS.join(" and ")}, which every record has; found ${name}.`,
          fix: "Rename it.",
        },
      ];
    }
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [
      {
        at: item.at,
        message: `\`fields\` must name each field once; found ${name} again.`,
        fix: "Remove one of the two.",
      },
    ];
  });
}

/** `{name}` in a text; `{{` and `}}` are braces. */
const PLACEHOLDER = /\{\{|\}\}|\{([^{}]*)\}/g;

function rowComplaints(tree: Located, keys: readonly string[] | undefined): readonly Complaint[] {
  const rows = nodeAt(tree, ["rows"]);
  if (rows?.kind !== "list" || keys === undefined) return [];
  const known = [...RESERVED_FIELDS, ...keys];
  const look = (node: Located, path: readonly Step[]): readonly Complaint[] => {
    switch (node.kind) {
      case "list":
        return node.items.flatMap((item, index) => look(item, [...path, index]));
      case "map":
        return [...node.entries].flatMap(([key, entry]) => look(entry.value, [...path, key]));
      case "scalar": {
        if (typeof node.value !== "string") return [];
        const strangers = [...node.value.matchAll(PLACEHOLDER)].flatMap(([, name]) =>
          name === undefined || known.includes(name) ? [] : [name],
        );
        return strangers.slice(0, 1).map((name) => {
          const near = nearestWord(name, known);
          return {
            at: node.at,
            message: `\`${shownPath(path)}\` must name in braces only ${known.join(", ")}; found {${oneLine(name, 40)}}.`,
            fix: near === undefined ? "Write {{ and }} for plain braces." : `Did you mean {${near}}?`,
          };
        });
      }
    }
  };
  return look(rows, ["rows"]);
}

function dedupeComplaints(tree: Located, keys: readonly string[] | undefined): readonly Complaint[] {
  const complaints: Complaint[] = [];
  const by = textAt(tree, ["dedupe", "by"])?.text ?? "exact";
  if (by !== "near" && nodeAt(tree, ["dedupe", "threshold"]) !== undefined) {
    complaints.push({
      at: keyPlace(tree, ["dedupe"], "threshold"),
      message: `\`dedupe.threshold\` must be given with \`by: near\` only; found it with \`by: ${by}\`.`,
      fix: "Remove it, or write `by: near`.",
    });
  }
  const list = nodeAt(tree, ["dedupe", "fields"]);
  if (list?.kind !== "list" || keys === undefined) return complaints;
  list.items.forEach((item, index) => {
    const name = textAt(list, [index])?.text;
    if (name === undefined || keys.includes(name)) return;
    const near = nearestWord(name, keys);
    complaints.push({
      at: item.at,
      message: `\`dedupe.fields[${index}]\` must be one of ${keys.join(", ")}; found ${name}.`,
      fix: near === undefined ? "Choose another." : `Did you mean \`${near}\`?`,
    });
  });
  return complaints;
}

function axisComplaints(tree: Located): readonly Complaint[] {
  const axes = nodeAt(tree, ["axes"]);
  if (axes?.kind !== "map") return [];
  const complaints: Complaint[] = [];
  let combinations = 1;
  for (const [axis, { value: node }] of axes.entries) {
    const path = ["axes", axis];
    if (node.kind === "map") {
      const file = textAt(tree, [...path, "file"]);
      const checked = file === undefined ? undefined : projectPath(file.text);
      if (file === undefined || checked === undefined || checked.ok) continue;
      complaints.push({
        at: file.at,
        message: `\`${shownPath(path)}.file\` must be a path inside the project; found ${JSON.stringify(file.text)}: ${checked.error}.`,
        fix: "Write for example `file: data/topics.txt`.",
      });
    }
    if (node.kind !== "list") continue;
    combinations *= Math.max(1, node.items.length);
    const seen = new Set<string>();
    node.items.forEach((item, index) => {
      const text = textAt(node, [index])?.text.trim();
      if (text === undefined || text === "") return;
      if (/[\r\n]/.test(text)) {
        complaints.push({
          at: item.at,
          message: `\`${shownPath([...path, index])}\` must be a text on one line; found a line break in it.`,
          fix: "Put longer instructions into generation_instructions.",
        });
      }
      if (seen.has(text)) {
        complaints.push({
          at: item.at,
          message: `\`${shownPath(path)}\` must have each value once; found ${JSON.stringify(oneLine(text, 60))} again.`,
          fix: "Remove one of the two: equal values make equal requests.",
        });
      }
      seen.add(text);
    });
  }
  if (combinations > MOST_COMBINATIONS) {
    complaints.push({
      at: keyPlace(tree, [], "axes"),
      message: `\`axes\` must have at most ${MOST_COMBINATIONS} combinations of values; found ${combinations}.`,
      fix: "Shorten or drop an axis.",
    });
  }
  return complaints;
}

function schemaComplaints(tree: Located, keys: readonly string[] | undefined): readonly Complaint[] {
  const node = nodeAt(tree, ["response_schema"]);
  if (node?.kind !== "map") return [];
  const schema = plain(node);
  if (!isJsonObject(schema)) return [];
  if (textAt(tree, ["sampling", "response_format"])?.text === "text") {
    return [
      {
        at: keyPlace(tree, [], "response_schema"),
        message: "`response_schema` must stand without `response_format: text`, which it contradicts; found both.",
        fix: "Remove `response_format`.",
      },
    ];
  }
  const strict = strictFaults(schema, ["response_schema"], true);
  if (strict.length > 0) {
    return strict.map(({ path, message, fix }) => ({ at: nodeAt(tree, path)?.at ?? node.at, message, fix }));
  }
  try {
    z.fromJSONSchema(JSON.parse(JSON.stringify(schema)));
    const lacking = keys === undefined ? undefined : lackOfFields(schema, keys);
    if (lacking === undefined) return [];
    return [
      {
        at: node.at,
        message: `\`response_schema\` must describe one list of entries, each with the texts ${keys?.join(", ")}; found ${lacking}.`,
        fix: "Put the entries' schema into the `items` of one list, every field with `type: string`.",
      },
    ];
  } catch (error) {
    return [
      {
        at: node.at,
        message: `\`response_schema\` must be a JSON Schema that answers can be held to; found that it cannot: ${oneLine(error instanceof Error ? error.message : String(error), 120)}.`,
        fix: "Correct it, or leave out what it uses.",
      },
    ];
  }
}

/** What keeps the answers of a schema from ever giving an entry; undefined when nothing does. */
function lackOfFields(schema: JsonObject, keys: readonly string[]): string | undefined {
  const entry = entrySchema(schema);
  if (entry === undefined) return "several lists";
  const properties = entry["properties"];
  for (const key of keys) {
    const property = isJsonObject(properties) ? properties[key] : undefined;
    if (!isJsonObject(property)) return `no ${key}`;
    if (property["type"] !== "string" && !Array.isArray(property["enum"])) {
      return `${key} of type ${JSON.stringify(property["type"] ?? null)}`;
    }
  }
  return undefined;
}

type SchemaFault = { readonly path: readonly Step[]; readonly message: string; readonly fix: string };

/**
 * What keeps a schema from being used strictly: providers refuse every request whose schema has objects that are open or
 * have optional properties ("Structured Outputs: supported schemas" in OpenAI's guide).
 */
function strictFaults(schema: JsonObject, path: readonly Step[], root: boolean): readonly SchemaFault[] {
  const faults: SchemaFault[] = [];
  const properties = schema["properties"];
  if (root && schema["type"] !== "object") {
    faults.push({
      path: [...path],
      message: `\`${shownPath(path)}\` must be of \`type: object\`; found ${JSON.stringify(schema["type"] ?? null)}.`,
      fix: "Put the list of entries into an object: `{type: object, properties: {records: {type: array, …}}, …}`.",
    });
    return faults;
  }
  if (schema["type"] === "object" || isJsonObject(properties)) {
    const names = isJsonObject(properties) ? Object.keys(properties) : [];
    const required: readonly JsonValue[] = Array.isArray(schema["required"]) ? schema["required"] : [];
    const missing = names.filter((name) => !required.includes(name));
    if (schema["additionalProperties"] !== false) {
      faults.push({
        path,
        message: `\`${shownPath(path)}\` must have \`additionalProperties: false\`, as strict structured outputs want it; found otherwise.`,
        fix: "Add `additionalProperties: false`.",
      });
    }
    if (missing.length > 0) {
      faults.push({
        path,
        message: `\`${shownPath(path)}\` must list every property under \`required\`, as strict structured outputs want it; found ${missing.join(", ")} left out.`,
        fix: `Write \`required: [${names.join(", ")}]\`.`,
      });
    }
  }
  for (const key of ["properties", "$defs"]) {
    const members = schema[key];
    if (!isJsonObject(members)) continue;
    for (const [name, member] of Object.entries(members)) {
      if (isJsonObject(member)) faults.push(...strictFaults(member, [...path, key, name], false));
    }
  }
  if (isJsonObject(schema["items"])) faults.push(...strictFaults(schema["items"], [...path, "items"], false));
  const options = schema["anyOf"];
  if (Array.isArray(options)) {
    options.forEach((option: JsonValue, index) => {
      if (isJsonObject(option)) faults.push(...strictFaults(option, [...path, "anyOf", index], false));
    });
  }
  return faults;
}

/** `requests_from` takes the place of the prompt; what would be said and never asked is a mistake. */
function sourceComplaints(tree: Located): readonly Complaint[] {
  const complaints: Complaint[] = [];
  if (textAt(tree, ["endpoint"])?.text === "/v1/responses" && nodeAt(tree, ["sampling", "seed"]) !== undefined) {
    complaints.push({
      at: keyPlace(tree, ["sampling"], "seed"),
      message:
        "`sampling.seed` must be left out with `endpoint: /v1/responses`, which has no such parameter; found it.",
      fix: "Remove it; axes make requests differ.",
    });
  }
  if (nodeAt(tree, ["requests_from"]) === undefined) return complaints;
  for (const key of PROMPT_KEYS) {
    // The schema also says how entries are held when they are read.
    if (key === "response_schema" || nodeAt(tree, [key]) === undefined) continue;
    complaints.push({
      at: keyPlace(tree, [], key),
      message: `\`${key}\` must be left out with \`requests_from\`, whose files say what is asked; found both.`,
      fix: `Remove \`${key}\`, or \`requests_from\`.`,
    });
  }
  return complaints;
}
