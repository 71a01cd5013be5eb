import { readOutputLine } from "../api/output-line.ts";
import type { Usage } from "../api/usage.ts";
import { type Digest, type Fingerprint, fingerprintOfJson, isDigest } from "../graph/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Tally } from "./money.ts";
import type { RequestLine } from "./request-file.ts";
import type { ResponseEntry } from "./responses.ts";

/* What the ledger is a fold over, besides the jobs' own records, and what it tells. */

/** Answers that were bought, or taken in from elsewhere, together: what a job came to, or a record. */
export type Purchase = Tally & {
  readonly namespace: string;
  readonly via: ResponseEntry["via"];
  readonly task: string | null;
  readonly model: string;
  /** Digest of the request file they were asked for; null where nobody noted it. */
  readonly from: Digest | null;
  /** US dollars they can have cost at most; null when that is not known. */
  readonly maxCostUsd: number | null;
  /** The job that brought them, where the journal has no such job any more. Should it be found again, it speaks for itself. */
  readonly job?: string;
};

/** Answers that no record of a batch job speaks of. A journal line. */
export type BoughtRecord = Purchase & {
  readonly t: "bought";
  readonly v: 1;
  /** Where they lie; an answer in one of these is counted here and nowhere else. */
  readonly blobs: readonly Digest[];
  readonly at: number;
};

/** What the requests of a file were like when they were first sent. A journal line. */
export type AskedRecord = {
  readonly t: "asked";
  readonly v: 1;
  readonly from: Digest;
  readonly shape: Fingerprint;
  readonly entries: number | null;
  readonly at: number;
};

/** Answers that a build needed and had already: what it did not pay. A journal line. */
export type ReuseRecord = {
  readonly t: "reuse";
  /** Digest of the request file that needed them; counted once each. */
  readonly from: Digest;
  readonly namespace: string;
  readonly task: string | null;
  readonly model: string;
  readonly requests: number;
  readonly usage: Usage;
  readonly unreported?: number;
  readonly at: number;
};

/** Answers taken in from files, or from another namespace. A journal line; what they took is in a `bought` line. */
export type ImportRecord = {
  readonly t: "import";
  readonly namespace: string;
  readonly answers: number;
  readonly blob: Digest;
  /** Request id, offset and length of each answer: their own custom_ids are another tool's, so nothing else says whose they are. */
  readonly rows?: readonly (string | number)[];
  readonly at: number;
};

/** What one kind of answer of one task and model came to. */
export interface SpendingLine extends Tally {
  readonly namespace: string;
  readonly task: string;
  readonly model: string;
  readonly via: ResponseEntry["via"];
  /** US dollars, at least when some answers are unreported; null when not known. Imported answers were paid for elsewhere. */
  readonly usd: number | null;
}

export interface PendingLine {
  readonly task: string;
  readonly model: string;
  readonly requests: number;
  readonly usd: number | null;
}

/** What a project paid, what is under way, and what reuse has saved. */
export interface CostReport {
  readonly spent: readonly SpendingLine[];
  readonly spentUsd: number | null;
  /** The jobs under way, at their most. */
  readonly inFlight: readonly PendingLine[];
  readonly inFlightUsd: number | null;
  readonly saved: readonly PendingLine[];
  readonly savedUsd: number | null;
}

/** The journal line of a purchase that no job brought. */
export function boughtRecord(purchase: Purchase, blobs: readonly Digest[], at: number): BoughtRecord {
  const { namespace, via, task, model, from, maxCostUsd, job, answers, unreported, usage } = purchase;
  const of = job === undefined ? {} : { job };
  return {
    t: "bought",
    v: 1,
    namespace,
    via,
    task,
    model,
    from,
    maxCostUsd,
    ...of,
    answers,
    unreported,
    usage,
    blobs,
    at,
  };
}

/** What a request says that decides how long its answer gets, beside its text. */
export function shapeOf({ url, model, body }: RequestLine): Fingerprint {
  const keys = ["n", "reasoning_effort", "reasoning", "verbosity", "text"];
  return fingerprintOfJson([url, model, ...keys.map((key) => body[key] ?? null)]);
}

/** The record in a journal line; undefined when the line is another's, or makes no sense. */
export function readLedgerRecord(line: JsonObject): BoughtRecord | AskedRecord | ReuseRecord | undefined {
  if (isBought(line) || isAsked(line) || isReuse(line)) return line;
  return undefined;
}

function isBought(line: JsonObject): line is JsonObject & BoughtRecord {
  const { t, namespace, via, task, model, from, maxCostUsd, job, answers, unreported, blobs } = line;
  return (
    t === "bought" &&
    (via === "batch" || via === "direct" || via === "import") &&
    (job === undefined || isText(job)) &&
    isText(namespace) &&
    (task === null || isText(task)) &&
    isText(model) &&
    (from === null || isText(from)) &&
    (maxCostUsd === null || isNumber(maxCostUsd)) &&
    isNumber(answers) &&
    isNumber(unreported) &&
    isUsage(line["usage"]) &&
    Array.isArray(blobs) &&
    blobs.every((blob) => isText(blob) && isDigest(blob))
  );
}

function isAsked(line: JsonObject): line is JsonObject & AskedRecord {
  const { t, from, shape, entries } = line;
  return t === "asked" && isText(from) && isText(shape) && (entries === null || isNumber(entries));
}

function isReuse(line: JsonObject): line is JsonObject & ReuseRecord {
  const { t, from, namespace, model, requests } = line;
  return (
    t === "reuse" && isText(from) && isText(namespace) && isText(model) && isNumber(requests) && isUsage(line["usage"])
  );
}

function isUsage(value: JsonValue | undefined): boolean {
  return isJsonObject(value) && [value["input"], value["cachedInput"], value["output"]].every(isNumber);
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === "string";
}

function isNumber(value: JsonValue | undefined): value is number {
  return typeof value === "number" && value >= 0;
}

/** The tokens that a raw answer says it took; null when it does not say, or says what makes no sense. */
export function usageSaid(raw: string): Usage | null {
  const read = readOutputLine(raw, (custom) => custom);
  return read.kind === "answer" ? read.answer.usage : null;
}

/** Whether an answer bears the simulator's mark: it was made up, whatever address it came from. */
export function saidBySimulator(raw: string): boolean {
  const read = readOutputLine(raw, (custom) => custom);
  return read.kind === "answer" && read.answer.simulated;
}

/** Whether a namespace is that of the simulator inside dsgen. */
export function isSimulator(namespace: string): boolean {
  return namespace.startsWith("simulator:");
}
