import type { Problem } from "../graph/problem.ts";

/** Where a person wrote something. */
export type Place =
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly column: number }
  /** A file or folder as a whole. */
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "set"; readonly text: string };

/** What is wrong, before it is known how places are shown. */
export type Complaint = { readonly at: Place; readonly message: string; readonly fix: string };

/** The steps to a value: keys of maps, indexes of lists. */
export type Path = readonly (string | number)[];

/** `sampling.temperature`, `examples[0].safe`; a key that is not a plain word is quoted as `--set` wants it. */
export function shownPath(path: Path): string {
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
  const problems = new Map<string, Problem>();
  for (const { at, message, fix } of [...complaints].sort((a, b) => comparePlaces(a.at, b.at))) {
    const problem: Problem = { kind: "config", where: shownPlace(at), message, fix };
    problems.set(JSON.stringify(problem), problem);
  }
  return [...problems.values()];
}

function comparePlaces(a: Place, b: Place): number {
  if (a.kind === "file" && b.kind === "file" && a.file === b.file) return a.line - b.line || a.column - b.column;
  const [nameA, nameB] = [a, b].map((place) =>
    place.kind === "file" ? place.file : place.kind === "path" ? place.path : undefined,
  );
  if (nameA === undefined || nameB === undefined) return Number(nameA === undefined) - Number(nameB === undefined);
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
}
