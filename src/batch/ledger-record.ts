import { readOutputLine } from "../api/output-line.ts";
import { readJson } from "../api/read-json.ts";
import type { RequestLine } from "../api/request-file.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import { type Digest, type Fingerprint, fingerprintOfJson, isDigest } from "../graph/digest.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { all, list, type Member, type Members, oneOf, optional, orNull, type Shape, text } from "../graph/members.ts";
import { ProblemError } from "../graph/problem.ts";
import { isOpen, type Job } from "./job.ts";
import { addTallies, chargeOf, NO_ANSWERS, type Tally, tallyOf, type Way } from "./money.ts";

/* What the ledger is a fold over: the lines that it has in the journal, what a job came to, and what is stored without a line. */

const count: Member<number> = (value) => typeof value === "number" && value >= 0;
const digest: Member<Digest> = (value) => typeof value === "string" && isDigest(value);
const usage = all({ input: count, cachedInput: count, output: count });
/** Written by this version, and not insisted on. */
const unchecked = () => true;

const PURCHASE = {
  namespace: text,
  via: oneOf(["batch", "direct", "import"]) as Member<Way>,
  task: orNull(text),
  model: text,
  /** Digest of the request file they were asked for; null where nobody noted it. */
  from: orNull(text as Member<Digest>),
  /** US dollars they can have cost at most; null when that is not known. */
  maxCostUsd: orNull(count),
  /** The job that brought them, where the journal has no such job any more. Should it be found again, it speaks for itself. */
  job: optional(text),
  answers: count,
  unreported: count,
  usage,
};
/** Answers that were bought, or taken in from elsewhere, together: what a job came to, or a record. */
export type Purchase = Shape<typeof PURCHASE>;

/** What each journal line of the ledger holds, beside its `t`. */
const RECORDS = {
  /** Answers that no record of a batch job speaks of. `blobs`: an answer in one of these is counted here and nowhere else. */
  bought: { ...PURCHASE, v: unchecked as Member<1>, blobs: list(digest) },
  /** What the requests of a file were like when they were first sent. */
  asked: {
    v: unchecked as Member<1>,
    from: text as Member<Digest>,
    shape: text as Member<Fingerprint>,
    entries: orNull(count),
  },
  /** Answers that a request file needed and found bought already, counted once each: what it did not pay. */
  reuse: {
    from: text as Member<Digest>,
    namespace: text,
    task: unchecked as Member<string | null>,
    model: text,
    requests: count,
    usage,
    unreported: unchecked as Member<number | undefined>,
  },
};

export type LedgerRecordOf<T extends keyof typeof RECORDS> = Shape<(typeof RECORDS)[T]> & {
  readonly t: T;
  readonly at: number;
};
/** A line of the journal that is the ledger's. */
export type LedgerRecord = { [T in keyof typeof RECORDS]: LedgerRecordOf<T> }[keyof typeof RECORDS];
export type BoughtRecord = LedgerRecordOf<"bought">;

/** Whether a journal line is the ledger's, and makes sense. */
export function isLedgerRecord(line: JsonObject): line is JsonObject & LedgerRecord {
  const kind = line["t"];
  return (
    typeof kind === "string" && Object.hasOwn(RECORDS, kind) && all<Members>(RECORDS[kind as LedgerRecord["t"]])(line)
  );
}

/** What a request says that decides how long its answer gets, beside its text. */
export function shapeOf({ url, model, body }: RequestLine): Fingerprint {
  const keys = ["n", "reasoning_effort", "reasoning", "verbosity", "text"];
  return fingerprintOfJson([url, model, ...keys.map((key) => body[key] ?? null)]);
}

/** What a job that is over came to, as its record says; undefined when it came to nothing. */
export function boughtBy(job: Job): Purchase | undefined {
  const { collected, namespace, task, model, from, maxCostUsd, requests } = job;
  if (isOpen(job)) return undefined;
  const origin = { namespace, via: "batch", task, model, from, maxCostUsd } as const;
  // Executed and paid for, though its answers can no longer be had: nobody can say for how much.
  if (job.state === "lost") return { ...origin, ...NO_ANSWERS, answers: requests, unreported: requests };
  if (collected === null) return undefined;
  // The same of single requests of a batch that no line speaks of.
  const unknown = collected.lost?.length ?? 0;
  const answers = collected.answered + unknown;
  if (answers + collected.usage.input + collected.usage.output === 0) return undefined;
  return { ...origin, answers, unreported: (collected.unreported ?? 0) + unknown, usage: collected.usage };
}

/** The answers of every namespace of this cache. */
export interface AnswerIndexes {
  namespaces(): readonly string[];
  responses(namespace: string): Responses;
}

/** A line that an index of answers names. */
export interface StoredLine {
  readonly namespace: string;
  readonly entry: ResponseEntry;
  readonly raw: string;
}

/**
 * Answers and charges that are stored and in no record: a crash came between the two, a line was damaged, or an older dsgen
 * wrote no such lines. Reads each of them.
 * @param told whether the journal speaks of what lies there
 */
export function* unjournaled(
  indexes: AnswerIndexes,
  namespaces: readonly string[],
  told: (entry: ResponseEntry) => boolean,
): Generator<StoredLine> {
  const seen = new Set<string>();
  for (const namespace of namespaces) {
    const responses = indexes.responses(namespace);
    for (const entry of responses.entries()) {
      // An answer that another namespace took over is in both indexes, and was paid for once.
      const place = `${entry.blob} ${entry.offset}`;
      if (told(entry) || seen.has(place)) continue;
      seen.add(place);
      yield { namespace, entry, raw: rawOf(responses, entry) };
    }
  }
}

/** What these lines came to, as records: one a namespace, way, task, model and job. */
export function recordsOf(lines: Iterable<StoredLine>, at: number): readonly BoughtRecord[] {
  const groups = new Map<string, BoughtRecord>();
  for (const { namespace, entry, raw } of lines) {
    const { task, model, ...tally } = storedPurchase(raw, entry.kind === "answer");
    if (tally.answers + tally.usage.input + tally.usage.output === 0) continue;
    const { via, blob } = entry;
    const job = via === "batch" ? { job: entry.jobId } : {};
    const key = [namespace, via, task, model, job.job].join("\n");
    const { blobs, ...before } = groups.get(key) ?? { ...NO_ANSWERS, blobs: [] };
    const origin = { t: "bought", v: 1, namespace, via, task, model, from: null, maxCostUsd: null, ...job } as const;
    const places = blobs.at(-1) === blob ? blobs : [...blobs, blob];
    groups.set(key, { ...origin, ...addTallies(before, tally), blobs: places, at });
  }
  return [...groups.values()].map((record) => ({ ...record, blobs: [...new Set(record.blobs)] }));
}

/** What a stored line says of itself: the task is in the custom_id. */
function storedPurchase(raw: string, answer: boolean): Tally & Pick<Purchase, "task" | "model"> {
  const line = readOutputLine(raw, (custom) => (custom.length > 33 ? custom.slice(0, -33) : null));
  if (line.kind === "answer") {
    return { task: line.id, model: line.answer.model ?? "unknown", ...tallyOf([line.answer.usage]) };
  }
  const failed = !answer && line.kind !== "foreign" && line.kind !== "unreadable" ? line : undefined;
  // What was an answer and cannot be read was bought all the same: what it cost is then not known.
  if (failed === undefined) return { task: null, model: "unknown", ...(answer ? tallyOf([null]) : NO_ANSWERS) };
  return { task: failed.id, model: modelIn(raw), ...chargeOf(failed.charged) };
}

function modelIn(raw: string): string {
  const line = readJson(raw);
  const response = isJsonObject(line) ? line["response"] : undefined;
  const body = isJsonObject(response) ? response["body"] : undefined;
  const model = isJsonObject(body) ? body["model"] : undefined;
  return typeof model === "string" ? model : "unknown";
}

/** The empty text where it is damaged or gone. */
function rawOf(responses: Responses, { requestId }: ResponseEntry): string {
  try {
    return responses.readRaw(requestId) ?? "";
  } catch (error) {
    if (error instanceof ProblemError) return "";
    throw error;
  }
}
