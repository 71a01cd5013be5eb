import { expect, test, vi } from "vitest";
import { memoryOutput } from "../../src/report/output.ts";
import type { Verbosity } from "../../src/report/reporter.ts";
import { PLAIN_STYLE } from "../../src/report/style.ts";
import { textReporter } from "../../src/report/text.ts";
import { BUILD, jobEvent, targetEvent } from "./events.ts";

async function told(events: typeof BUILD, verbosity: Verbosity, now = () => 0): Promise<string> {
  const out = memoryOutput();
  const reporter = textReporter(out, PLAIN_STYLE, verbosity, now);
  for (const event of events) reporter.event(event);
  await reporter.close();
  return out.text();
}

test("a build in a pipe: a line for what was made and for what a batch did", async () => {
  expect(await told(BUILD, "normal")).toMatchInlineSnapshot(`
    "note: fetching the tokenizer a/b@main
    built    requests/refusal/request_batch0.jsonl  12 ms
    asking   2 request files: send 100, reuse 0; tokens: 30,000 in, 80,000 out; cost: $0.42 (at most $1.00)
    batch    requests/refusal/request_batch0.jsonl: submitted  0/50
    batch    requests/refusal/request_batch1.jsonl: submitted  0/50
    batch    requests/refusal/request_batch0.jsonl: in_progress  20/50
    batch    requests/refusal/request_batch0.jsonl: completed  50/50
    built    batch_outputs/refusal/output_batch0.jsonl  1.5 s
    restored validated/refusal/shard0.jsonl  (made before from the same inputs)
    built    validated/refusal/shard1.jsonl  80 ms  (the same as before)
    warning: a.txt was changed by hand
    failed   dataset.jsonl
    error: requests/refusal/request_batch0.jsonl: the key was refused (401).
      → Check OPENAI_API_KEY.
      requests    1 made  1 fresh
      answers     1 made  0 fresh
      validation  2 made  0 fresh
      took 1 min 1 s
    "
  `);
});

test("what is made for long is told after ten seconds, then once a minute, and not when all is quick", async () => {
  vi.useFakeTimers();
  try {
    const out = memoryOutput();
    const reporter = textReporter(out, PLAIN_STYLE, "normal", () => Date.now());
    for (let i = 0; i < 9; i++) {
      reporter.event(targetEvent(`t/${i}`, "copies", { state: "building" }));
      await vi.advanceTimersByTimeAsync(3000);
      reporter.event(targetEvent(`t/${i}`, "copies", { state: "fresh" }));
    }
    expect(out.text()).toBe("");
    reporter.event(targetEvent("dataset.jsonl", "dataset", { state: "building" }));
    reporter.event(targetEvent("other.jsonl", "dataset", { state: "building" }));
    await vi.advanceTimersByTimeAsync(150_000);
    const told = out.text().split("\n");
    expect(told).toHaveLength(4);
    expect(told[0]).toMatch(/^building dataset\.jsonl {2}1\d(\.\d)? s so far, and 1 more$/);
    expect(told[2]).toMatch(/^building dataset\.jsonl {2}2 min \d+ s so far, and 1 more$/);
    await reporter.close();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(out.text().split("\n")).toHaveLength(4);
  } finally {
    vi.useRealTimers();
  }
});

test("verbose names every target, and what each file asks", async () => {
  const text = await told(BUILD, "verbose");
  expect(text).toContain("fresh    requests/refusal/request_batch1.jsonl");
  expect(text).toContain("in_progress  20/50");
  expect(text).toContain("asking   requests/refusal/request_batch0.jsonl: send 50");
});

test("counts that grow for a day are a line a minute at most, and none while nothing is told", async () => {
  for (const verbosity of ["normal", "verbose"] as const) {
    let clock = 0;
    const out = memoryOutput();
    const reporter = textReporter(out, PLAIN_STYLE, verbosity, () => clock);
    const day = 24 * 3600;
    for (let second = 0; second < day; second += 5) {
      clock = second * 1000;
      for (const batch of [0, 1]) reporter.event(jobEvent(batch, "in_progress", Math.floor((second * 49) / day)));
    }
    await reporter.close();
    const lines = out.text().trimEnd().split("\n");
    expect(lines[0]).toBe("batch    requests/refusal/request_batch0.jsonl: in_progress  0/50");
    expect(lines[2]).toBe("waiting  2 batches: 0/100");
    expect(lines.at(-1)).toBe("waiting  2 batches: 96/100");
    expect(lines.length).toBeGreaterThan(1400);
    expect(lines.length).toBeLessThanOrEqual(2 + 24 * 60);
  }
});

test("what other machines make is a line when it is first looked at, and one a minute where it has changed", async () => {
  let clock = 0;
  const out = memoryOutput();
  const reporter = textReporter(out, PLAIN_STYLE, "normal", () => clock);
  const waits = (shard: number, reason: string) =>
    reporter.event(
      targetEvent(`validated/refusal/shard${shard}.jsonl`, "validation", {
        state: "waiting",
        on: [],
        elsewhere: [{ executor: "slurm", job: "17", reason, since: 0 }],
      }),
    );
  for (const shard of [0, 1, 2]) waits(shard, "pending (Priority)");
  for (let minute = 0; minute < 3; minute++) {
    clock = minute * 60_000;
    for (let look = 0; look < 6; look++) reporter.event({ type: "look", inMs: 10_000 });
    if (minute === 0) for (const shard of [0, 1]) waits(shard, "running on n1");
  }
  reporter.event(targetEvent("validated/refusal/shard0.jsonl", "validation", { state: "built", changed: true }, 80));
  clock = 180_000;
  reporter.event({ type: "look", inMs: 10_000 });
  await reporter.close();
  expect(out.text()).toMatchInlineSnapshot(`
    "waiting  slurm: 3 targets pending (Priority)
    waiting  slurm: 1 target pending (Priority), 2 running on n1
    built    validated/refusal/shard0.jsonl  80 ms
    waiting  slurm: 1 target pending (Priority), 1 running on n1
    "
  `);
});

test("a refusal by a limit is one problem, not a failure of every file", async () => {
  const problem = { kind: "budget", where: "budget", message: "it would pass the budget." } as const;
  const refused = Array.from({ length: 10 }, (_, i) => targetEvent(`o/${i}`, "answers", { state: "failed", problem }));
  expect(await told([...refused, { type: "problem", problem }], "normal")).toBe(
    "error: budget: it would pass the budget.\n",
  );
});

test("quiet leaves warnings and problems", async () => {
  expect(await told(BUILD, "quiet")).toMatchInlineSnapshot(`
    "warning: a.txt was changed by hand
    error: requests/refusal/request_batch0.jsonl: the key was refused (401).
      → Check OPENAI_API_KEY.
    "
  `);
});

test("ten thousand fresh targets are no line at all", async () => {
  const fresh = Array.from({ length: 10_000 }, (_, i) => targetEvent(`t/${i}`, "t", { state: "fresh" }));
  const end = { type: "build-finished", outcome: "up-to-date", counts: { fresh: 10_000 }, durationMs: 9 } as const;
  expect(await told([...fresh, end], "normal")).toBe("");
});

test("ten thousand targets made, or batches sent, are a few dozen lines", async () => {
  const made = Array.from({ length: 10_000 }, (_, i) =>
    targetEvent(`t/${i}`, "t", { state: "built", changed: true }, 1),
  );
  const sent = Array.from({ length: 10_000 }, (_, i) => jobEvent(i, "submitted", 0));
  const lines = (await told([...made, ...sent], "normal")).trimEnd().split("\n");
  expect(lines.length).toBeLessThan(70);
  expect(lines).toContain("built    t: 10,000 so far");
  expect(lines).toContain("batch    submitted: 10,000 so far");
});

test("stages are summed up as they follow on each other, in whatever order they were met", async () => {
  const out = memoryOutput();
  const reporter = textReporter(out, PLAIN_STYLE, "normal", () => 0, ["requests", "answers", "validation", "dataset"]);
  for (const event of [...BUILD].reverse()) if (event.type === "target") reporter.event(event);
  for (const event of BUILD) if (event.type === "build-finished") reporter.event(event);
  await reporter.close();
  const stages = out.text().match(/^ {2}(?!took)\w+/gm);
  expect(stages).toEqual(["  requests", "  answers", "  validation"]);
});
