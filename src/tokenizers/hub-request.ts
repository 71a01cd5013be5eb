import { setTimeout as sleep } from "node:timers/promises";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { HubSettings } from "./hub-cache.ts";

/** One file of a repo, asked of the hub. */
export interface FileRequest {
  readonly repo: string;
  readonly revision: string;
  readonly file: string;
  readonly where: string;
}

/** What the hub said about the file besides its content. */
export interface FileHeaders {
  readonly commit: string | undefined;
  readonly etag: string | undefined;
}

/**
 * Takes the content piece by piece. `"again"` means that the download starts over and what came so far is void.
 * A text in answer ends the download with that as the reason.
 */
export type Sink = (chunk: Uint8Array | "again") => Promise<string | undefined>;

const ATTEMPTS = 3;
const REDIRECTS = 5;
const PAUSE_MS = 250;
/** Neither the headers nor the next piece may take longer. */
const SILENCE_MS = 60_000;

/**
 * GETs one file and pours it into `sink`. Follows redirects (large files lie elsewhere) and sends the token to the hub's own
 * origin only. Server errors and cut connections are tried again, at most three times in all; a download costs nothing.
 * Errors: gated, not found, unreachable, refused; never with the token in them.
 */
export async function requestFile(
  settings: HubSettings,
  request: FileRequest,
  sink: Sink,
): Promise<Result<FileHeaders, Problem>> {
  let last: Problem | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) {
      await sleep(PAUSE_MS * 2 ** attempt);
      await sink("again");
    }
    const outcome = await attemptOnce(settings, request, sink);
    switch (outcome.kind) {
      case "whole":
        return ok(outcome.headers);
      case "refused":
        return err(outcome.problem);
      case "again":
        last = outcome.problem;
    }
  }
  if (last === undefined) throw new Error("no attempt was made");
  return err(last);
}

type Outcome =
  | { readonly kind: "whole"; readonly headers: FileHeaders }
  | { readonly kind: "refused"; readonly problem: Problem }
  | { readonly kind: "again"; readonly problem: Problem };

async function attemptOnce(settings: HubSettings, request: FileRequest, sink: Sink): Promise<Outcome> {
  const { repo, revision, file } = request;
  const watchdog = silenceTimer();
  let sinkFailed = false;
  try {
    let address = parseAddress(`${settings.endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${file}`);
    if (address === undefined) return { kind: "refused", problem: badEndpoint(settings, request) };
    let commit: string | undefined;
    let etag: string | undefined;
    for (let hop = 0; hop <= REDIRECTS; hop++) {
      const response = await fetch(address, {
        redirect: "manual",
        signal: watchdog.signal,
        headers: requestHeaders(settings, address),
      });
      watchdog.heard();
      commit ??= response.headers.get("x-repo-commit") ?? undefined;
      // The redirecting answer carries the hub's own etag; the store behind it has another.
      etag ??= cleanEtag(response.headers.get("x-linked-etag") ?? (hop === 0 ? response.headers.get("etag") : null));
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400 && location !== null) {
        await response.body?.cancel();
        const next = parseAddress(location, address);
        if (next === undefined) return { kind: "refused", problem: badEndpoint(settings, request) };
        address = next;
        continue;
      }
      if (response.status !== 200) {
        await response.body?.cancel();
        return refusal(settings, request, response);
      }
      etag ??= cleanEtag(response.headers.get("etag"));
      const announced = lengthOf(response);
      let bytes = 0;
      for await (const chunk of response.body ?? []) {
        watchdog.heard();
        sinkFailed = true;
        const reason = await sink(chunk);
        sinkFailed = false;
        if (reason !== undefined) return { kind: "refused", problem: failed(request, reason) };
        bytes += chunk.byteLength;
      }
      if (announced !== undefined && bytes !== announced) {
        return { kind: "again", problem: failed(request, `${bytes} of ${announced} bytes arrived`) };
      }
      return { kind: "whole", headers: { commit, etag } };
    }
    return { kind: "refused", problem: failed(request, `the hub redirected more than ${REDIRECTS} times`) };
  } catch (error) {
    if (sinkFailed) throw error; // the disk, not the network: the caller knows what to say
    return { kind: "again", problem: unreachableHub(settings, request, error) };
  } finally {
    watchdog.stop();
  }
}

/** The token goes to the hub's own origin and to no store it redirects to. */
function requestHeaders(settings: HubSettings, address: URL): Record<string, string> {
  const headers: Record<string, string> = { "user-agent": "dsgen", "accept-encoding": "identity" };
  if (settings.token !== undefined && address.origin === parseAddress(settings.endpoint)?.origin) {
    headers["authorization"] = `Bearer ${settings.token}`;
  }
  return headers;
}

/** The hub says what is wrong in X-Error-Code; without it the status must do. An unknown repo is a 401 there, too. */
function refusal(settings: HubSettings, request: FileRequest, response: Response): Outcome {
  const { repo, revision, file, where } = request;
  const status = response.status;
  const code = response.headers.get("x-error-code");
  const refused = (kind: Problem["kind"], message: string, fix: string): Outcome => ({
    kind: "refused",
    problem: { kind, where, message, fix },
  });
  if (code === "RepoNotFound") {
    return refused(
      "tokenizer",
      `the hub knows no repo ${repo} (or it is private) (HTTP ${status}).`,
      "Check the spelling; for a private repo set HF_TOKEN.",
    );
  }
  if (code === "RevisionNotFound") {
    return refused(
      "tokenizer",
      `${repo} has no revision "${revision}" (HTTP ${status}).`,
      "Name a commit, tag or branch of it.",
    );
  }
  if (code === "GatedRepo" || status === 401 || status === 403) {
    const token = settings.token === undefined ? "HF_TOKEN is not set" : "HF_TOKEN does not open it";
    return refused(
      "auth",
      `${repo} is gated or private, and ${token} (HTTP ${status}).`,
      `Accept its licence at ${settings.endpoint}/${repo} and set HF_TOKEN to a token that may read it, or give the tokenizer an npm or folder source.`,
    );
  }
  if (status === 404) {
    return refused(
      "tokenizer",
      `the hub has no ${file} in ${repo} at "${revision}" (HTTP 404).`,
      "Check the repo and revision; a repo without tokenizer.json cannot be used.",
    );
  }
  const problem = failed(request, `the hub answered HTTP ${status}`);
  return status === 429 || status >= 500 ? { kind: "again", problem } : { kind: "refused", problem };
}

function failed(request: FileRequest, reason: string): Problem {
  return {
    kind: "tokenizer",
    where: request.where,
    message: `${request.file} of ${request.repo}@${request.revision} was not fetched: ${reason}.`,
    fix: "Run again later; nothing half-fetched is kept.",
  };
}

function unreachableHub(settings: HubSettings, request: FileRequest, error: unknown): Problem {
  return {
    kind: "tokenizer",
    where: request.where,
    message: `${request.file} of ${request.repo}@${request.revision} was not fetched: ${settings.endpoint} cannot be reached or broke off (${causeOf(error)}).`,
    fix: "Check the network and HF_ENDPOINT, or give the tokenizer an npm or folder source.",
  };
}

function badEndpoint(settings: HubSettings, request: FileRequest): Problem {
  return {
    kind: "tokenizer",
    where: request.where,
    message: `${request.file} of ${request.repo} was not fetched: ${settings.endpoint} is not an address, or redirects to none.`,
    fix: "Check HF_ENDPOINT.",
  };
}

/** fetch says "fetch failed" and keeps the reason in `cause`. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  if (cause instanceof Error) {
    return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
  }
  return error.name === "AbortError" ? `no answer for ${SILENCE_MS / 1000} s` : error.message;
}

function cleanEtag(etag: string | null): string | undefined {
  return etag === null ? undefined : etag.replace(/^W\//, "").replaceAll('"', "");
}

function lengthOf(response: Response): number | undefined {
  const text = response.headers.get("content-length");
  return text !== null && response.headers.get("content-encoding") === null && /^\d+$/.test(text)
    ? Number(text)
    : undefined;
}

function parseAddress(text: string, base?: URL): URL | undefined {
  try {
    const address = new URL(text, base);
    return address.protocol === "https:" || address.protocol === "http:" ? address : undefined;
  } catch {
    return undefined;
  }
}

/** Aborts when nothing was heard for SILENCE_MS: a connection that hangs must not hang the build. */
function silenceTimer(): { readonly signal: AbortSignal; heard(): void; stop(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), SILENCE_MS);
  timer.unref();
  return {
    signal: controller.signal,
    heard: () => {
      timer.refresh();
    },
    stop: () => clearTimeout(timer),
  };
}
