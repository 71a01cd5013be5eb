import { canonicalJson, type JsonValue } from "../graph/json.ts";
import type { StaleReason } from "../graph/state.ts";
import type { ActionManifest, ManifestEntry } from "./ports.ts";

/**
 * Why an action is not the one that made what is there: the difference of two manifests, in the order a person would
 * look: the recipe first, then inputs as declared. An empty list means that the two have the same key.
 */
export function staleReasons(before: ActionManifest | undefined, after: ActionManifest): StaleReason[] {
  if (before === undefined) return [{ kind: "never-built" }];
  const reasons: StaleReason[] = [];
  if (before.recipe.identity !== after.recipe.identity) {
    const modules = changedKeys(before.recipe.modules, after.recipe.modules);
    reasons.push({ kind: "recipe-changed", recipe: after.recipe.ref, modules });
  }
  for (const [input, entries] of Object.entries(after.inputs)) {
    const old = before.inputs[input];
    if (old === undefined) reasons.push({ kind: "input-added", input, what: labels(entries) });
    else for (const each of changedEntries(input, old, entries)) reasons.push(each);
  }
  for (const [input, entries] of Object.entries(before.inputs)) {
    if (after.inputs[input] === undefined) reasons.push({ kind: "input-removed", input, what: labels(entries) });
  }
  return reasons;
}

function changedEntries(
  input: string,
  before: readonly ManifestEntry[],
  after: readonly ManifestEntry[],
): StaleReason[] {
  const [onlyBefore, onlyAfter] = [before[0], after[0]];
  if (before.length === 1 && after.length === 1 && onlyBefore !== undefined && onlyAfter !== undefined) {
    return onlyBefore.hash === onlyAfter.hash ? [] : [entryChange(input, onlyBefore, onlyAfter)];
  }
  const reasons: StaleReason[] = [];
  const old = new Map(before.map((entry) => [entry.label, entry]));
  for (const entry of after) {
    const previous = old.get(entry.label);
    old.delete(entry.label);
    if (previous === undefined) reasons.push({ kind: "input-added", input, what: entry.label });
    else if (previous.hash !== entry.hash) reasons.push(entryChange(input, previous, entry));
  }
  for (const entry of old.values()) reasons.push({ kind: "input-removed", input, what: entry.label });
  if (reasons.length === 0 && before.some((entry, i) => entry.hash !== after[i]?.hash)) {
    reasons.push({ kind: "input-changed", input, what: "the order", from: labels(before), to: labels(after) });
  }
  return reasons;
}

function entryChange(input: string, before: ManifestEntry, after: ManifestEntry): StaleReason {
  const what = before.label === after.label ? after.label : `${before.label} → ${after.label}`;
  if (before.shown !== undefined && after.shown !== undefined) {
    const [from, to] = narrowest(before.shown, after.shown);
    return {
      kind: "input-changed",
      input,
      what: from.path === "" ? what : `${what}${from.path}`,
      from: from.text,
      to: to.text,
    };
  }
  return { kind: "input-changed", input, what, from: before.hash.slice(0, 12), to: after.hash.slice(0, 12) };
}

interface Shown {
  readonly path: string;
  readonly text: string;
}

/** Of two values that differ, the one member that does, if it is only one: `.temperature 0.8 → 0.9`. */
function narrowest(before: JsonValue, after: JsonValue): [Shown, Shown] {
  let [a, b, path] = [before, after, ""];
  for (;;) {
    if (!isObject(a) || !isObject(b)) break;
    const keys = changedKeys(a, b);
    const [key] = keys;
    if (keys.length !== 1 || key === undefined) break;
    const [inA, inB] = [a[key], b[key]];
    if (inA === undefined || inB === undefined) break;
    [a, b, path] = [inA, inB, `${path}.${key}`];
  }
  return [
    { path, text: canonicalJson(a) },
    { path, text: canonicalJson(b) },
  ];
}

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function changedKeys(
  before: { readonly [key: string]: JsonValue },
  after: { readonly [key: string]: JsonValue },
): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => text(before[key]) !== text(after[key])).sort();
}

function text(value: JsonValue | undefined): string {
  return value === undefined ? "" : canonicalJson(value);
}

function labels(entries: readonly ManifestEntry[]): string {
  return entries.map((entry) => entry.label).join(", ");
}
