import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { jsonObjectIn } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { attempted, codeOf, ensureFolder, ifThere, replaceFile } from "./durable.ts";

/** The only layout this dsgen writes. Another number is refused, never guessed at. */
const VERSION = 1;

const SIGNATURE =
  "Signature: 8a477f597d28d172789f06886806bc55\n" +
  "# This folder is a cache made by dsgen (see https://bford.info/cachedir/).\n" +
  "# It also keeps the answers you paid for: `dsgen gc` knows which, `rm` does not.\n";

/** What processes on several machines hand to each other, below the layout's folder (executors/shared-folder.ts). */
export const ELSEWHERE = "elsewhere";

/** Where everything lies. All paths are absolute. */
export type StorePaths = Readonly<ReturnType<typeof storePaths>>;

export function storePaths(cacheDir: string, projectRoot: string) {
  const cache = resolve(cacheDir);
  const version = join(cache, `v${VERSION}`);
  return {
    projectRoot: resolve(projectRoot),
    cacheDir: cache,
    lock: join(cache, "lock"),
    version,
    format: join(version, "format.json"),
    cas: join(version, "cas"),
    actions: join(version, "actions"),
    expansions: join(version, "expansions"),
    responses: join(version, "responses"),
    journal: join(version, "journal.jsonl"),
    workspace: join(version, "workspace.bin"),
    /** Compiled tokenizers; losing them costs seconds. */
    tables: join(version, "tokenizers"),
    /** What builds that had nothing to do have looked at (bin/fresh-watch.js). */
    fresh: join(version, "fresh"),
    /** Parsed config and recipes' identities; losing them costs a quarter of a second. */
    kept: join(version, "kept"),
    elsewhere: join(version, ELSEWHERE),
    /** For staged files: on the same file system as `cas`, so that adopting one is a rename. */
    tmp: join(version, "tmp"),
    quarantine: join(version, "quarantine"),
  };
}

/** A path as a person would write it: from the project root when it lies inside. */
export function shown(paths: StorePaths, path: string): string {
  const short = relative(paths.projectRoot, path);
  return short === "" || short.startsWith("..") ? path : short;
}

/**
 * May this dsgen use what lies there? Reads two small things and writes nothing.
 * Problems: `version` (a layout of another dsgen), `io`, `permission`. A garbled format file is only a warning: the
 * folder's name says which layout it is.
 */
export function checkLayout(paths: StorePaths, warn: (message: string) => void): Result<void, Problem> {
  const where = shown(paths, paths.cacheDir);
  const names = namesIn(paths.cacheDir, where);
  if (!names.ok) return names;
  const other = names.value.find((name) => /^v\d+$/.test(name) && name !== basename(paths.version));
  if (other !== undefined) return err(otherVersion(join(where, other), `the cache has a ${other} folder`));
  if (!names.value.includes(basename(paths.version))) return ok(undefined);
  const format = shown(paths, paths.format);
  const text = attempted(format, () => ifThere(() => readFileSync(paths.format, "utf8")));
  if (!text.ok) return text;
  // Absent: the process that made the folders was ended before it wrote this file.
  if (text.value === undefined) return ok(undefined);
  const version = jsonObjectIn(text.value)?.["v"];
  if (version === VERSION) return ok(undefined);
  if (typeof version === "number") return err(otherVersion(format, `it says version ${version}`));
  warn(`${format} is unreadable; taken for version ${VERSION}, as its folder is named.`);
  return ok(undefined);
}

function otherVersion(where: string, found: string): Problem {
  return {
    kind: "version",
    where,
    message: `this dsgen reads version ${VERSION} of the cache; ${found}.`,
    fix: "Use the dsgen that wrote it (or a newer one), or name another folder with --cache-dir. Nothing was changed.",
  };
}

/**
 * Makes the folders of a cache, once; called by a writer that holds the lock. Safe to repeat and to be interrupted.
 * Refuses (`usage`) a folder that holds somebody else's files: the `.gitignore` written here would hide them.
 */
export function initialiseStore(cacheDir: string): Result<void, Problem> {
  const paths = storePaths(cacheDir, dirname(cacheDir));
  const made = attempted(paths.cacheDir, () => mkdirSync(paths.cacheDir, { recursive: true }));
  if (!made.ok) return made;
  const names = namesIn(paths.cacheDir, paths.cacheDir);
  if (!names.ok) return names;
  const known =
    basename(paths.cacheDir) === ".dsgen-cache" ||
    names.value.includes("CACHEDIR.TAG") ||
    names.value.includes(basename(paths.version));
  const foreign = names.value.find((name) => !isOurs(name));
  if (!known && foreign !== undefined) {
    return err({
      kind: "usage",
      where: paths.cacheDir,
      message: `expected an empty folder or a dsgen cache, found ${foreign}.`,
      fix: "Name a folder of its own with --cache-dir.",
    });
  }
  const layout = checkLayout(paths, () => undefined);
  if (!layout.ok) return layout;
  return attempted(paths.cacheDir, () => {
    createOnce(join(paths.cacheDir, ".gitignore"), "*\n");
    createOnce(join(paths.cacheDir, "CACHEDIR.TAG"), SIGNATURE);
    const { cas, actions, expansions, responses, fresh, tmp, quarantine, format } = paths;
    for (const folder of [cas, actions, expansions, responses, fresh, tmp, quarantine]) ensureFolder(folder);
    const text = `${JSON.stringify({ format: "dsgen-store", v: VERSION })}\n`;
    if (!existsSync(format)) replaceFile(format, tmp, [text], "format.put");
  });
}

function isOurs(name: string): boolean {
  return name === ".gitignore" || name === "lock" || name.startsWith("lock.");
}

function createOnce(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "wx" });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

function namesIn(folder: string, where: string): Result<readonly string[], Problem> {
  const names = attempted(where, () => {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return [];
      if (codeOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  });
  if (!names.ok) return names;
  if (names.value !== undefined) return ok(names.value);
  return err({
    kind: "io",
    where,
    message: "expected a folder for the cache, found a file.",
    fix: "Move the file away, or name another folder with --cache-dir.",
  });
}
