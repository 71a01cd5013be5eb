import { err, ok, type Result } from "../graph/result.ts";
import { type Complaint, type Located, type LocatedEntry, type LocatedMap, oneLine, type Place } from "./located.ts";
import { nearestWord } from "./nearest.ts";
import { RESERVED_NAMES } from "./schema-task.ts";
import { foundWords } from "./words.ts";
import { parseYamlTree } from "./yaml-tree.ts";

/*
 * `--set KEY=VALUE`: one config value, for one invocation. It is put into the tree of the file it belongs to before that
 * is validated, so that it obeys the same rules and ends in the same hash as a value in the file.
 */

/** One part of a key. A quoted one is a key by itself, dots and all. */
type Segment = { readonly text: string; readonly quoted: boolean };

/** A `--set` as read: the file it speaks of, the way to the value, and the value. */
export type Override = {
  readonly document: OverrideDocument;
  readonly segments: readonly Segment[];
  readonly value: Located;
  readonly at: Place;
};

type OverrideDocument =
  | { readonly kind: "dsgen" }
  | { readonly kind: "models" }
  | { readonly kind: "tokenizers" }
  | { readonly kind: "task"; readonly name: string };

/**
 * Reads `refusal.target_scenarios=50`. The value is YAML: a plain or quoted text, a number, `[a, b]`, `{k: v}`.
 * @param tasks the names of the tasks there are
 */
export function parseOverride(text: string, tasks: readonly string[]): Result<Override, readonly Complaint[]> {
  const at: Place = { kind: "set", text };
  const split = splitKey(text);
  if (split === undefined) {
    return err([
      {
        at,
        message: `it must be written KEY=VALUE, the key's parts joined by dots; found ${JSON.stringify(oneLine(text, 60))}.`,
        fix: "Write for example `--set refusal.target_scenarios=50`; put a part that holds dots in double quotes.",
      },
    ]);
  }
  const document = documentOf(split.segments, tasks, at);
  if (!document.ok) return err([document.error]);
  const parsed = parseYamlTree(yamlOf(split.value), () => at);
  if (parsed.tree === undefined || parsed.complaints.length > 0) {
    return err(parsed.complaints.map((complaint) => ({ ...complaint, at })));
  }
  return ok({ ...document.value, value: parsed.tree, at });
}

/** A value as YAML. One that begins with @ (an npm package's scope) is a text, though YAML reserves that character. */
function yamlOf(value: string): string {
  const text = value.trim();
  if (text === "") return "null";
  return text.startsWith("@") ? JSON.stringify(text) : value;
}

/** The key's parts and the value's text, or undefined when it is not `KEY=VALUE`. */
function splitKey(text: string): { readonly segments: readonly Segment[]; readonly value: string } | undefined {
  const segments: Segment[] = [];
  const part = /(?:"(?<quoted>[^"]+)"|(?<word>[^".=]+))(?<end>[.=])/y;
  for (;;) {
    const groups = part.exec(text)?.groups;
    if (groups === undefined) return undefined;
    const quoted = groups["quoted"];
    const segment = (quoted ?? groups["word"] ?? "").trim();
    if (segment === "") return undefined;
    segments.push({ text: segment, quoted: quoted !== undefined });
    if (groups["end"] === "=") return { segments, value: text.slice(part.lastIndex) };
  }
}

function documentOf(
  segments: readonly Segment[],
  tasks: readonly string[],
  at: Place,
): Result<{ readonly document: OverrideDocument; readonly segments: readonly Segment[] }, Complaint> {
  const [first, ...rest] = segments;
  const word = first?.text ?? "";
  const whole = (document: OverrideDocument, inside: readonly Segment[]) =>
    inside.length > 0
      ? ok({ document, segments: inside })
      : err({
          at,
          message: `it must name a key inside ${word}; found no more than ${word}.`,
          fix: `Write \`--set ${word}.<key>=<value>\`.`,
        });
  switch (word) {
    case "dsgen":
      return whole({ kind: "dsgen" }, rest);
    case "models":
    case "tokenizers":
      // The file's only key is called as the file is, and need not be said twice.
      return rest.length === 0 ? whole({ kind: word }, []) : ok({ document: { kind: word }, segments });
    case "tasks": {
      const [name, ...inside] = rest;
      return name === undefined ? whole({ kind: "task", name: "" }, []) : taskDocument(name.text, inside);
    }
    default:
      return taskDocument(word, rest);
  }

  function taskDocument(name: string, inside: readonly Segment[]) {
    if (tasks.includes(name)) return whole({ kind: "task", name }, inside);
    const near = nearestWord(name, [...tasks, ...RESERVED_NAMES]);
    return err({
      at,
      message: `it must begin with a task's name (${tasks.length === 0 ? "there is none" : tasks.join(", ")}) or dsgen, models or tokenizers; found ${name}.`,
      fix:
        near === undefined
          ? "Write for example `--set <task>.target_scenarios=50` or `--set dsgen.budget=5`."
          : `Did you mean \`${near}\`?`,
    });
  }
}

/**
 * The tree with an override in its place. Maps that the key goes through are made where they are missing; whether a key
 * is known is for validation to say.
 * @param root the file's tree, or undefined where there is no such file
 */
export function applyOverride(root: Located | undefined, override: Override): Result<Located, Complaint> {
  return put(root, override.segments, override, []);
}

function put(
  node: Located | undefined,
  segments: readonly Segment[],
  override: Override,
  path: readonly string[],
): Result<Located, Complaint> {
  if (segments.length === 0) return ok(override.value);
  const { at } = override;
  if (node === undefined || (node.kind === "scalar" && node.value === null)) {
    return putInMap({ kind: "map", entries: new Map(), at }, segments, override, path);
  }
  switch (node.kind) {
    case "map":
      return putInMap(node, segments, override, path);
    case "list": {
      const [step, ...rest] = segments;
      const index = /^\d+$/.test(step?.text ?? "") ? Number(step?.text) : Number.NaN;
      if (!(index <= node.items.length)) {
        return err({
          at,
          message: `\`${path.join(".")}\` is a list, so the next part must be a number from 0 to ${node.items.length} (one more than it has appends); found ${step?.text ?? ""}.`,
          fix: "Count from 0, or set the whole list: `[a, b]`.",
        });
      }
      const item = put(node.items[index], rest, override, [...path, String(index)]);
      return item.ok
        ? ok({ ...node, items: [...node.items.slice(0, index), item.value, ...node.items.slice(index + 1)] })
        : item;
    }
    case "scalar":
      return err({
        at,
        message: `\`${path.join(".")}\` must be a map to have the key \`${segments[0]?.text ?? ""}\`; found ${foundWords(node)}.`,
        fix: `Set \`${path.join(".")}\` itself.`,
      });
  }
}

function putInMap(
  map: LocatedMap,
  segments: readonly Segment[],
  override: Override,
  path: readonly string[],
): Result<Located, Complaint> {
  const taken = keyOf(map, segments);
  const earlier = map.entries.get(taken.key);
  const value = put(earlier?.value, segments.slice(taken.segments), override, [...path, taken.key]);
  if (!value.ok) return value;
  const entry: LocatedEntry = { keyAt: earlier?.keyAt ?? override.at, value: value.value };
  // A key that is there keeps its place: the order of templates means something.
  return ok({ ...map, entries: new Map([...map.entries, [taken.key, entry]]) });
}

/** The longest run of unquoted parts that is a key of the map (`gpt-4.1` is two parts and one key), or the first part. */
function keyOf(map: LocatedMap, segments: readonly Segment[]): { readonly key: string; readonly segments: number } {
  const quotedAt = segments.findIndex((segment) => segment.quoted);
  const most = quotedAt === -1 ? segments.length : quotedAt;
  for (let length = most; length > 1; length--) {
    const key = segments
      .slice(0, length)
      .map((segment) => segment.text)
      .join(".");
    if (map.entries.has(key)) return { key, segments: length };
  }
  return { key: segments[0]?.text ?? "", segments: 1 };
}
