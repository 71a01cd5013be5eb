import { describe, expect, test } from "vitest";
import { type Collected, type JobId, statusOf } from "../../src/batch/job.ts";
import { renderMetadata, summaryOf } from "../../src/batch/metadata.ts";
import { jobOf, remoteOf } from "./jobs.ts";

const FILES = [0, 1, 2].map((i) => `requests/t/request_batch${i}.jsonl`);
const [FIRST = "", SECOND = "", THIRD = ""] = FILES;
const RESULT: Collected = {
  output: null,
  errors: null,
  answered: 8,
  refused: 1,
  unanswered: { batch_expired: ["x"] },
  usage: { input: 1, cachedInput: 0, output: 1 },
};

const isTarget = (name: string) => FILES.includes(name) || name === "own/t/request_batch0.jsonl";

function entries(jobs: Parameters<typeof renderMetadata>[0]): readonly Record<string, unknown>[] {
  return JSON.parse(renderMetadata(jobs, FILES, isTarget) ?? "[]");
}

describe("batch_metadata.json", () => {
  test("has one entry a job in OpenAI's words, times in seconds", () => {
    const job = jobOf("in_progress", {
      namespace: "openai:api.openai.com",
      fileId: "file-1",
      batchId: "batch_1",
      createdAt: 1_700_000_005_000,
      remote: remoteOf("in_progress", { outputFileId: "file-2" }),
    });
    expect(entries([job])).toEqual([
      {
        batch_file: FIRST,
        batch_id: "batch_1",
        file_id: "file-1",
        status: "in_progress",
        created_at: 1_700_000_005,
        request_counts: { total: 10, completed: 4, failed: 1 },
        output_file_id: "file-2",
        error_file_id: null,
        job_id: job.id,
        attempt: 1,
        model: "gpt-4o-mini",
        endpoint: "/v1/chat/completions",
        collected: false,
      },
    ]);
  });

  test("says of simulated batches that they are", () => {
    const jobs = ["openai:api.openai.com", "simulator:0"].map((namespace) => jobOf("submitted", { namespace }));
    expect(entries(jobs).map((entry) => entry["simulated"])).toEqual([undefined, true]);
  });

  test("goes by request file, then by time, and leaves out what belongs to none of them", () => {
    const jobs = [
      jobOf("submitted", { id: "c" as JobId, requestFile: THIRD }),
      jobOf("submitted", { id: "a2" as JobId, requestFile: FIRST, attempt: 2, intendedAt: 2_000 }),
      jobOf("submitted", { id: "x" as JobId, requestFile: "requests/other/request_batch0.jsonl" }),
      jobOf("submitted", { id: "b" as JobId, requestFile: SECOND }),
      jobOf("expired", { id: "a1" as JobId, requestFile: FIRST, intendedAt: 1_000 }),
    ];
    expect(entries(jobs).map((entry) => entry["job_id"])).toEqual(["a1", "a2", "b", "c"]);
  });

  test("counts what was collected, not what was last announced", () => {
    const job = jobOf("collected", { remote: remoteOf("expired"), collected: RESULT });
    expect(entries([job])[0]).toMatchObject({
      status: "expired",
      collected: true,
      request_counts: { total: 10, completed: 8, failed: 2 },
    });
  });

  test("says why a job came to nothing, line by line", () => {
    const errors = [{ code: "invalid_json_line", message: "not JSON", line: 7, param: null }];
    const job = jobOf("abandoned", { why: "line 7: not JSON", remote: remoteOf("failed", { errors }) });
    expect(entries([job])[0]).toMatchObject({ status: "abandoned", why: "line 7: not JSON", errors });
    expect(summaryOf(job)).toMatchObject({ mark: "failed", errors: ["line 7: not JSON", "line 7: not JSON"] });
  });

  test("is stable: the same jobs give the same bytes, and end with a line's end", () => {
    const jobs = [jobOf("submitted"), jobOf("intended", { id: "z" as JobId })];
    const text = renderMetadata(jobs, FILES, isTarget);
    expect(text).toBe(renderMetadata([...jobs], [...FILES], isTarget));
    expect(text?.endsWith("]\n")).toBe(true);
    expect(renderMetadata([], FILES, isTarget)).toBeUndefined();
  });

  test("has the jobs of a file that lay elsewhere when they were sent, under its name of now, and no other file's", () => {
    const sentAs = (requestFile: string) =>
      entries([jobOf("submitted", { requestFile })]).map((one) => one["batch_file"]);
    expect(sentAs("asked/t/request_batch1.jsonl")).toEqual([SECOND]);
    expect(sentAs("own/t/request_batch0.jsonl")).toEqual([]);
    expect(sentAs("requests/u/request_batch0.jsonl")).toEqual([]);
    expect(sentAs("requests/t/request_batch9.jsonl")).toEqual([]);
  });
});

describe("a job's line in status", () => {
  test.each([
    ["planned", "waiting"],
    ["intended", "waiting"],
    ["uploaded", "waiting"],
    ["submitted", "waiting"],
    ["validating", "waiting"],
    ["in_progress", "waiting"],
    ["finalizing", "waiting"],
    ["completed", "waiting"],
    ["expired", "waiting"],
    ["cancelling", "waiting"],
    ["cancelled", "waiting"],
    ["failed", "waiting"],
    ["collected", "done"],
    ["abandoned", "failed"],
    ["lost", "failed"],
  ] as const)("in the state %s is marked %s", (state, mark) => {
    expect(summaryOf(jobOf(state)).mark).toBe(mark);
  });

  test("shows the provider's last word for what was collected", () => {
    expect(statusOf(jobOf("collected", { remote: remoteOf("cancelled") }))).toBe("cancelled");
    expect(statusOf(jobOf("collected"))).toBe("completed");
    expect(statusOf(jobOf("uploaded"))).toBe("uploaded");
  });

  test("counts from the batch's creation, or from the intent before that", () => {
    expect(summaryOf(jobOf("intended")).since).toBe(1_700_000_000_999);
    expect(summaryOf(jobOf("submitted", { createdAt: 5 })).since).toBe(5);
  });
});
