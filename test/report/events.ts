import type { Ask, BuildEvent } from "../../src/events/schema.ts";
import type { RecipeRef, TargetName } from "../../src/graph/names.ts";
import { targetName } from "../../src/graph/names.ts";
import type { Problem } from "../../src/graph/problem.ts";
import type { StaleReason, TargetState, WaitingOn } from "../../src/graph/state.ts";
import type { Target } from "../../src/graph/target.ts";

/** A target's name, checked. */
export function name(text: string): TargetName {
  const checked = targetName(text);
  if (!checked.ok) throw new Error(checked.error);
  return checked.value;
}

export function targetEvent(
  target: string,
  stage: string,
  state: TargetState,
  durationMs: number | null = null,
): BuildEvent {
  return { type: "target", target: name(target), stage, task: "refusal", state, durationMs };
}

export function jobEvent(batch: number, status: string, completed: number): BuildEvent {
  return {
    type: "job",
    jobId: `job${batch}`,
    requestFile: name(`requests/refusal/request_batch${batch}.jsonl`),
    batchId: `batch_${batch}`,
    status,
    progress: { total: 50, completed, failed: 0 },
  };
}

export const ASK: Ask = {
  requests: 50,
  reused: 0,
  inputTokens: 15_000,
  outputTokens: 40_000,
  costUsd: 0.21,
  maxCostUsd: 0.5,
  model: "gpt-4o",
};

export const AUTH: Problem = {
  kind: "auth",
  where: "requests/refusal/request_batch0.jsonl",
  message: "the key was refused (401).",
  fix: "Check OPENAI_API_KEY.",
};

export function waitingOn(batch: number, completed: number, since: number): WaitingOn {
  return {
    requestFile: name(`requests/refusal/request_batch${batch}.jsonl`),
    jobId: `job${batch}`,
    batchId: `batch_${batch}`,
    status: "in_progress",
    progress: { total: 50, completed, failed: 0 },
    since,
  };
}

/** A build as it is seen from outside: two request files made, asked, one answered and validated, one still under way. */
export const BUILD: readonly BuildEvent[] = [
  { type: "build-started", goals: [name("dataset.jsonl")], simulated: false, provider: "OpenAI" },
  { type: "notice", level: "info", code: "fetch-tokenizer", message: "fetching the tokenizer a/b@main" },
  targetEvent("requests/refusal/request_batch0.jsonl", "requests", { state: "building" }),
  targetEvent("requests/refusal/request_batch0.jsonl", "requests", { state: "built", changed: true }, 12),
  targetEvent("requests/refusal/request_batch1.jsonl", "requests", { state: "fresh" }),
  { type: "stage", stage: "answers", done: 0, total: 2 },
  {
    type: "asking",
    files: 2,
    requests: 100,
    reused: 0,
    inputTokens: 30_000,
    outputTokens: 80_000,
    costUsd: 0.42,
    maxCostUsd: 1,
  },
  { type: "asked", target: name("requests/refusal/request_batch0.jsonl"), ask: ASK },
  { type: "asked", target: name("requests/refusal/request_batch1.jsonl"), ask: ASK },
  jobEvent(0, "submitted", 0),
  jobEvent(1, "submitted", 0),
  jobEvent(0, "in_progress", 20),
  jobEvent(0, "in_progress", 35),
  jobEvent(0, "completed", 50),
  targetEvent("batch_outputs/refusal/output_batch0.jsonl", "answers", { state: "building" }),
  targetEvent("batch_outputs/refusal/output_batch0.jsonl", "answers", { state: "built", changed: true }, 1500),
  targetEvent("validated/refusal/shard0.jsonl", "validation", { state: "restored", reason: "reverted" }),
  targetEvent("validated/refusal/shard1.jsonl", "validation", { state: "built", changed: false }, 80),
  { type: "notice", level: "warning", code: "edited-output", message: "a.txt was changed by hand" },
  targetEvent("dataset.jsonl", "dataset", { state: "failed", problem: AUTH }),
  { type: "problem", problem: AUTH },
  { type: "problem", problem: { ...AUTH, where: "requests/refusal/request_batch1.jsonl" } },
  { type: "summary", target: name("dataset.jsonl"), summary: { pairs: 480 } },
  { type: "build-finished", outcome: "waiting", counts: { built: 2, waiting: 3 }, durationMs: 61_000 },
];

export function target(text: string, stage: string, extra: Partial<Target> = {}): Target {
  const own = name(text);
  return {
    name: own,
    outputs: [own],
    recipe: "dsgen/recipes/validate-shard" as RecipeRef,
    inputs: {},
    pool: "cpu",
    stage,
    task: "refusal",
    ...extra,
  };
}

export const REASONS = {
  neverBuilt: { kind: "never-built" },
  tokenizer: {
    kind: "input-changed",
    input: "tokenizer qwen",
    what: "tokenizer qwen",
    from: '"npm:qwen@3.7.2 (f7c9b2db)"',
    to: '"npm:qwen@3.7.3 (01234567)"',
  },
  recipe: {
    kind: "recipe-changed",
    recipe: "dsgen/recipes/validate-shard",
    modules: ["dsgen/src/tasks/checks.ts", "dsgen/src/tasks/parse.ts"],
  },
} as const satisfies Record<string, StaleReason>;
