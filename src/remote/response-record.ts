import type { Answer } from "../api/answer-body.ts";
import type { ResponseEntry } from "../api/responses.ts";
import type { Usage } from "../api/usage.ts";
import { type Digest, digestOf, fingerprintOfJson, isDigest, isFingerprint } from "../graph/digest.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { all } from "../graph/members.ts";
import { writerFolder } from "./writer.ts";

/*
 * `v1/responses/<project>/<writer>/<digest of the record>.json`: which requests one file of answers answers, and who was asked.
 * Its name has its content in it, so that it is written once, and that whoever has read it knows that.
 */

export const RESPONSES = "responses";
/** A record is never unreasonably long. */
const MOST_ROWS = 20_000;

/** The answers of one namespace that lie in one blob. */
export interface SharedAnswers {
  readonly namespace: string;
  readonly blob: Digest;
  readonly entries: readonly ResponseEntry[];
  /** What they took, by the model that the answers name; undefined where one of them does not say, or an older dsgen wrote it. */
  readonly tokens?: Tokens | undefined;
}

export type Tokens = Readonly<Record<string, Usage>>;

/** The sum of what answers took; undefined where one of them does not say. */
export function tokensOf(answers: Iterable<Pick<Answer, "model" | "usage"> | undefined>): Tokens | undefined {
  const sums: Record<string, Usage> = {};
  for (const answer of answers) {
    if (answer === undefined || answer.usage === null || answer.model === null) return undefined;
    const { model, usage } = answer;
    sums[model] = plus(sums[model] ?? { input: 0, cachedInput: 0, output: 0 }, usage);
  }
  return sums;
}

export function plus(a: Usage, b: Usage): Usage {
  return { input: a.input + b.input, cachedInput: a.cachedInput + b.cachedInput, output: a.output + b.output };
}

/** The folder of a project's records: its name may hold what a path may not. */
export function recordsFolder(project: string): string {
  return `v1/${RESPONSES}/${fingerprintOfJson(project)}`;
}

export function recordName(project: string, word: string, record: Uint8Array): string {
  return `${recordsFolder(project)}/${writerFolder(word)}/${digestOf(record)}.json`;
}

/** Entries by where they lie and how they came, in an order that hangs on nothing else: the same answers make the same records. */
export function groupAnswers(namespace: string, entries: Iterable<ResponseEntry>): readonly SharedAnswers[] {
  const groups = new Map<string, ResponseEntry[]>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.blob, entry.jobId, entry.batchId, entry.via]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups.values()].flatMap((group) => {
    const sorted = group.sort((a, b) => a.offset - b.offset || (a.requestId < b.requestId ? -1 : 1));
    const blob = sorted[0]?.blob;
    if (blob === undefined) return [];
    const parts = Array.from({ length: Math.ceil(sorted.length / MOST_ROWS) }, (_, i) => i * MOST_ROWS);
    return parts.map((at) => ({ namespace, blob, entries: sorted.slice(at, at + MOST_ROWS) }));
  });
}

export function bodyOf(project: string, { namespace, blob, entries, tokens }: SharedAnswers): JsonObject {
  const { jobId = "", batchId = null, via = "import" } = entries[0] ?? {};
  const rows = entries.flatMap(({ requestId, offset, length }) => [requestId, offset, length]);
  return {
    project,
    namespace,
    blob,
    job: jobId,
    batch: batchId,
    via,
    rows,
    ...(tokens === undefined ? {} : { tokens }),
  };
}

const VIAS: readonly ResponseEntry["via"][] = ["batch", "direct", "import"];

/** What a record's body says; undefined where it is no such body, or another project's. */
export function answersIn(body: JsonObject, project: string): SharedAnswers | undefined {
  const { namespace, blob, job: jobId, batch: batchId, via: said, rows } = body;
  const via = VIAS.find((one) => one === said);
  if (body["project"] !== project || typeof namespace !== "string" || via === undefined) return undefined;
  if (typeof blob !== "string" || !isDigest(blob) || typeof jobId !== "string" || !Array.isArray(rows))
    return undefined;
  if (batchId !== null && typeof batchId !== "string") return undefined;
  const entries: ResponseEntry[] = [];
  for (let at = 0; at < rows.length; at += 3) {
    const [requestId, offset, length]: unknown[] = rows.slice(at, at + 3);
    if (typeof requestId !== "string" || !isFingerprint(requestId) || !isCount(offset) || !isCount(length))
      return undefined;
    entries.push({ requestId, blob, offset, length, kind: "answer", jobId, batchId, via });
  }
  return { namespace, blob, entries, tokens: tokensIn(body["tokens"]) };
}

function tokensIn(said: unknown): Tokens | undefined {
  return isJsonObject(said) && Object.values(said).every(all({ input: isCount, cachedInput: isCount, output: isCount }))
    ? (said as Tokens)
    : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
