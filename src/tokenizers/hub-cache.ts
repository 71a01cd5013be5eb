import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { TOKENIZER_FILES } from "./source.ts";

/*
 * The hub cache, laid out as `huggingface_hub` lays it out, so that what Python fetched is used here and the other way round:
 *
 *   models--org--name/blobs/<etag>                       content, named by its etag
 *   models--org--name/snapshots/<commit>/<file>          a link to the blob
 *   models--org--name/refs/<branch or tag>               the commit it stood for when it was fetched
 */

/** What the environment says about the hub. The token is only ever sent to the endpoint itself, never shown. */
export interface HubSettings {
  readonly cacheFolder: string;
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly offline: boolean;
}

const DEFAULT_ENDPOINT = "https://huggingface.co";

/**
 * Reads HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE with the precedence and defaults
 * of `huggingface_hub`. An empty variable counts as unset.
 */
export function hubSettings(environment: Readonly<Record<string, string | undefined>>): HubSettings {
  const read = (name: string): string | undefined => {
    const value = environment[name]?.trim();
    return value === "" ? undefined : value;
  };
  const cacheHome = read("XDG_CACHE_HOME") ?? join(homedir(), ".cache");
  const home = read("HF_HOME") ?? join(cacheHome, "huggingface");
  return {
    cacheFolder: expandHome(read("HF_HUB_CACHE") ?? read("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub")),
    endpoint: (read("HF_ENDPOINT") ?? DEFAULT_ENDPOINT).replace(/\/+$/, ""),
    token: read("HF_TOKEN"),
    offline: /^(1|on|yes|true)$/i.test(read("HF_HUB_OFFLINE") ?? ""),
  };
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** Why a text is not a repo id (`name` or `org/name`), or undefined. Guards the cache's paths and the URL. */
export function badRepo(repo: string): string | undefined {
  if (/^[\w.-]+(\/[\w.-]+)?$/.test(repo) && !repo.includes("..") && !repo.includes("--")) return undefined;
  return `"${repo}" is not a repo id such as Qwen/Qwen1.5-14B-Chat`;
}

/** Why a text is not a revision, or undefined. A revision becomes a path below refs/. */
export function badRevision(revision: string): string | undefined {
  const segments = revision.split("/");
  if (
    /^[\w.\-/]+$/.test(revision) &&
    !segments.some((segment) => segment === "" || segment === "." || segment === "..")
  )
    return undefined;
  return `"${revision}" is not a commit, tag or branch`;
}

/** The repo's folder in the cache. */
export function repoFolder(settings: HubSettings, repo: string): string {
  return join(settings.cacheFolder, `models--${repo.replaceAll("/", "--")}`);
}

/** The snapshot folder that holds both tokenizer files of this revision, or undefined when they were not fetched. */
export function findSnapshot(settings: HubSettings, repo: string, revision: string): string | undefined {
  const base = repoFolder(settings, repo);
  const commit = isCommit(revision) ? revision : readRef(join(base, "refs", ...revision.split("/")));
  if (commit === undefined) return undefined;
  const snapshot = join(base, "snapshots", commit);
  // A dangling link (its blob was deleted) does not exist either: existsSync follows it.
  return TOKENIZER_FILES.every((file) => existsSync(join(snapshot, file))) ? snapshot : undefined;
}

function readRef(file: string): string | undefined {
  try {
    const commit = readFileSync(file, "utf8").trim();
    return isCommit(commit) ? commit : undefined;
  } catch {
    return undefined; // no such ref, or a folder of refs: not fetched
  }
}

function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}
