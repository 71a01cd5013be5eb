import { err, ok, type Result } from "../graph/result.ts";
import { type Complaint, oneLine, type Place } from "./place.ts";
import { RESERVED_NAMES } from "./schema-task.ts";
import type { Segment, Tree } from "./tree.ts";
import { meant } from "./words.ts";
import { parseYamlTree } from "./yaml-tree.ts";

/*
 * `--set KEY=VALUE`: one config value, for one invocation. It is put into the tree of the file it belongs to before that
 * is validated, so that it obeys the same rules and ends in the same hash as a value in the file.
 */

/** A `--set` as read: the file it speaks of (`dsgen.yaml`, `tasks/refusal.yaml`), the way to the value, and the value. */
export type Override = {
  readonly file: string;
  readonly segments: readonly Segment[];
  readonly value: Tree;
  readonly at: Place;
};

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
  const target = targetOf(split.segments, tasks);
  if (!target.ok) return err([{ at, ...target.error }]);
  const { tree, complaints } = parseYamlTree(yamlOf(split.value), () => at);
  return tree === undefined || complaints.length > 0 ? err(complaints) : ok({ ...target.value, value: tree, at });
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

/** The file that a key speaks of, and the rest of the key. */
function targetOf(
  segments: readonly Segment[],
  tasks: readonly string[],
): Result<Pick<Override, "file" | "segments">, Omit<Complaint, "at">> {
  const word = segments[0]?.text ?? "";
  // The only key of models.yaml and tokenizers.yaml is called as the file is, and need not be said twice.
  const isMap = word === "models" || word === "tokenizers";
  const named = word === "tasks" && segments.length > 1 ? segments.slice(1) : segments;
  const name = named[0]?.text ?? "";
  const inside = named.slice(1);
  if (!isMap && word !== "dsgen" && !(word === "tasks" && segments.length === 1) && !tasks.includes(name)) {
    const example = "Write for example `--set <task>.target_scenarios=50` or `--set dsgen.budget=5`.";
    return err({
      message: `it must begin with a task's name (${tasks.length === 0 ? "there is none" : tasks.join(", ")}) or dsgen, models or tokenizers; found ${name}.`,
      fix: meant(name, [...tasks, ...RESERVED_NAMES], example),
    });
  }
  if (inside.length === 0) {
    return err({
      message: `it must name a key inside ${word}; found no more than ${word}.`,
      fix: `Write \`--set ${word}.<key>=<value>\`.`,
    });
  }
  if (isMap) return ok({ file: `${word}.yaml`, segments });
  return ok({ file: word === "dsgen" ? "dsgen.yaml" : `tasks/${name}.yaml`, segments: inside });
}
