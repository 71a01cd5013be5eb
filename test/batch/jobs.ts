import type { BatchStatus, Job, JobId, JobState } from "../../src/batch/job.ts";
import type { JobBook } from "../../src/batch/job-book.ts";
import type { JobContext } from "../../src/batch/job-context.ts";
import { JobLines } from "../../src/batch/job-lines.ts";
import type { Journal } from "../../src/engine/ports.ts";
import { digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import type { JsonObject } from "../../src/graph/json.ts";

/** A job in a state, with what a test wants to be otherwise. */
export function jobOf(state: JobState, more: Partial<Job> = {}): Job {
  return {
    id: fingerprintOf("job") as JobId,
    state,
    namespace: "simulator:1",
    requestFile: "requests/t/request_batch0.jsonl",
    task: "t",
    model: "gpt-4o-mini",
    endpoint: "/v1/chat/completions",
    attempt: 1,
    requests: 10,
    from: digestOf("from"),
    lines: digestOf("lines"),
    tokens: 100,
    maxCostUsd: 0.5,
    fileId: null,
    batchId: null,
    remote: null,
    collected: null,
    why: null,
    intendedAt: 1_700_000_000_999,
    creatingAt: null,
    creatingServerAt: null,
    endedAt: null,
    createdAt: null,
    changedAt: 1_700_000_001_000,
    ...more,
  };
}

export function remoteOf(status: BatchStatus["status"], more: Partial<BatchStatus> = {}): BatchStatus {
  return { status, total: 10, completed: 4, failed: 1, outputFileId: null, errorFileId: null, errors: [], ...more };
}

/** A journal in memory. */
export function journalOf(records: readonly JsonObject[]): Journal & { readonly kept: JsonObject[] } {
  const kept = [...records];
  return {
    kept,
    damaged: () => 0,
    records: () => [...kept],
    append: (one) => void kept.push(one),
    rewrite: (all) => void kept.splice(0, kept.length, ...all),
  };
}

/** The surroundings of a process that starts now, but for what a test gives. */
export function contextOf(
  given: Pick<JobContext, "provider" | "blobs" | "responses" | "clock" | "timing"> & { readonly book: JobBook },
  more: Partial<JobContext> = {},
): JobContext {
  return {
    ...given,
    journal: journalOf([]),
    jobLines: new JobLines(given.blobs, given.responses),
    scratch: "/nowhere",
    emit: () => undefined,
    signal: new AbortController().signal,
    colleagues: undefined,
    creates: { startedAt: given.clock.monotonic(), ended: new Map() },
    fetched: new Map(),
    ...more,
  };
}
