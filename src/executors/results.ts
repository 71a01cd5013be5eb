import { closeSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Action } from "../engine/action.ts";
import type { Execution } from "../engine/executor.ts";
import type { BlobStore } from "../engine/ports.ts";
import { isDigest } from "../graph/digest.ts";
import { all, list, number, object, oneOf, text } from "../graph/members.ts";
import type { Problem } from "../graph/problem.ts";
import { openSealed, sealBody } from "../store/actions.ts";
import { ifThere } from "../store/durable.ts";
import type { StorePaths } from "../store/layout.ts";
import { publishText, sharedFolders } from "./shared-folder.ts";

/*
 * What workers leave: one small sealed file for each action of an attempt. A reader believes one only as far as it can see
 * for itself: the checksum, whose it is, what recipe made it, and that every blob it names is there at its size.
 */

/** What a worker says of one action. */
export type WorkerResult =
  | Extract<Execution, { state: "made" }>
  /** The recipe failed: made again of the same inputs, it would fail again. */
  | { readonly state: "failed"; readonly problem: Problem }
  /** This process could not make it, or must not (another dsgen, a damaged input, a full disk): another one may. */
  | { readonly state: "refused"; readonly problem: Problem };

/** Of whose making a result is. */
export interface ResultOf {
  readonly key: Action["key"];
  readonly attempt: string;
  readonly identity: string;
  /** The machine, for people. */
  readonly host: string;
}

const OF = { v: oneOf([1]), key: text, attempt: text, identity: text, host: text };
const MADE = all({
  ...OF,
  state: oneOf(["made"]),
  outputs: list(all({ digest: text, size: number })),
  notes: object,
  durationMs: number,
});
const NOT_MADE = all({
  ...OF,
  state: oneOf(["failed", "refused"]),
  problem: all({ kind: text, where: text, message: text }),
});

/** Where the result of an action's attempt lies. */
export function resultFile(paths: Pick<StorePaths, "version">, key: string, attempt: string): string {
  return join(sharedFolders(paths).results, key.slice(0, 2), `${key}-${attempt}.json`);
}

/**
 * Publishes a result at once. What was made is never replaced by less: the process that says so late may be one that was given
 * up. Throws the system's error.
 */
export function writeResult(paths: Pick<StorePaths, "version">, of: ResultOf, result: WorkerResult): void {
  const path = resultFile(paths, of.key, of.attempt);
  if (result.state !== "made" && stateIn(path) === "made") return;
  publishText(path, sealBody(JSON.stringify({ v: 1, ...of, ...result })), sharedFolders(paths).tmp, "worker.result");
}

function stateIn(path: string): unknown {
  const text = ifThere(() => readFileSync(path, "utf8"));
  const opened = text === undefined ? undefined : openSealed(text);
  return opened?.state === "whole" ? opened.body["state"] : undefined;
}

export type FoundResult =
  | (WorkerResult & { readonly host: string })
  /** Nothing of that name can be seen from here now: on a shared file system, that proves little before some time has passed. */
  | { readonly state: "absent" }
  /** There, and not to be believed: `why` says it for people. What it is a result of has to be made again. */
  | { readonly state: "damaged"; readonly why: string };

/** What a result must be of, as an action or a descriptor knows it. */
interface Awaited {
  readonly key: string;
  readonly manifest: { readonly recipe: { readonly identity: string }; readonly outputs: number };
}

/**
 * What a worker left for an action, verified: its checksum, key, attempt and recipe, the number of outputs, and each blob
 * there at its size. (Content is checked when it is restored, as always.) Looked up by name, its folder opened first, so that
 * a network file system asks again. Throws a system error other than that there is no such file.
 */
export function readResult(
  { paths, blobs }: { readonly paths: Pick<StorePaths, "version">; readonly blobs: Pick<BlobStore, "has"> },
  { key, manifest }: Awaited,
  attempt: string,
): FoundResult {
  const path = resultFile(paths, key, attempt);
  const text = ifThere(() => {
    closeSync(openSync(dirname(path), "r"));
    return readFileSync(path, "utf8");
  });
  if (text === undefined) return { state: "absent" };
  const opened = openSealed(text);
  if (opened.state === "damaged") return { state: "damaged", why: opened.why };
  const { body } = opened;
  if (!isResult(body)) return { state: "damaged", why: "it holds no result that this dsgen knows" };
  if (body.key !== key || body.attempt !== attempt)
    return { state: "damaged", why: "it is the result of another action" };
  if (body.identity !== manifest.recipe.identity) return { state: "damaged", why: "another recipe made it" };
  if (body.state !== "made") return { state: body.state, problem: body.problem, host: body.host };
  const { outputs, notes, durationMs, host } = body;
  if (outputs.length !== manifest.outputs)
    return { state: "damaged", why: `it names ${outputs.length} outputs, and ${manifest.outputs} are to be made` };
  const lost = outputs.find(({ digest, size }) => !isDigest(digest) || !blobs.has(digest, size));
  if (lost !== undefined) return { state: "damaged", why: `its output ${lost.digest} is not stored as it says` };
  return { state: "made", outputs, notes, durationMs, host };
}

/** A checksum says that this was written by a dsgen; the table, that it was one that writes as this one does. */
function isResult(body: unknown): body is ResultOf & WorkerResult {
  return MADE(body) || NOT_MADE(body);
}
