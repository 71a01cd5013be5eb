import type { Job, JobId, JobState, RemoteView } from "../../src/batch/job.ts";
import { digestOf, fingerprintOf } from "../../src/graph/digest.ts";

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

export function remoteOf(status: RemoteView["status"], more: Partial<RemoteView> = {}): RemoteView {
  return { status, total: 10, completed: 4, failed: 1, outputFileId: null, errorFileId: null, errors: [], ...more };
}
