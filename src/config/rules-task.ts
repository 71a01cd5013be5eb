import { isJsonObject } from "../graph/json.ts";
import { oneLine } from "./place.ts";
import type { Right, Rule, Setting } from "./rules.ts";
import { responseRules } from "./rules-response.ts";
import { checkRules } from "./schema-checks.ts";
import { type CommonTask, EMBEDDINGS_URL, type PromptedTask } from "./schema-task.ts";
import { foundWords, meant } from "./words.ts";

/*
 * What a task's keys must satisfy together, whatever its kind. The kinds have rules of their own beside these.
 */

/** Combinations beyond which nobody asks, and numbers stop being exact. */
const MOST_COMBINATIONS = 1_000_000_000;

/** Keys of the prompt: a task that takes its requests from files has none of them. */
const PROMPT_KEYS = [
  "description",
  "role",
  "sampling",
  "scenarios_per_request",
  "examples",
  "generation_instructions",
  "prompt",
  "axes",
];

/** Those without which there is no prompt. */
const NEEDED = ["description", "sampling", "scenarios_per_request", "generation_instructions"];

/** A task that has a prompt, or takes its requests from files. @param keys those of an entry, where they are right */
export function promptedRules(
  task: Right<PromptedTask>,
  keys: readonly string[] | undefined,
  kind: Setting,
  rule: Rule,
): void {
  const { report, has, lacks } = rule;
  if (!has("requests_from")) {
    for (const key of [...NEEDED, ...kind.needs]) if (!has(key)) lacks(key);
  }
  for (const key of has("requests_from") ? PROMPT_KEYS : []) {
    if (!has(key)) continue;
    const message = "must be left out with `requests_from`, whose files say what is asked; found both.";
    report([key], message, `Remove \`${key}\`, or \`requests_from\`.`, { key: true });
  }
  if (task.endpoint === EMBEDDINGS_URL) {
    const message = `\`endpoint: ${EMBEDDINGS_URL}\` must be given with \`kind: embeddings\` only; found it in a task of ${kind.name}.`;
    report(["endpoint"], message, "Remove it, or add `kind: embeddings`.");
  }
  if (task.endpoint === "/v1/responses" && task.sampling?.seed !== undefined) {
    const message = "must be left out with `endpoint: /v1/responses`, which has no such parameter; found it.";
    report(["sampling", "seed"], message, "Remove it; axes make requests differ.", { key: true });
  }
  axisRules(task.axes ?? {}, rule);
  if (isJsonObject(task.response_schema)) {
    if (task.sampling?.response_format === "text") {
      const message = "must stand without `response_format: text`, which it contradicts; found both.";
      report(["response_schema"], message, "Remove `response_format`.", { key: true });
    } else responseRules(task.response_schema, keys, rule);
  }
  if (keys !== undefined) exampleRules(task.examples ?? [], keys, kind.whose, rule);
  batchRules(task, rule);
  entryRules(task, keys, kind, rule);
}

/** What the entries of a task of any kind are held to. @param keys those of an entry, where they are right */
export function entryRules(
  { dedupe, checks }: Right<CommonTask>,
  keys: readonly string[] | undefined,
  kind: Pick<Setting, "name" | "all" | "ofTokens">,
  rule: Rule,
): void {
  const by = dedupe?.by ?? "exact";
  const ofNear = [dedupe?.threshold === undefined ? [] : ["threshold"], dedupe?.search === "banded" ? ["search"] : []];
  for (const key of by === "near" ? [] : ofNear.flat()) {
    const message = `must be given with \`by: near\` only; found it with \`by: ${by}\`.`;
    rule.report(["dedupe", key], message, "Remove it, or write `by: near`.", { key: true });
  }
  dedupe?.fields?.forEach((name, index) => {
    if (name === undefined || keys === undefined || keys.includes(name)) return;
    const message = `must be one of ${keys.join(", ")}; found ${name}.`;
    rule.report(["dedupe", "fields", index], message, meant(name, keys, "Choose another."));
  });
  checkRules(checks ?? [], keys, kind, rule);
}

function exampleRules(
  examples: NonNullable<Right<PromptedTask>["examples"]>,
  keys: readonly string[],
  whose: string,
  { report }: Rule,
): void {
  examples.forEach((example, index) => {
    if (example === undefined) return;
    const missing = keys.filter((key) => !(key in example));
    const extra = Object.keys(example).filter((key) => !keys.includes(key));
    if (missing.length === 0 && extra.length === 0) return;
    const listed = keys.length < 2 ? keys.join("") : `${keys.slice(0, -1).join(", ")} and ${keys.at(-1)}`;
    const found = foundWords(Object.fromEntries(Object.keys(example).map((key) => [key, null])));
    const message = `\`examples[${index}]\` must have exactly the keys of ${whose}, ${listed}; found ${found}.`;
    const fix = missing.length > 0 ? `Add ${missing.join(" and ")}.` : `Remove ${extra.join(" and ")}.`;
    report(["examples", index, ...extra.slice(0, 1)], message, fix, { key: extra.length > 0 });
  });
}

function batchRules({ batches, max_batches: most, pilot_batches: pilot }: Right<PromptedTask>, { report }: Rule): void {
  if (batches !== undefined && most !== undefined && most < batches) {
    const fix = "Raise max_batches, lower batches, or leave max_batches out.";
    report(["max_batches"], `must be at least \`batches\` (${batches}); found ${most}.`, fix);
  }
  const allowed = most ?? batches;
  if (allowed !== undefined && pilot !== undefined && pilot > allowed) {
    const name = most === undefined ? "batches" : "max_batches";
    report(["pilot_batches"], `must be at most \`${name}\` (${allowed}); found ${pilot}.`, "Lower pilot_batches.");
  }
}

function axisRules(axes: NonNullable<Right<PromptedTask>["axes"]>, { report }: Rule): void {
  let combinations = 1;
  for (const [axis, values] of Object.entries(axes)) {
    if (!Array.isArray(values)) continue;
    const texts: readonly (string | undefined)[] = values;
    combinations *= Math.max(1, texts.length);
    const seen = new Set<string>();
    texts.forEach((value, index) => {
      const text = value?.trim();
      if (text === undefined) return;
      const path = ["axes", axis, index];
      if (/[\r\n]/.test(text)) {
        const fix = "Put longer instructions into generation_instructions.";
        report(path, "must be a text on one line; found a line break in it.", fix);
      }
      if (seen.has(text)) {
        const message = `must have each value once; found ${JSON.stringify(oneLine(text, 60))} again.`;
        report(path, message, "Remove one of the two: equal values make equal requests.", { up: 1 });
      }
      seen.add(text);
    });
  }
  if (combinations <= MOST_COMBINATIONS) return;
  const message = `must have at most ${MOST_COMBINATIONS} combinations of values; found ${combinations}.`;
  report(["axes"], message, "Shorten or drop an axis.", { key: true });
}
