import type { OutputBlob, Trace } from "../engine/ports.ts";
import { type ActionKey, type Digest, digestOf, fingerprintOfJson, isDigest, isFingerprint } from "../graph/digest.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { writerFolder } from "./writer.ts";

/*
 * `v1/actions/<project>/<writer>/<action key>-<digest of the record>.json`: what one action produced. Its key is in its name, so
 * that a list says what there is to be had; what it was made from is not in it, for that may be private, and whoever asks knows it.
 */

export const ACTIONS = "actions";

/** What an action is worth to others: it costs them a call for its record and one for each output. */
const CALLS_MS = 100;
const BYTES_A_MS = 20_000;

/** Whether a result takes longer to make than to fetch, on an ordinary line. */
export function isWorthSharing({ durationMs, outputs }: Pick<Trace, "durationMs" | "outputs">): boolean {
  const bytes = outputs.reduce((sum, { size }) => sum + size, 0);
  return durationMs >= CALLS_MS + bytes / BYTES_A_MS;
}

/** The folder of a project's results: its name may hold what a path may not. */
export function actionsFolder(project: string): string {
  return `v1/${ACTIONS}/${fingerprintOfJson(project)}`;
}

export function actionName(project: string, word: string, key: ActionKey, record: Uint8Array): string {
  return `${actionsFolder(project)}/${writerFolder(word)}/${key}-${digestOf(record)}.json`;
}

/** The action that a record is about, as its name says; undefined for another name. */
export function keyInName(name: string): ActionKey | undefined {
  const [, key = ""] = /\/([0-9a-f]{32})-[0-9a-f]{64}\.json$/.exec(name) ?? [];
  return isFingerprint(key) ? (key as ActionKey) : undefined;
}

export function actionBody(project: string, { key, outputs, durationMs, notes }: Trace): JsonObject {
  return { project, key, outputs: outputs.map(({ digest, size }) => [digest, size]), ms: durationMs, notes };
}

/** What a record's body says; undefined where it is no such body, or another project's. */
export function traceIn(body: JsonObject, project: string, by: string): Trace | undefined {
  const { key, ms, notes, outputs: said } = body;
  if (body["project"] !== project || typeof key !== "string" || !isFingerprint(key)) return undefined;
  if (typeof ms !== "number" || !isJsonObject(notes) || !Array.isArray(said)) return undefined;
  const outputs: OutputBlob[] = [];
  for (const one of said) {
    const [digest, size]: unknown[] = Array.isArray(one) ? one : [];
    if (typeof digest !== "string" || !isDigest(digest) || !isSize(size)) return undefined;
    outputs.push({ digest: digest as Digest, size });
  }
  return { v: 1, key: key as ActionKey, outputs, durationMs: ms, notes, by };
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
