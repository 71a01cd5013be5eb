import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdir, open, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { problemOfSystem } from "../engine/blocked-path.ts";
import { faultPoint } from "../engine/fault-points.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { findSnapshot, type HubSettings, isCommit, repoFolder } from "./hub-cache.ts";
import { requestFile } from "./hub-request.ts";
import { TOKENIZER_FILES, type TokenizerFile } from "./source.ts";

/*
 * Fetching a tokenizer into the hub cache. Each file is written beside its blob, checked against its etag, fsynced and only
 * then renamed, linked into the snapshot last of all but the ref. A crash or a cut connection at any point leaves either the
 * whole file under its name or nothing that is taken for it.
 */

/** No tokenizer comes near this; it keeps a wrong repo from filling the disk. */
const MAX_BYTES = 512 * 1024 * 1024;

/**
 * Downloads a repo's tokenizer files unless the cache has them already.
 * In: a checked repo id and revision. Out: the snapshot folder.
 * Errors: offline by HF_HUB_OFFLINE, gated, not found, unreachable, damaged on the way, disk full or not writable.
 */
export async function fetchTokenizer(
  settings: HubSettings,
  repo: string,
  revision: string,
  where: string,
): Promise<Result<string, Problem>> {
  const there = findSnapshot(settings, repo, revision);
  if (there !== undefined) return ok(there);
  if (settings.offline) return err(offlineProblem(settings, repo, revision, where));
  try {
    let commit = isCommit(revision) ? revision : undefined;
    for (const file of TOKENIZER_FILES) {
      // The second file is asked for by the first one's commit: a branch may move between the two.
      const fetched = await fetchFile(settings, repo, commit ?? revision, file, where);
      if (!fetched.ok) return fetched;
      commit ??= fetched.value;
    }
    if (commit === undefined) throw new Error("no file was asked for");
    const base = repoFolder(settings, repo);
    if (!isCommit(revision)) await writeAtomic(join(base, "refs", ...revision.split("/")), commit);
    return ok(join(base, "snapshots", commit));
  } catch (error) {
    const problem = problemOfSystem(error, `${where} (${settings.cacheFolder})`);
    if (problem === undefined) throw error;
    return err(problem);
  }
}

/** Downloads one file into blobs/ and links it into its commit's snapshot; answers the commit. */
async function fetchFile(
  settings: HubSettings,
  repo: string,
  revision: string,
  file: TokenizerFile,
  where: string,
): Promise<Result<string, Problem>> {
  const base = repoFolder(settings, repo);
  await mkdir(join(base, "blobs"), { recursive: true });
  const partial = join(base, "blobs", `dsgen-${process.pid}-${randomBytes(6).toString("hex")}.incomplete`);
  const handle = await open(partial, "wx");
  let bytes = 0;
  try {
    const answer = await requestFile(settings, { repo, revision, file, where }, async (chunk) => {
      if (chunk === "again") {
        await handle.truncate(0);
        bytes = 0;
        return undefined;
      }
      await handle.write(chunk, 0, chunk.byteLength, bytes);
      bytes += chunk.byteLength;
      return bytes > MAX_BYTES ? `it is larger than ${MAX_BYTES / 1024 / 1024} MB` : undefined;
    });
    if (!answer.ok) return answer;
    await handle.sync();
    const commit = answer.value.commit ?? (isCommit(revision) ? revision : undefined);
    if (commit === undefined) {
      return err({
        kind: "tokenizer",
        where,
        message: `${settings.endpoint} did not say which commit of ${repo} "${revision}" stands for (no X-Repo-Commit header).`,
        fix: "Pin the revision to a commit of 40 hex digits, or check HF_ENDPOINT.",
      });
    }
    const blob = await blobName(partial, answer.value.etag);
    if (blob === undefined) return err(damaged(repo, file, where));
    faultPoint("hub.blob.rename.before");
    await rename(partial, join(base, "blobs", blob));
    await syncFolder(join(base, "blobs"));
    await linkIntoSnapshot(base, commit, file, blob);
    return ok(commit);
  } finally {
    await handle.close();
    await rm(partial, { force: true });
  }
}

/**
 * The blob's name, which is its etag once the content has been held against it: SHA-256 for large files, git's blob SHA-1
 * for small ones. A mirror with etags of its own kind gets the content's SHA-256. Undefined when the content is not what
 * the etag says.
 */
async function blobName(path: string, etag: string | undefined): Promise<string | undefined> {
  const content = await readFile(path);
  const sha256 = createHash("sha256").update(content).digest("hex");
  if (etag !== undefined && /^[0-9a-f]{64}$/.test(etag)) return etag === sha256 ? etag : undefined;
  if (etag !== undefined && /^[0-9a-f]{40}$/.test(etag)) {
    const sha1 = createHash("sha1").update(`blob ${content.byteLength}\0`).update(content).digest("hex");
    return etag === sha1 ? etag : undefined;
  }
  return sha256;
}

async function linkIntoSnapshot(base: string, commit: string, file: TokenizerFile, blob: string): Promise<void> {
  const snapshot = join(base, "snapshots", commit);
  await mkdir(snapshot, { recursive: true });
  const temporary = join(snapshot, `.${file}.${randomBytes(6).toString("hex")}`);
  try {
    await symlink(join("..", "..", "blobs", blob), temporary);
  } catch {
    await copyFile(join(base, "blobs", blob), temporary); // a file system without links
  }
  await rename(temporary, join(snapshot, file));
  await syncFolder(snapshot);
}

async function writeAtomic(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(temporary, text, { flush: true });
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** A rename is durable only once its folder is on disk. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // folders cannot be opened there
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function offlineProblem(settings: HubSettings, repo: string, revision: string, where: string): Problem {
  return {
    kind: "tokenizer",
    where,
    message: `${repo}@${revision} is not in the cache (${settings.cacheFolder}), and HF_HUB_OFFLINE is set.`,
    fix: "Unset HF_HUB_OFFLINE once to fetch it, or give the tokenizer an npm or folder source.",
  };
}

function damaged(repo: string, file: string, where: string): Problem {
  return {
    kind: "tokenizer",
    where,
    message: `${file} of ${repo} arrived damaged: its content is not what its etag says. Nothing was kept.`,
    fix: "Run again; if it happens again, a proxy on the way changes files.",
  };
}
