import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { boundedWait, retrying } from "../engine/retry.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";

/*
 * A dataset's folder on the Hugging Face hub: one commit that makes the repository hold these files, or none when it does
 * already. Whether it does is read from the hub each time, by the files' digests there.
 */

/** A file of the folder. */
export interface HubFile {
  /** Where it lies in the repository. */
  readonly path: string;
  /** Where it lies here. */
  readonly local: string;
}

export interface HubPlace {
  /** `ORG/NAME`. */
  readonly repo: string;
  /** Of the hub; undefined for the public one. */
  readonly endpoint: string | undefined;
  /** Of `HF_TOKEN`; goes to the hub in a header, and nowhere else. */
  readonly token: string;
  /** Whether a repository that is made for it may be seen by anybody. */
  readonly open: boolean;
  /** The commit's message: the digest of what it holds. */
  readonly title: string;
  /** Resolves early, without throwing, when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  readonly signal: AbortSignal;
}

export interface HubPushed {
  /** False when the repository held these very files. */
  readonly sent: boolean;
  /** The commit, where one was made. */
  readonly commit: string | null;
  /** Whether the repository was made for it. */
  readonly created: boolean;
  readonly bytes: number;
}

const PATIENCE = { tries: 4, firstWaitMs: 500, longestMs: 60_000 };

/** Brings a repository to hold these files. Problems: why it does not, and whether anything was done. */
export async function pushToHub(files: readonly HubFile[], place: HubPlace): Promise<Result<HubPushed, Problem>> {
  const hub = await import("@huggingface/hub");
  const { repo, token: accessToken, endpoint, title, signal } = place;
  const named = { type: "dataset" as const, name: repo };
  const at = { repo: named, accessToken, ...(endpoint === undefined ? {} : { hubUrl: endpoint }) };
  const fetching = { fetch: patientFetch(place) };
  const here = await Promise.all(files.map(digests));
  const bytes = here.reduce((sum, { size }) => sum + size, 0);
  let created = false;
  const holds = async (): Promise<boolean> => {
    const there = await hub.pathsInfo({ ...at, ...fetching, paths: files.map(({ path }) => path) });
    return here.every((file) => there.some((info) => isSame(file, info)));
  };
  try {
    if (!(await hub.repoExists({ ...at, ...fetching }))) {
      created = await make(() => hub.createRepo({ ...at, ...fetching, visibility: place.open ? "public" : "private" }));
    } else if (await holds()) return ok({ sent: false, commit: null, created, bytes });
    const operations = files.map(({ path, local }) => ({
      operation: "addOrUpdate" as const,
      path,
      content: pathToFileURL(local),
    }));
    const once = async (): Promise<Result<string | null, unknown>> => {
      try {
        const done = await hub.commit({ ...at, ...fetching, title, operations, useXet: false, abortSignal: signal });
        return ok(done?.commit.oid ?? null);
      } catch (error) {
        // The answer may have been lost, not the commit: what the hub has says which.
        if ((statusOf(error) ?? 500) < 500) throw error;
        return (await holds()) ? ok(null) : err(error);
      }
    };
    const done = await retrying(
      once,
      boundedWait({ ...PATIENCE, firstWaitMs: 1000 }, () => 0),
      { clock: place, signal },
    );
    if (!done.ok) throw done.error;
    return ok({ sent: true, commit: done.value, created, bytes });
  } catch (error) {
    return err(problemOf(error, place));
  }
}

/** False when it is there already: made by an answer that was lost, or by somebody else just now. */
async function make(create: () => Promise<unknown>): Promise<boolean> {
  try {
    await create();
    return true;
  } catch (error) {
    if (statusOf(error) !== 409) throw error;
    return false;
  }
}

interface Digests extends HubFile {
  readonly size: number;
  /** As the hub names a large file's content. */
  readonly sha256: string;
  /** As git names a small file's: SHA-1 of a header and the content. */
  readonly blob: string;
}

async function digests(file: HubFile): Promise<Digests> {
  const { size } = statSync(file.local);
  const sha256 = createHash("sha256");
  const blob = createHash("sha1").update(`blob ${size}\0`);
  for await (const chunk of createReadStream(file.local)) {
    sha256.update(chunk as Buffer);
    blob.update(chunk as Buffer);
  }
  return { ...file, size, sha256: sha256.digest("hex"), blob: blob.digest("hex") };
}

function isSame(
  { path, size, sha256, blob }: Digests,
  there: {
    readonly path: string;
    readonly size: number;
    readonly oid?: string;
    readonly lfs?: { readonly oid: string };
  },
): boolean {
  if (there.path !== path || there.size !== size) return false;
  return there.lfs === undefined ? there.oid === blob : there.lfs.oid === sha256;
}

/** What passes is tried again where that does nothing twice: everything but a commit, and a commit that was told to wait. */
function patientFetch(place: HubPlace): typeof fetch {
  const { signal } = place;
  const waitAfter = boundedWait<Failed>(PATIENCE, ({ askedMs }) => askedMs);
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const isCommit = new URL(url).pathname.includes("/commit/");
    let before: Response | undefined;
    const once = async (): Promise<Result<Response, Failed>> => {
      await before?.body?.cancel();
      before = undefined;
      try {
        const response = await fetch(input, { signal, ...init });
        if (response.status !== 429 && (response.status < 500 || isCommit)) return ok(response);
        before = response;
        const asked = Number(response.headers.get("retry-after")) * 1000;
        return err({ response, askedMs: Number.isFinite(asked) ? asked : 0 });
      } catch (error) {
        return err({ error, askedMs: isCommit ? undefined : 0 });
      }
    };
    const done = await retrying(once, waitAfter, { clock: place, signal });
    if (done.ok) return done.value;
    if ("response" in done.error) return done.error.response;
    throw done.error.error;
  };
}

/** A call that may be made again, after so long; undefined: it may not. */
type Failed = { readonly askedMs: number | undefined } & (
  | { readonly response: Response }
  | { readonly error: unknown }
);

/** Of what the hub's client throws for an answer that is none of the expected. */
function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : undefined;
}

function problemOf(error: unknown, { repo, token, signal }: HubPlace): Problem {
  const where = `hub:${repo}`;
  const status = statusOf(error);
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
  const raw = error instanceof Error ? `${error.message}${cause}` : String(error);
  const said = raw.replaceAll(token, "…").replace(/\s+/g, " ").slice(0, 300);
  const unchanged = "The repository holds what it held.";
  if (signal.aborted)
    return { kind: "io", where, message: "interrupted.", fix: "Run again: it goes on from what is there." };
  if (status === 401 || status === 403)
    return {
      kind: "auth",
      where,
      message: `the hub does not let this token write there (${status}: ${said}).`,
      fix: `Give HF_TOKEN a token with write access to ${repo.split("/")[0]}. ${unchanged}`,
    };
  if (status === 404)
    return {
      kind: "missing-input",
      where,
      message: `the hub knows no such place (404: ${said}).`,
      fix: `Check the name. ${unchanged}`,
    };
  if (status === 409 || status === 412)
    return {
      kind: "io",
      where,
      message: `somebody else committed at the same moment (${status}: ${said}).`,
      fix: `Run again. ${unchanged}`,
    };
  if (status !== undefined && status < 500)
    return { kind: "io", where, message: `the hub refuses it (${status}: ${said}).`, fix: unchanged };
  return {
    kind: "io",
    where,
    message: `the hub could not be reached, or gave no clear answer (${said}); what it has does not show these files.`,
    fix: "Run again: what is there by then is not sent twice.",
  };
}
