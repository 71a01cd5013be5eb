import type { ImportReport } from "../batch/import.ts";
import type { CostReport } from "../batch/ledger.ts";
import type { Ask } from "../engine/gate.ts";
import type { JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import type { Progress, RestoreReason, StaleReason, WaitingOn } from "../graph/state.ts";
import type { Finding } from "../store/fsck.ts";
import type { GcReport } from "../store/gc.ts";

/*
 * What commands other than build answer, one line of JSON each under --json (docs/events.md). Adding a member is
 * compatible; changing one is not.
 */

/** What `build` would do about a target. `maybe`: it is made again only if an input comes out different. */
export type PlanAction = "fresh" | "build" | "rebuild" | "maybe" | "restore" | "wait" | "blocked" | "fail";

/** A target in a plan, and what `explain` says of one. */
export interface PlanLine {
  readonly type: "plan";
  readonly target: string;
  readonly stage: string;
  readonly task: string | null;
  readonly action: PlanAction;
  readonly reasons: readonly StaleReason[];
  readonly waitingOn: readonly WaitingOn[];
  readonly blockedBy: readonly string[];
  /** Why it is put back, when that is what is done. */
  readonly restore: RestoreReason | null;
  readonly problem: Problem | null;
  /** What it would ask the provider. */
  readonly ask: Ask | null;
  /** Of a target made from as many others as it takes (a dataset, of shards): why these and no more. */
  readonly reason: string | null;
}

/** What all asking of a plan comes to; `null` is unknown. */
export interface AskTotal {
  readonly requests: number;
  readonly reused: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  readonly maxCostUsd: number | null;
  /** Requests that `--limit` leaves for a later build; not there when there are none. */
  readonly left?: number;
}

export interface PlanTotalLine extends AskTotal {
  readonly type: "plan-total";
  readonly goals: readonly string[];
  readonly provider: string;
  readonly simulated: boolean;
  readonly actions: Readonly<Partial<Record<PlanAction, number>>>;
}

/** How a batch job stands, for a person: `retry` when the next build sends again what it left unanswered. */
export type JobStanding = "done" | "waiting" | "retry" | "failed";

export interface JobLine {
  readonly type: "job-status";
  readonly requestFile: string;
  readonly task: string | null;
  readonly jobId: string;
  readonly batchId: string | null;
  readonly status: string;
  readonly standing: JobStanding;
  readonly progress: Progress;
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** When it was over; null while it is not. */
  readonly until: number | null;
  readonly errors: readonly string[];
}

/** A file that dsgen made for a target that is no more. */
export interface OrphanLine {
  readonly type: "orphan";
  readonly file: string;
  readonly target: string;
  readonly state: "as-placed" | "edited" | "only-copy";
}

export interface StatusTotalLine {
  readonly type: "status-total";
  readonly jobs: Readonly<Record<JobStanding, number>>;
  readonly provider: string;
  readonly simulated: boolean;
}

/** Why a target stands as it does, with the targets upstream that are the cause. */
export interface ExplanationLine {
  readonly type: "explanation";
  readonly target: string;
  readonly standing: PlanLine;
  readonly causes: readonly PlanLine[];
}

/** One variant of one scenario that broke the pair rule under one tokenizer, or a scenario that could not be held to it. */
export type ValidationFailureLine =
  | {
      readonly type: "validation-failure";
      readonly line: number;
      readonly scenarioId: number;
      readonly variant: string;
      readonly tokenizer: string;
      readonly reason: "unequal-token-count" | "not-one-token-apart";
      readonly promptTokens: number;
      readonly counterfactualTokens: number;
      /** How many positions differ; null when the counts do. */
      readonly differences: number | null;
    }
  | {
      readonly type: "validation-failure";
      readonly line: number;
      readonly reason: "incomplete-scenario" | "unfit-text";
      readonly message: string;
    };

export interface ValidationLine {
  readonly type: "validation";
  readonly file: string;
  readonly rows: number;
  readonly scenarios: number;
  readonly validScenarios: number;
  readonly malformed: number;
  /** Variant → tokenizer → how many scenarios failed. */
  readonly failures: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface InspectionLine {
  readonly type: "inspection";
  readonly file: string;
  /** "dataset" is one of pairs. */
  readonly format: "dataset" | "records" | "embeddings" | "shard" | "requests" | "output" | "unknown";
  readonly lines: number;
  /** Lines that are no JSON objects. */
  readonly malformed: number;
  /** Scenarios or records of a dataset; lines of any other file. */
  readonly entries: number;
  /** By what the format counts: row types, verdicts, models, status codes. */
  readonly counts: Readonly<Record<string, number>>;
  /** The first entries, as they are in the file. */
  readonly first: readonly JsonObject[];
}

export interface SimulatorLine {
  readonly type: "simulator";
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A generated file that `clean` looked at; `kept` says why it is still there. */
export interface CleanLine {
  readonly type: "clean";
  readonly file: string;
  readonly action: "removed" | "would-remove" | "kept";
  readonly why: "edited" | "not-placed-by-dsgen" | "only-copy" | "symbolic-link" | null;
}

export interface CleanTotalLine {
  readonly type: "clean-total";
  readonly removed: number;
  readonly kept: number;
  /** Whether the cache was cleaned too. */
  readonly cache: boolean;
  /** Bytes that went from the cache. */
  readonly freedBytes: number;
  readonly paidAnswersRemoved: number;
  /** What the cache keeps because it was paid for, or may have been; null when it was not looked at. */
  readonly paidBytesKept: number | null;
  readonly dryRun: boolean;
}

export interface GraphLine {
  readonly type: "graph";
  readonly target: string;
  readonly stage: string;
  readonly task: string | null;
  /** Null for a live view. */
  readonly recipe: string | null;
  readonly outputs: readonly string[];
  readonly from: readonly string[];
  /** Of `from`, those that an expansion may or may not choose. */
  readonly candidates: readonly string[];
}

/** What `cost` answers. */
export interface CostLine extends CostReport {
  readonly type: "cost";
  readonly provider: string;
  readonly simulated: boolean;
}

/** What `recover` answers: jobs found again, and how all jobs stand now. */
export interface RecoveredLine {
  readonly type: "recovered";
  readonly adopted: number;
  readonly known: number;
  /** What could not be taken, and why. */
  readonly left: readonly string[];
  readonly collected: number;
  readonly running: number;
}

/** What `recover --forget` answers. */
export interface ForgottenLine {
  readonly type: "forgotten";
  readonly jobId: string;
  readonly requestFile: string;
}

/** What `import` answers. */
export interface ImportedLine extends ImportReport {
  readonly type: "imported";
}

/** What `import --from-namespace` answers. */
export interface TakenOverLine {
  readonly type: "taken-over";
  readonly from: string;
  readonly namespace: string;
  readonly taken: number;
  readonly known: number;
  readonly simulated: number;
}

/** What `gc` answers. */
export interface GcLine extends GcReport {
  readonly type: "gc";
  readonly dryRun: boolean;
}

/** One thing `fsck` found. */
export interface FsckLine extends Finding {
  readonly type: "fsck";
}

export interface FsckTotalLine {
  readonly type: "fsck-total";
  readonly findings: number;
  /** Of these, how many concern paid answers. */
  readonly paid: number;
}

export type ResultLine =
  | PlanLine
  | PlanTotalLine
  | JobLine
  | StatusTotalLine
  | OrphanLine
  | ExplanationLine
  | ValidationFailureLine
  | ValidationLine
  | InspectionLine
  | SimulatorLine
  | CleanLine
  | CleanTotalLine
  | GraphLine
  | CostLine
  | RecoveredLine
  | ForgottenLine
  | ImportedLine
  | TakenOverLine
  | GcLine
  | FsckLine
  | FsckTotalLine;
