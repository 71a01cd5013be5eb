import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "./durable.ts";

export interface StoredFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
}

/**
 * The files of a two-level folder (`ab/<name>`), in order. Strays in the upper level are handed out too, symbolic links
 * among them: they are never followed.
 */
export function* fanOut(root: string): Generator<StoredFile> {
  for (const entry of list(root)) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) yield* flat(path);
    else yield* measured(entry.name, path);
  }
}

/** The files directly in a folder, in order; an absent folder is an empty one. */
export function* flat(folder: string): Generator<StoredFile> {
  for (const entry of list(folder)) {
    if (!entry.isDirectory()) yield* measured(entry.name, join(folder, entry.name));
  }
}

/** Everything directly in a folder, folders included. */
export function list(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((one, other) => (one.name < other.name ? -1 : 1));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function* measured(name: string, path: string): Generator<StoredFile> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat !== undefined) yield { name, path, size: stat.size };
}
