import type { JsonValue } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";

/*
 * Config values that remember where they were written, so that every complaint can name file, line and column, or the
 * `--set` that is to blame.
 */

/** Where a person wrote something. */
export type Place =
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly column: number }
  /** A file or folder as a whole. */
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "set"; readonly text: string };

export type Located = LocatedScalar | LocatedList | LocatedMap;

type LocatedScalar = {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  readonly at: Place;
};

type LocatedList = { readonly kind: "list"; readonly items: readonly Located[]; readonly at: Place };

export type LocatedMap = {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, LocatedEntry>;
  readonly at: Place;
};

export type LocatedEntry = { readonly keyAt: Place; readonly value: Located };

/** A step into a map (by key) or a list (by index). */
export type Step = string | number;

/** What is wrong, before it is known how places are shown. */
export type Complaint = { readonly at: Place; readonly message: string; readonly fix: string };

/** The JSON value without its places. */
export function plain(node: Located): JsonValue {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(plain);
    case "map":
      return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.value)]));
  }
}

/** The node at a path, or undefined where nothing is written. */
export function nodeAt(root: Located, path: readonly Step[]): Located | undefined {
  let node: Located | undefined = root;
  for (const step of path) {
    if (node === undefined) return undefined;
    node = childOf(node, step);
  }
  return node;
}

/** The deepest node written along a path: for a missing key, the map that lacks it. */
export function deepestAt(root: Located, path: readonly Step[]): Located {
  let node = root;
  for (const step of path) {
    const next = childOf(node, step);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

function childOf(node: Located, step: Step): Located | undefined {
  switch (node.kind) {
    case "scalar":
      return undefined;
    case "list":
      return node.items[Number(step)];
    case "map":
      return node.entries.get(String(step))?.value;
  }
}

/** Where a map's key is written. */
export function keyPlace(tree: Located, owner: readonly Step[], key: string): Place {
  const map = nodeAt(tree, owner);
  return (map?.kind === "map" ? map.entries.get(key)?.keyAt : undefined) ?? deepestAt(tree, owner).at;
}

/** The text written at a path, when there is one; anything else is another check's complaint. */
export function textAt(
  root: Located,
  path: readonly Step[],
): { readonly text: string; readonly at: Place } | undefined {
  const node = nodeAt(root, path);
  return node?.kind === "scalar" && typeof node.value === "string" ? { text: node.value, at: node.at } : undefined;
}

/** The finite number written at a path, when there is one. */
export function numberAt(
  root: Located,
  path: readonly Step[],
): { readonly number: number; readonly at: Place } | undefined {
  const node = nodeAt(root, path);
  return node?.kind === "scalar" && typeof node.value === "number" && Number.isFinite(node.value)
    ? { number: node.value, at: node.at }
    : undefined;
}

/** `sampling.temperature`, `examples[0].safe`; a key that is not a plain word is quoted as `--set` wants it. */
export function shownPath(path: readonly Step[]): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      const word = /^[A-Za-z0-9_-]+$/.test(step) ? step : JSON.stringify(step);
      return index === 0 ? word : `.${word}`;
    })
    .join("");
}

/** How a Problem says where. */
export function shownPlace(place: Place): string {
  switch (place.kind) {
    case "file":
      return `${place.file}:${place.line}:${place.column}`;
    case "path":
      return place.path;
    case "set":
      return `--set ${oneLine(place.text, 100)}`;
  }
}

/** A text on one line, cut to a length, for messages. */
export function oneLine(text: string, most: number): string {
  const line = text.replace(/[\r\n\t]+/g, " ");
  const characters = [...line];
  return characters.length <= most ? line : `${characters.slice(0, most - 1).join("")}…`;
}

/**
 * Complaints as Problems, in the order in which a reader meets them: file by file, top to bottom, then the `--set`
 * values. The same words about the same place are said once.
 */
export function toProblems(complaints: readonly Complaint[]): Problem[] {
  const ordered = complaints
    .map((complaint, index) => ({ complaint, index }))
    .sort((a, b) => comparePlaces(a.complaint.at, b.complaint.at, a.index, b.index));
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const { complaint } of ordered) {
    const problem: Problem = {
      kind: "config",
      where: shownPlace(complaint.at),
      message: complaint.message,
      fix: complaint.fix,
    };
    const words = JSON.stringify(problem);
    if (seen.has(words)) continue;
    seen.add(words);
    problems.push(problem);
  }
  return problems;
}

function comparePlaces(a: Place, b: Place, indexA: number, indexB: number): number {
  if (a.kind === "file" && b.kind === "file" && a.file === b.file) {
    return a.line - b.line || a.column - b.column || indexA - indexB;
  }
  const nameA = a.kind === "set" ? undefined : a.kind === "file" ? a.file : a.path;
  const nameB = b.kind === "set" ? undefined : b.kind === "file" ? b.file : b.path;
  if (nameA === undefined || nameB === undefined) {
    return Number(nameA === undefined) - Number(nameB === undefined) || indexA - indexB;
  }
  return nameA < nameB ? -1 : nameA > nameB ? 1 : indexA - indexB;
}
