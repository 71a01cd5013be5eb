import type { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { KIND_SCHEMAS } from "../kinds/schema/registry.ts";
import { type ConfigKind, jsonSchemaOf, kindOf } from "./json-schema.ts";
import type { KindSchema } from "./kind-schema.ts";
import { type Complaint, type Path, shownPath } from "./place.ts";
import { type Issue, leaves, type Right, type RuleParams, type Rules, withRules } from "./rules.ts";
import { knownKeys, pathsOfKey, schemaAt } from "./schema-path.ts";
import type { Tree } from "./tree.ts";
import { exampleOf, expectedWords, foundWords, inlineYaml, meant } from "./words.ts";

/*
 * The one place where what a schema or a rule says of a path becomes a complaint: file, line and column, what was expected,
 * what was found, and what to do.
 */

/** Missing keys of one map that are still worth a complaint each. */
const MOST_MISSING = 3;
/** Known keys that a message can list. */
const MOST_LISTED = 12;
/** Characters of an example that still help on one line. */
const MOST_EXAMPLE = 120;

/**
 * Holds a file against its schema, and against rules that need more than the file.
 * @returns what the schema accepts of it, and the whole value when nothing is wrong
 */
export function check<S extends z.ZodType>(
  kind: ConfigKind,
  schema: S,
  tree: Tree,
  add: (complaints: readonly Complaint[]) => void,
  rules: Rules<z.output<S>> = () => undefined,
): { readonly right: Right<z.output<S>> | undefined; readonly value: z.output<S> | undefined } {
  let right: Right<z.output<S>> | undefined;
  const parsed = withRules(schema, (found, rule) => {
    right = found;
    rules(found, rule);
  }).safeParse(tree.value);
  if (!parsed.success) add(new Messages(kind, tree).of(parsed.error.issues));
  return { right, value: parsed.data };
}

class Messages {
  readonly #kind: ConfigKind;
  readonly #tree: Tree;
  readonly #value: JsonValue;
  /** What the file is held to: of a task, by its own kind. */
  readonly #root: JsonObject;

  constructor(kind: ConfigKind, tree: Tree) {
    this.#kind = kind;
    this.#tree = tree;
    this.#value = tree.value;
    this.#root = jsonSchemaOf((kind === "task" ? kindOf(tree.value) : undefined) ?? kind);
  }

  of(issues: readonly Issue[]): Complaint[] {
    const missing = new Map<string, { readonly owner: Path; readonly keys: string[] }>();
    const complaints = leaves(issues).flatMap(({ issue, path }): Complaint[] => {
      const params = paramsOf(issue);
      if (params !== undefined) return [this.#ofRule(path, issue.message ?? "", params)];
      // A value that could not be read stands as nothing in the tree; that "nothing" is not a second mistake.
      if (this.#tree.isUnread(path)) return [];
      if (issue.code === "unrecognized_keys") return issue.keys.map((key: string) => this.#unknownKey(path, key));
      if (issue.code === "invalid_key") return [this.#wrongKey(path)];
      if (path.length === 0 || this.#tree.has(path)) return [this.#wrongValue(path)];
      const owner = path.slice(0, -1);
      // A check that is written as a name alone has no map to add a key to.
      if (!isJsonObject(this.#found(owner))) return [this.#wrongValue(path)];
      const group = missing.get(shownPath(owner)) ?? { owner, keys: [] };
      group.keys.push(String(path.at(-1)));
      missing.set(shownPath(owner), group);
      return [];
    });
    return [...complaints, ...[...missing.values()].flatMap(({ owner, keys }) => this.#missing(owner, keys))];
  }

  /** What a rule says. */
  #ofRule(path: Path, message: string, { key, up = 0, fix }: RuleParams): Complaint {
    const name = named(path.slice(0, path.length - up), this.#kind);
    return {
      at: key === true ? this.#tree.keyPlace(path) : this.#tree.place(path),
      message: message.startsWith("`") ? message : `${name} ${message}`,
      fix,
    };
  }

  /** A few missing keys are named one by one; a map that lacks almost everything is one mistake. */
  #missing(owner: Path, keys: readonly string[]): Complaint[] {
    const at = this.#tree.place(owner);
    const order = knownKeys(schemaAt(this.#root, owner));
    const sorted = [...keys].sort((a, b) => order.indexOf(a) - order.indexOf(b));
    const whose = named(owner, this.#kind);
    if (sorted.length > MOST_MISSING) {
      const message = `${whose} must have the keys ${sorted.join(", ")}; found none of them.`;
      return [{ at, message, fix: "Add them; docs/config.md says what each is." }];
    }
    return sorted.map((key) => {
      const schema = this.#schema([...owner, key]);
      const value = exampleOf(schema);
      return {
        at,
        message: `${whose} must have the key \`${key}\` (${expectedWords(schema)}); found none.`,
        fix: value === undefined ? `Add \`${key}\`.` : `Add it, for example \`${key}: ${inlineYaml(value)}\`.`,
      };
    });
  }

  #wrongValue(path: Path): Complaint {
    const schema = this.#schema(path);
    const found = this.#found(path);
    return {
      at: this.#tree.place(path),
      message: `${named(path, this.#kind)} must be ${expectedWords(schema)}; found ${foundWords(found)}.`,
      fix: mend(path, schema, found),
    };
  }

  #unknownKey(path: Path, key: string): Complaint {
    const at = this.#tree.keyPlace([...path, key]);
    const ofKind = this.#kind === "task" && path.length === 0 ? keyOfOtherKinds(kindOf(this.#value), key) : undefined;
    if (ofKind !== undefined) return { at, ...ofKind };
    const known = knownKeys(schemaAt(this.#root, path));
    const elsewhere = pathsOfKey(this.#root, key)[0];
    let fix: string;
    if (key === "<<") fix = "Merge keys are not read; write the keys out, or give the whole map an alias.";
    else if (elsewhere !== undefined) fix = `It belongs at \`${shownPath(elsewhere)}\`.`;
    else {
      const listed = `The keys here are ${known.join(", ")}.`;
      fix = meant(
        key,
        known,
        known.length <= MOST_LISTED ? listed : "Remove it; docs/config.md lists the keys there are.",
      );
    }
    return { at, message: `${named(path, this.#kind)} must have known keys only; found \`${key}\`.`, fix };
  }

  #wrongKey(path: Path): Complaint {
    const owner = path.slice(0, -1);
    const names = this.#schema(owner)["propertyNames"];
    const expected = isJsonObject(names) ? expectedWords(names) : "a text";
    return {
      at: this.#tree.keyPlace(path),
      message: `the names in ${named(owner, this.#kind)} must each be ${expected}; found ${JSON.stringify(String(path.at(-1)))}.`,
      fix: "Rename it.",
    };
  }

  #schema(path: Path): JsonObject {
    return schemaAt(this.#root, path) ?? {};
  }

  #found(path: Path): JsonValue | undefined {
    return path.reduce<JsonValue | undefined>((value, step) => {
      if (Array.isArray(value)) return value[Number(step)];
      return isJsonObject(value) ? value[step] : undefined;
    }, this.#value);
  }
}

function paramsOf(issue: Issue): RuleParams | undefined {
  const params: unknown = issue.code === "custom" ? issue.params : undefined;
  return isRuleParams(params) ? params : undefined;
}

function isRuleParams(params: unknown): params is RuleParams {
  return typeof params === "object" && params !== null && "fix" in params;
}

/** A key that tasks of other kinds have. */
function keyOfOtherKinds(kind: KindSchema | undefined, key: string): Omit<Complaint, "at"> | undefined {
  const [other, ...more] = KIND_SCHEMAS.filter(({ schema }) => Object.hasOwn(schema.shape, key));
  if (other === undefined || kind === undefined) return undefined;
  if (more.length === 0) {
    return {
      message: `\`${key}\` must be given with \`kind: ${other.name}\` only; found it in a task of ${kind.name}.`,
      fix: kind === KIND_SCHEMAS[0] ? `Remove it, or add \`kind: ${other.name}\`.` : "Remove it.",
    };
  }
  const why = kind.leavesOut === undefined ? "" : `, ${kind.leavesOut}`;
  return {
    message: `\`${key}\` must be left out with \`kind: ${kind.name}\`${why}; found it.`,
    fix: `Remove \`${key}\`.`,
  };
}

/** What to do about a value of the wrong kind: quotes too many, quotes missing, or an example. */
function mend(path: Path, schema: JsonObject, found: JsonValue | undefined): string {
  if (typeof found === "string" && /^-?[0-9]+(?:\.[0-9]+)?$/.test(found) && isNumeric(schema))
    return "Remove the quotes.";
  const choices = schema["enum"];
  const isText = schema["type"] === "string" && choices === undefined && schema["const"] === undefined;
  if ((typeof found === "number" || typeof found === "boolean") && isText) {
    return `Put it in quotes: "${found}".`;
  }
  const otherwise =
    example(path, schema) ?? (path.length === 0 ? "Write it as lines of `key: value`." : "Change it, or remove it.");
  if (typeof found !== "string" || !Array.isArray(choices)) return otherwise;
  const words = choices.filter((choice) => typeof choice === "string");
  return meant(found, words, otherwise);
}

function isNumeric(schema: JsonObject): boolean {
  const words = expectedWords(schema);
  return words.startsWith("a number") || words.startsWith("a whole number");
}

/** `Write for example …`, with the key when the value has one. */
function example(path: Path, schema: JsonObject): string | undefined {
  const value = exampleOf(schema);
  const written = value === undefined ? "" : inlineYaml(value);
  if (written === "" || written.length > MOST_EXAMPLE) return undefined;
  const key = path.at(-1);
  return typeof key === "string"
    ? `Write for example \`${inlineYaml(key)}: ${written}\`.`
    : `Write for example \`${written}\`.`;
}

function named(path: Path, kind: ConfigKind): string {
  if (path.length > 0) return `\`${shownPath(path)}\``;
  return kind === "task" ? "a task file" : `${kind}.yaml`;
}
