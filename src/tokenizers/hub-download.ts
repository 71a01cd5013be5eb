import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdir, open, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { problemOfSystem } from "../engine/blocked-path.ts";
import { faultPoint } from "../engine/fault-points.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { findSnapshot, type HubSettings, isCommit, repoFolder } from "./hub-cache.ts";
import { TOKENIZER_FILES, type TokenizerFile } from "./source.ts";

/*
 * Fetching a tokenizer into the hub cache. A file is held against its etag before anything of it is written, then its blob is
 * put in place, then the snapshot's link, last of all the ref. `@huggingface/hub` is not used: it names a snapshot by the commit
 * of each file, downloads `main` whatever the branch, checks no content, and does not say why the hub refused.
 */

/** No tokenizer comes near this; it keeps a wrong repo from filling the memory and the disk. */
const MAX_MB = 512;
const ATTEMPTS = 3;
const REDIRECTS = 5;
const PAUSE_MS = 250;
/** Neither the headers nor the next piece may take longer: a connection that hangs must not hang the build. */
const SILENCE_MS = 60_000;

/**
 * Downloads a repo's tokenizer files unless the cache has them already.
 * In: a checked repo id and revision. Out: the snapshot folder.
 * Errors: offline by HF_HUB_OFFLINE, gated, not found, unreachable, damaged on the way, disk full or not writable; never with
 * the token in them.
 */
export async function fetchTokenizer(
  settings: HubSettings,
  repo: string,
  revision: string,
  where: string,
): Promise<Result<string, Problem>> {
  const there = findSnapshot(settings, repo, revision);
  if (there !== undefined) return ok(there);
  if (settings.offline) {
    const message = `${repo}@${revision} is not in the cache (${settings.cacheFolder}), and HF_HUB_OFFLINE is set.`;
    const fix = "Unset HF_HUB_OFFLINE once to fetch it, or give the tokenizer an npm or folder source.";
    return err({ kind: "tokenizer", where, message, fix });
  }
  const base = repoFolder(settings, repo);
  try {
    await mkdir(join(base, "blobs"), { recursive: true });
    let commit = isCommit(revision) ? revision : undefined;
    for (const file of TOKENIZER_FILES) {
      // The second file is asked for by the first one's commit: a branch may move between the two.
      const fetched = await fetchFile(settings, { repo, revision: commit ?? revision, file, where });
      if (!fetched.ok) return fetched;
      const { blob, content } = fetched.value;
      commit ??= fetched.value.commit;
      const path = join(base, "blobs", blob);
      await put(path, (staged) => writeFile(staged, content, { flush: true }));
      await put(join(base, "snapshots", commit, file), (staged) =>
        // A file system without links gets a copy.
        symlink(join("..", "..", "blobs", blob), staged).catch(() => copyFile(path, staged)),
      );
    }
    if (commit === undefined) throw new Error("no file was asked for");
    const name = commit;
    if (!isCommit(revision)) {
      await put(join(base, "refs", ...revision.split("/")), (staged) => writeFile(staged, name, { flush: true }));
    }
    return ok(join(base, "snapshots", commit));
  } catch (error) {
    const problem = problemOfSystem(error, `${where} (${settings.cacheFolder})`);
    if (problem === undefined) throw error;
    return err(problem);
  }
}

/** Makes something under another name, and renames it: after a crash at any point its own name holds nothing or all of it. */
async function put(path: string, make: (staged: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const staged = join(folder, `.dsgen-${process.pid}-${randomBytes(6).toString("hex")}.incomplete`);
  try {
    await make(staged);
    faultPoint("hub.blob.rename.before");
    await rename(staged, path);
  } finally {
    await rm(staged, { force: true });
  }
  if (process.platform === "win32") return; // folders cannot be opened there
  // A rename is durable only once its folder is on disk.
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

/** One file of a repo, asked of the hub. */
interface FileRequest {
  readonly repo: string;
  readonly revision: string;
  readonly file: TokenizerFile;
  readonly where: string;
}

/** A file that is what its etag says, and that names its blob. */
interface FetchedFile {
  readonly commit: string;
  readonly blob: string;
  readonly content: Uint8Array;
}

async function fetchFile(settings: HubSettings, request: FileRequest): Promise<Result<FetchedFile, Problem>> {
  const { repo, revision, file } = request;
  const answer = await get(settings, request);
  if (answer.kind === "failed") return err(answer.problem);
  const { content, etag } = answer;
  const commit = answer.commit ?? (isCommit(revision) ? revision : undefined);
  if (commit === undefined) {
    return err(
      problemOf(
        request,
        `${settings.endpoint} did not say which commit of ${repo} "${revision}" stands for (no X-Repo-Commit header).`,
        "Pin the revision to a commit of 40 hex digits, or check HF_ENDPOINT.",
      ),
    );
  }
  const blob = blobName(content, etag);
  if (blob !== undefined) return ok({ commit, blob, content });
  return err(
    problemOf(
      request,
      `${file} of ${repo} arrived damaged: its content is not what its etag says. Nothing was kept.`,
      "Run again; if it happens again, a proxy on the way changes files.",
    ),
  );
}

/**
 * A blob's name, which is its etag once the content has been held against it: SHA-256 for large files, git's blob SHA-1 for
 * small ones. A mirror with etags of its own kind gets the content's SHA-256. Undefined when the two differ.
 */
function blobName(content: Uint8Array, etag = ""): string | undefined {
  const sha256 = createHash("sha256").update(content).digest("hex");
  const sha1 = createHash("sha1").update(`blob ${content.byteLength}\0`).update(content).digest("hex");
  if (/^[0-9a-f]{64}$/.test(etag)) return etag === sha256 ? etag : undefined;
  if (/^[0-9a-f]{40}$/.test(etag)) return etag === sha1 ? etag : undefined;
  return sha256;
}

type Answer = Whole | Failed;

interface Whole {
  readonly kind: "whole";
  readonly content: Uint8Array;
  readonly commit: string | undefined;
  readonly etag: string | undefined;
}

interface Failed {
  readonly kind: "failed";
  readonly problem: Problem;
  /** Whether another try may help. */
  readonly again?: boolean;
}

/** GETs a file. Server errors and cut connections are tried again, from the start: a download costs nothing. */
async function get(settings: HubSettings, request: FileRequest): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await getOnce(settings, request);
    if (answer.kind === "whole" || answer.again !== true || attempt === ATTEMPTS) return answer;
    await sleep(PAUSE_MS * 2 ** attempt);
  }
}

/** Follows redirects, since large files lie elsewhere. The first answer that names a commit and an etag is the hub's own. */
async function getOnce(settings: HubSettings, request: FileRequest): Promise<Answer> {
  const { endpoint } = settings;
  const { repo, revision, file } = request;
  const notFetched = (reason: string): Failed => ({ kind: "failed", problem: notFetchedProblem(request, reason) });
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS).unref();
  try {
    let address = addressOf(`${endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${file}`);
    let commit: string | undefined;
    let etag: string | undefined;
    for (let hop = 0; hop <= REDIRECTS; hop++) {
      if (address === undefined) {
        const message = `${file} of ${repo} was not fetched: ${endpoint} is not an address, or redirects to none.`;
        return { kind: "failed", problem: problemOf(request, message, "Check HF_ENDPOINT.") };
      }
      const { signal } = silence;
      const response: Response = await fetch(address, {
        redirect: "manual",
        signal,
        headers: headersFor(settings, address),
      });
      timer.refresh();
      const { headers, status } = response;
      commit ??= headers.get("x-repo-commit") ?? undefined;
      // The store behind a redirecting answer has etags of its own kind.
      etag ??= cleanEtag(headers.get("x-linked-etag") ?? (hop === 0 || status === 200 ? headers.get("etag") : null));
      const location = headers.get("location");
      if (status !== 200) await response.body?.cancel();
      if (status >= 300 && status < 400 && location !== null) {
        address = addressOf(location, address);
        continue;
      }
      if (status !== 200) return refusal(settings, request, response);
      const pieces: Uint8Array[] = [];
      let bytes = 0;
      for await (const piece of response.body ?? []) {
        timer.refresh();
        bytes += piece.byteLength;
        if (bytes > MAX_MB * 1024 * 1024) return notFetched(`it is larger than ${MAX_MB} MB`);
        pieces.push(piece);
      }
      const announced = lengthOf(headers) ?? bytes;
      if (bytes === announced) return { kind: "whole", content: Buffer.concat(pieces), commit, etag };
      return { ...notFetched(`${bytes} of ${announced} bytes arrived`), again: true };
    }
    return notFetched(`the hub redirected more than ${REDIRECTS} times`);
  } catch (error) {
    const message = `${file} of ${repo}@${revision} was not fetched: ${endpoint} cannot be reached or broke off (${causeOf(error)}).`;
    const fix = "Check the network and HF_ENDPOINT, or give the tokenizer an npm or folder source.";
    return { kind: "failed", problem: problemOf(request, message, fix), again: true };
  } finally {
    clearTimeout(timer);
  }
}

/** The token goes to the hub's own origin and to no store it redirects to. */
function headersFor({ token, endpoint }: HubSettings, address: URL): Record<string, string> {
  const headers = { "user-agent": "dsgen", "accept-encoding": "identity" };
  const own = token !== undefined && address.origin === addressOf(endpoint)?.origin;
  return own ? { ...headers, authorization: `Bearer ${token}` } : headers;
}

/** The hub says what is wrong in X-Error-Code; without it the status must do. An unknown repo is a 401 there, too. */
function refusal({ endpoint, token }: HubSettings, request: FileRequest, { status, headers }: Response): Answer {
  const { repo, revision, file } = request;
  const code = headers.get("x-error-code");
  const refused = (message: string, fix: string, kind: Problem["kind"] = "tokenizer"): Answer => ({
    kind: "failed",
    problem: { ...problemOf(request, message, fix), kind },
  });
  if (code === "RepoNotFound") {
    const message = `the hub knows no repo ${repo} (or it is private) (HTTP ${status}).`;
    return refused(message, "Check the spelling; for a private repo set HF_TOKEN.");
  }
  if (code === "RevisionNotFound") {
    const message = `${repo} has no revision "${revision}" (HTTP ${status}).`;
    return refused(message, "Name a commit, tag or branch of it.");
  }
  if (code === "GatedRepo" || status === 401 || status === 403) {
    const why = token === undefined ? "HF_TOKEN is not set" : "HF_TOKEN does not open it";
    const fix = `Accept its licence at ${endpoint}/${repo} and set HF_TOKEN to a token that may read it, or give the tokenizer an npm or folder source.`;
    return refused(`${repo} is gated or private, and ${why} (HTTP ${status}).`, fix, "auth");
  }
  if (status === 404) {
    const message = `the hub has no ${file} in ${repo} at "${revision}" (HTTP 404).`;
    return refused(message, "Check the repo and revision; a repo without tokenizer.json cannot be used.");
  }
  const problem = notFetchedProblem(request, `the hub answered HTTP ${status}`);
  return { kind: "failed", problem, again: status === 429 || status >= 500 };
}

function problemOf({ where }: FileRequest, message: string, fix: string): Problem {
  return { kind: "tokenizer", where, message, fix };
}

function notFetchedProblem(request: FileRequest, reason: string): Problem {
  const { file, repo, revision } = request;
  const message = `${file} of ${repo}@${revision} was not fetched: ${reason}.`;
  return problemOf(request, message, "Run again later; nothing half-fetched is kept.");
}

/** fetch says "fetch failed" and keeps the reason in `cause`. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
  return error.name === "AbortError" ? `no answer for ${SILENCE_MS / 1000} s` : error.message;
}

function cleanEtag(etag: string | null): string | undefined {
  return etag?.replace(/^W\//, "").replaceAll('"', "");
}

function lengthOf(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && headers.get("content-encoding") === null && /^\d+$/.test(text) ? Number(text) : undefined;
}

function addressOf(text: string, base?: URL): URL | undefined {
  if (!URL.canParse(text, base?.href)) return undefined;
  const address = new URL(text, base);
  return address.protocol === "https:" || address.protocol === "http:" ? address : undefined;
}
