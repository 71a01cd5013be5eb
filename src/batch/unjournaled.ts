import { readOutputLine } from "../api/output-line.ts";
import type { Usage } from "../api/usage.ts";
import type { Digest } from "../graph/digest.ts";
import { ProblemError } from "../graph/problem.ts";
import type { Purchase } from "./ledger-record.ts";
import { addTallies, NO_ANSWERS, tallyOf } from "./money.ts";
import type { ResponseEntry, Responses } from "./responses.ts";

/** The answers of every namespace of this cache. */
export interface AnswerIndexes {
  namespaces(): readonly string[];
  responses(namespace: string): Responses;
}

/** Stored answers that no journal line speaks of, as a line of theirs would, and where they lie. */
export interface Unjournaled {
  readonly purchase: Purchase;
  readonly blobs: readonly Digest[];
}

/**
 * Answers that are in an index and in no record: a crash came between the two, a line was damaged, or an older dsgen wrote no
 * such lines. Reads each of them.
 * @param counts whether what a namespace has counts
 * @param speaks whether a job speaks for the answers it brought
 * @param known blobs whose answers have a record
 */
export function unjournaled(
  indexes: AnswerIndexes,
  counts: (namespace: string) => boolean,
  speaks: (job: string) => boolean,
  known: ReadonlySet<Digest>,
): readonly Unjournaled[] {
  const groups = new Map<string, { readonly purchase: Purchase; readonly blobs: Set<Digest> }>();
  const counted = new Set<string>();
  for (const namespace of indexes.namespaces().filter(counts)) {
    const responses = indexes.responses(namespace);
    for (const entry of responses.entries()) {
      const job = entry.via === "batch" ? { job: entry.jobId } : {};
      if (entry.kind !== "answer" || known.has(entry.blob) || (job.job !== undefined && speaks(job.job))) continue;
      // An answer that another namespace took over is in both indexes, and was paid for once.
      const place = `${entry.blob} ${entry.offset}`;
      if (counted.has(place)) continue;
      counted.add(place);
      const { task, model, usage } = readStored(responses, entry);
      const key = [namespace, entry.via, task, model, job.job].join("\n");
      const origin = { namespace, via: entry.via, task, model, from: null, maxCostUsd: null, ...job };
      const group = groups.get(key) ?? { purchase: { ...origin, ...NO_ANSWERS }, blobs: new Set<Digest>() };
      group.blobs.add(entry.blob);
      groups.set(key, { ...group, purchase: { ...origin, ...addTallies(group.purchase, tallyOf([usage])) } });
    }
  }
  return [...groups.values()].map(({ purchase, blobs }) => ({ purchase, blobs: [...blobs] }));
}

/** What an answer says of itself: the task is in the custom_id. */
function readStored(
  responses: Responses,
  entry: ResponseEntry,
): { readonly task: string | null; readonly model: string; readonly usage: Usage | null } {
  const read = readOutputLine(rawOf(responses, entry), (custom) => (custom.length > 33 ? custom.slice(0, -33) : null));
  if (read.kind !== "answer") return { task: null, model: "unknown", usage: null };
  return { task: read.id, model: read.answer.model ?? "unknown", usage: read.answer.usage };
}

/** Damaged or gone, it was bought all the same: what it cost is then not known. */
function rawOf(responses: Responses, entry: ResponseEntry): string {
  try {
    return responses.readRaw(entry.requestId) ?? "";
  } catch (error) {
    if (error instanceof ProblemError) return "";
    throw error;
  }
}
