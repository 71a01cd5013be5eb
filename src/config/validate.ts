import type { z } from "zod";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { type ConfigKind, jsonSchemaOf, knownKeys, pathsOfKey, schemaAt } from "./json-schema.ts";
import { type Complaint, deepestAt, keyPlace, type Located, nodeAt, plain, type Step, shownPath } from "./located.ts";
import { nearestWord } from "./nearest.ts";
import { exampleOf, expectedWords, foundWords, inlineYaml } from "./words.ts";

/** Missing keys of one map that are still worth a complaint each. */
const MOST_MISSING = 3;
/** Known keys that a message can list. */
const MOST_LISTED = 12;
/** Characters of an example that still help on one line. */
const MOST_EXAMPLE = 120;

/** What zod complains of, as far as it is needed here. */
type Issue = z.core.$ZodIssue;

/**
 * Holds a tree against its schema.
 * @returns the value with its defaults filled in, or undefined, and everything that is wrong with the tree's shape
 */
export function validateShape<S extends z.ZodType>(
  kind: ConfigKind,
  schema: S,
  tree: Located,
): { readonly value: z.output<S> | undefined; readonly complaints: readonly Complaint[] } {
  const parsed = schema.safeParse(plain(tree));
  if (parsed.success) return { value: parsed.data, complaints: [] };
  return { value: undefined, complaints: complaintsOf(parsed.error.issues, [], tree, kind) };
}

function complaintsOf(
  issues: readonly Issue[],
  prefix: readonly Step[],
  tree: Located,
  kind: ConfigKind,
): readonly Complaint[] {
  const missing = missingKeys(issues, prefix, tree, kind);
  const complaints = issues.flatMap((issue): readonly Complaint[] => {
    const path = [...prefix, ...issue.path.map(stepOf)];
    switch (issue.code) {
      case "unrecognized_keys":
        return issue.keys.map((key) => unknownKey(tree, path, key, kind));
      case "invalid_union": {
        if (nodeAt(tree, path) === undefined) return [];
        // The member whose own type fits but not what is inside it is the one that was meant.
        const meant = issue.errors.find(
          (errors) => errors.length > 0 && errors.every((error) => error.path.length > 0),
        );
        return meant === undefined ? [wrongValue(tree, path, kind)] : complaintsOf(meant, path, tree, kind);
      }
      case "invalid_key":
        return [wrongKey(tree, path, kind)];
      default:
        return nodeAt(tree, path) === undefined ? [] : [wrongValue(tree, path, kind)];
    }
  });
  return [...complaints, ...missing.flatMap(({ owner, keys }) => missingComplaints(tree, owner, keys, kind))];
}

/** Keys that a map lacks, map by map. */
function missingKeys(
  issues: readonly Issue[],
  prefix: readonly Step[],
  tree: Located,
  kind: ConfigKind,
): readonly { readonly owner: readonly Step[]; readonly keys: readonly string[] }[] {
  const byOwner = new Map<string, { readonly owner: readonly Step[]; readonly keys: string[] }>();
  for (const issue of issues) {
    const path = [...prefix, ...issue.path.map(stepOf)];
    if (path.length === 0 || nodeAt(tree, path) !== undefined) continue;
    const owner = path.slice(0, -1);
    const id = JSON.stringify(owner);
    const group = byOwner.get(id) ?? { owner, keys: [] };
    group.keys.push(String(path.at(-1)));
    byOwner.set(id, group);
  }
  return [...byOwner.values()].map(({ owner, keys }) => {
    const order = knownKeys(schemaAt(jsonSchemaOf(kind), owner));
    return { owner, keys: keys.sort((a, b) => order.indexOf(a) - order.indexOf(b)) };
  });
}

/** A few missing keys are named one by one; a map that lacks almost everything is one mistake. */
function missingComplaints(
  tree: Located,
  owner: readonly Step[],
  keys: readonly string[],
  kind: ConfigKind,
): readonly Complaint[] {
  if (keys.length <= MOST_MISSING) return keys.map((key) => missingKey(tree, [...owner, key], kind));
  return [
    {
      at: deepestAt(tree, owner).at,
      message: `${named(owner, kind)} must have the keys ${keys.join(", ")}; found none of them.`,
      fix: "Add them; docs/config.md says what each is.",
    },
  ];
}

function stepOf(step: PropertyKey): Step {
  return typeof step === "number" ? step : String(step);
}

function wrongValue(tree: Located, path: readonly Step[], kind: ConfigKind): Complaint {
  const node = nodeAt(tree, path);
  const schema = schemaAt(jsonSchemaOf(kind), path) ?? {};
  return {
    at: node?.at ?? tree.at,
    message: `${named(path, kind)} must be ${expectedWords(schema)}; found ${foundWords(node)}.`,
    fix: mend(path, schema, node),
  };
}

/** What to do about a value of the wrong kind: quotes too many, quotes missing, or an example. */
function mend(path: readonly Step[], schema: JsonObject, node: Located | undefined): string {
  if (node?.kind === "scalar") {
    const { value } = node;
    if (typeof value === "string" && /^-?[0-9]+(?:\.[0-9]+)?$/.test(value) && isNumeric(schema)) {
      return "Remove the quotes.";
    }
    if (
      (typeof value === "number" || typeof value === "boolean") &&
      schema["type"] === "string" &&
      !("enum" in schema)
    ) {
      return `Put it in quotes: "${value}".`;
    }
    const choices = schema["enum"];
    if (typeof value === "string" && Array.isArray(choices)) {
      const near = nearestWord(
        value,
        choices.filter((choice) => typeof choice === "string"),
      );
      if (near !== undefined) return `Did you mean \`${near}\`?`;
    }
  }
  return (
    example(path, schema) ?? (path.length === 0 ? "Write it as lines of `key: value`." : "Change it, or remove it.")
  );
}

function isNumeric(schema: JsonObject): boolean {
  const words = expectedWords(schema);
  return words.startsWith("a number") || words.startsWith("a whole number");
}

/** `Write for example …`, with the key when the value has one. */
function example(path: readonly Step[], schema: JsonObject): string | undefined {
  const value = exampleOf(schema);
  const written = value === undefined ? "" : inlineYaml(value);
  if (written === "" || written.length > MOST_EXAMPLE) return undefined;
  const key = path.at(-1);
  return typeof key === "string"
    ? `Write for example \`${inlineYaml(key)}: ${written}\`.`
    : `Write for example \`${written}\`.`;
}

function missingKey(tree: Located, path: readonly Step[], kind: ConfigKind): Complaint {
  const schema = schemaAt(jsonSchemaOf(kind), path) ?? {};
  const owner = path.slice(0, -1);
  const key = String(path.at(-1));
  const value = exampleOf(schema);
  return {
    at: deepestAt(tree, path).at,
    message: `${named(owner, kind)} must have the key \`${key}\` (${expectedWords(schema)}); found none.`,
    fix: value === undefined ? `Add \`${key}\`.` : `Add it, for example \`${key}: ${inlineYaml(value)}\`.`,
  };
}

function unknownKey(tree: Located, path: readonly Step[], key: string, kind: ConfigKind): Complaint {
  const root = jsonSchemaOf(kind);
  const known = knownKeys(schemaAt(root, path));
  const near = nearestWord(key, known);
  const elsewhere = pathsOfKey(root, key)[0];
  let fix: string;
  if (key === "<<") fix = "Merge keys are not read; write the keys out, or give the whole map an alias.";
  else if (elsewhere !== undefined) fix = `It belongs at \`${shownPath(elsewhere)}\`.`;
  else if (near !== undefined) fix = `Did you mean \`${near}\`?`;
  else if (known.length <= MOST_LISTED) fix = `The keys here are ${known.join(", ")}.`;
  else fix = "Remove it; docs/config.md lists the keys there are.";
  return {
    at: keyPlace(tree, path, key),
    message: `${named(path, kind)} must have known keys only; found \`${key}\`.`,
    fix,
  };
}

function wrongKey(tree: Located, path: readonly Step[], kind: ConfigKind): Complaint {
  const owner = path.slice(0, -1);
  const key = String(path.at(-1));
  const names = schemaAt(jsonSchemaOf(kind), owner)?.["propertyNames"];
  const expected = isJsonObject(names) ? expectedWords(names) : "a text";
  return {
    at: keyPlace(tree, owner, key),
    message: `the names in ${named(owner, kind)} must each be ${expected}; found ${JSON.stringify(key)}.`,
    fix: "Rename it.",
  };
}

function named(path: readonly Step[], kind: ConfigKind): string {
  if (path.length > 0) return `\`${shownPath(path)}\``;
  switch (kind) {
    case "task":
      return "a task file";
    case "dsgen":
      return "dsgen.yaml";
    case "models":
      return "models.yaml";
    case "tokenizers":
      return "tokenizers.yaml";
  }
}
