import type { JsonObject } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { Progress, StateName, TargetState } from "../graph/state.ts";
import type { Ask } from "./gate.ts";

/**
 * All that a build tells the outside. The engine emits, only report/ prints; `--json` writes each as one line
 * (docs/events.md). Adding an event or a member is compatible; changing one is not.
 */
export type BuildEvent =
  | {
      readonly type: "build-started";
      readonly goals: readonly TargetName[];
      readonly simulated: boolean;
      readonly provider: string;
    }
  | {
      readonly type: "target";
      readonly target: TargetName;
      readonly stage: string;
      readonly task: string | null;
      readonly state: TargetState;
      readonly durationMs: number | null;
    }
  /** How many targets are known by now, per stage; grows while expansions settle. */
  | { readonly type: "stage"; readonly stage: string; readonly done: number; readonly total: number }
  /** All that is about to be asked now, in one sum; nothing of it has been sent. */
  | ({ readonly type: "asking"; readonly files: number } & Omit<Ask, "model">)
  | { readonly type: "asked"; readonly target: TargetName; readonly ask: Ask }
  /** A remote job changed: submitted, counted further, collected. */
  | {
      readonly type: "job";
      readonly jobId: string;
      readonly requestFile: TargetName;
      readonly batchId: string | null;
      readonly status: string;
      readonly progress: Progress;
    }
  /** Nothing is left to do but to wait: the provider is looked at again after so many milliseconds. */
  | { readonly type: "look"; readonly inMs: number }
  | { readonly type: "notice"; readonly level: "info" | "warning"; readonly code: string; readonly message: string }
  | { readonly type: "problem"; readonly problem: Problem }
  /** What a finished dataset holds: the notes of its recipe, as in the manifest's summary. */
  | { readonly type: "summary"; readonly target: TargetName; readonly summary: JsonObject }
  /** What a pilot came to: the answers so far, what they are worth, and what the rest would take in batch jobs. */
  | ({ readonly type: "pilot" } & PilotResult)
  | {
      readonly type: "build-finished";
      /** A pilot was asked to stop after so many requests, and did. */
      readonly outcome: BuildOutcome | "pilot";
      readonly counts: Readonly<Partial<Record<StateName, number>>>;
      readonly durationMs: number;
    };

/** A few requests asked to see what comes of them. */
export interface PilotResult {
  readonly task: string;
  /** The candidates, each with its verdicts; null when none came. */
  readonly file: string | null;
  readonly requests: number;
  readonly answered: number;
  readonly candidates: number;
  readonly valid: number;
  /** Candidates that failed each check, and answers that could not be read, by kind. */
  readonly failedChecks: Readonly<Record<string, number>>;
  readonly unreadable: Readonly<Record<string, number>>;
  /** Asking the requests that have no answer yet. */
  readonly rest: Ask;
  /** How many valid ones the dataset wants; null when it takes all there are. */
  readonly wanted: number | null;
}

/** How an invocation ended, worst first: a failure outranks a refusal, which outranks a wait. */
export type BuildOutcome = "interrupted" | "failed" | "refused" | "waiting" | "up-to-date";

export type Emit = (event: BuildEvent) => void;
