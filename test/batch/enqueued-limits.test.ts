import { describe, expect, test } from "vitest";
import { EnqueuedLimits } from "../../src/batch/enqueued-limits.ts";
import type { Job, JobId } from "../../src/batch/job.ts";
import { jobOf } from "./jobs.ts";

const MODEL = "gpt-4o";
const COOL = 1000;

function job(tokens: number | null, model = MODEL, id = "j"): Job {
  return { ...jobOf("in_progress"), id: id as JobId, model, tokens };
}

function limits(limit?: number): EnqueuedLimits {
  return new EnqueuedLimits(new Map(limit === undefined ? [] : [[MODEL, limit]]), COOL);
}

describe("the enqueued-token queue", () => {
  test("lets out what fits beside the open jobs of the same model", () => {
    const queue = limits(100);
    expect(queue.limitOf(MODEL)).toBe(100);
    expect(queue.admits(MODEL, 40, [job(60)], 0)).toBe(true);
    expect(queue.admits(MODEL, 41, [job(60)], 0)).toBe(false);
    expect(queue.admits(MODEL, 100, [job(60, "another")], 0)).toBe(true);
  });

  test("lets one alone out whatever it weighs: the provider's answer is what tells", () => {
    expect(limits(100).admits(MODEL, 5000, [], 0)).toBe(true);
  });

  test("without a known limit or a known weight holds nothing back", () => {
    expect(limits().admits(MODEL, 1e9, [job(1e9)], 0)).toBe(true);
    expect(limits(100).admits(MODEL, null, [job(90)], 0)).toBe(true);
    expect(limits(100).admits(MODEL, 90, [job(null)], 0)).toBe(true);
  });

  test.each<[string, number]>([
    [
      "Enqueued token limit reached for gpt-4o in organization org-abc. Limit: 90,000 enqueued tokens. Please try again once some in_progress batches have been completed.",
      90_000,
    ],
    [
      "Enqueued token limit reached for gpt-4o-mini in organization org-9. Limit: 2,000,000 enqueued tokens.",
      2_000_000,
    ],
    ["enqueued token limit: 40000", 40_000],
  ])("learns the limit from the provider's words: %s", (message, expected) => {
    const queue = limits(10_000_000);
    expect(queue.learn(job(500), message, 100, 0)).toBe(expected);
    expect(queue.limitOf(MODEL)).toBe(expected);
  });

  test("guesses it from what was open when no number is said, or from half the job", () => {
    expect(limits().learn(job(500), "Too much enqueued", 300, 0)).toBe(300);
    expect(limits().learn(job(501), "Too much enqueued", 0, 0)).toBe(251);
    const queue = limits();
    expect(queue.learn(job(null), "Too much enqueued", 0, 0)).toBeNull();
    expect(queue.limitOf(MODEL)).toBeNull();
  });

  test("after a refusal waits before it tries again, longer each time, ten minutes at most", () => {
    const queue = limits();
    let now = 0;
    for (const wait of [1000, 2000, 4000, 8000]) {
      queue.learn(job(10), "Limit: 100", 0, now);
      expect(queue.admits(MODEL, 1, [], now + wait - 1)).toBe(false);
      expect(queue.admits(MODEL, 1, [], now + wait)).toBe(true);
      expect(queue.admits("another", 1, [], now)).toBe(true);
      now += wait;
    }
    for (let i = 0; i < 20; i++) queue.learn(job(10), "Limit: 100", 0, now);
    expect(queue.admits(MODEL, 1, [], now + 599_999)).toBe(false);
    expect(queue.admits(MODEL, 1, [], now + 600_000)).toBe(true);
  });

  test("starts from the short wait again once a job was let in", () => {
    const queue = limits();
    for (let i = 0; i < 5; i++) queue.learn(job(10), "Limit: 100", 0, 0);
    queue.admitted(MODEL);
    expect(queue.admits(MODEL, 1, [], 0)).toBe(true);
    queue.learn(job(10), "Limit: 100", 0, 0);
    expect(queue.admits(MODEL, 1, [], COOL)).toBe(true);
    expect(queue.limitOf(MODEL)).toBe(100);
  });
});
