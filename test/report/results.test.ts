import { expect, test } from "vitest";
import { type BuildResult, buildResultText } from "../../src/report/build-result.ts";
import { cleanText } from "../../src/report/clean.ts";
import { inspectionText } from "../../src/report/inspection.ts";
import { type JobFacts, jobLines, jobsText, statusTotal } from "../../src/report/jobs.ts";
import type { CleanTotalLine } from "../../src/report/result-schema.ts";
import { PLAIN_STYLE, styleFor } from "../../src/report/style.ts";
import { summaryOfManifest, summaryText } from "../../src/report/summary.ts";
import { failureText, validationText } from "../../src/report/validation.ts";
import { waitingOn } from "./events.ts";

const NOW = 1_000_000;

const MANIFEST = {
  simulated: false,
  cost_usd: 1.87,
  summary: {
    responses: 500,
    pairs: 4980,
    valid: 1612,
    failures_by_check: { "equal-token-count": 1288, "one-token-difference": 2100, length: 0 },
    failures_by_tokenizer: { qwen: 1900, llama: { single_token: 1000, multi_token: 1000 }, solar: 3000 },
    duplicates: 8,
    success_rate: 0.3224,
    rows: 6000,
    target: 1500,
    short_by: 0,
  },
};

test("the summary of a dataset, from its manifest", () => {
  const summary = summaryOfManifest("dataset.jsonl", JSON.stringify(MANIFEST));
  if (summary === undefined) throw new Error("no summary");
  expect(summaryText(summary, 80, PLAIN_STYLE)).toMatchInlineSnapshot(`
    "dataset.jsonl
      responses processed    500
      pairs generated        4,980
      valid scenarios        1,612
      failures by check      one-token-difference 2,100, equal-token-count 1,288
      failures by tokenizer  solar 3,000, llama 2,000, qwen 1,900
      duplicates             8
      success rate           32.2 %
      prompts written        6,000
      scenarios wanted       1,500
      cost                   $1.87
      file                   dataset.jsonl
    "
  `);
});

test("a summary of records speaks of records and rows", () => {
  const text = JSON.stringify({ summary: { records: 60, valid: 50, rows: 40, target: 45, short_by: 5 } });
  const summary = summaryOfManifest("r.jsonl", text);
  if (summary === undefined) throw new Error("no summary");
  const said = summaryText(summary, 80, PLAIN_STYLE);
  expect(said).toMatch(/valid records +50\n.*rows written +40\n +records wanted +45\n/s);
  expect(said).toContain("short: 5 records fewer than wanted");
  expect(said).not.toMatch(/scenario|prompt|pair/);
  const one = summaryOfManifest("r.jsonl", text.replace('"short_by":5', '"short_by":1'));
  expect(one && summaryText(one, 80, PLAIN_STYLE)).toContain("short: 1 record fewer than wanted");
});

test("a summary says under which tokenizers its verdicts may be wrong", () => {
  const unproven = { qwen: ["pre_tokenizer = Digits"], solar: ["normalizer = NFD"] };
  const summary = summaryOfManifest("d.jsonl", JSON.stringify({ ...MANIFEST, unproven_tokenizers: unproven }));
  if (summary === undefined) throw new Error("no summary");
  expect(summaryText(summary, 80, PLAIN_STYLE)).toMatch(
    /^unproven: verdicts under qwen, solar may be wrong; `unproven: allow` takes them\.$/m,
  );
});

test("a summary that lacks members, is short or simulated says what it can", () => {
  const summary = summaryOfManifest(
    "d.jsonl",
    JSON.stringify({ simulated: true, cost_usd: 3, summary: { pairs: 3, short_by: 1200 } }),
  );
  if (summary === undefined) throw new Error("no summary");
  expect(summaryText(summary, 80, PLAIN_STYLE)).toMatchInlineSnapshot(`
    "d.jsonl
      pairs generated  3
      file             d.jsonl
    short: 1,200 scenarios fewer than wanted; every allowed batch is used.
    simulated: these answers come from dsgen's simulator, not from a model.
    "
  `);
  for (const text of ["", "[]", "{}", '{"summary": 3}']) expect(summaryOfManifest("d.jsonl", text)).toBeUndefined();
});

const result = (changes: Partial<BuildResult>): BuildResult => ({
  outcome: "up-to-date",
  counts: { fresh: 33 },
  sent: false,
  goals: [{ name: "dataset.jsonl", state: "fresh" }],
  waiting: [],
  elsewhere: [],
  summaries: [],
  ...changes,
});

test("how a build ends", () => {
  const told = (changes: Partial<BuildResult>) => buildResultText(result(changes), NOW, 80, PLAIN_STYLE);
  expect(told({})).toBe("Everything is up to date; nothing was sent.\n  ✓ dataset.jsonl\n");
  expect(told({ sent: true })).toMatch(/^Everything is up to date; what was missing was sent\.\n/);
  expect(told({ counts: { built: 1, fresh: 2 } })).toBe("Up to date: 1 target built, 2 fresh.\n  ✓ dataset.jsonl\n");
  expect(told({ outcome: "failed", counts: { failed: 1, blocked: 3 } })).toBe(
    "Failed: 1 target; 3 targets blocked by that.\n",
  );
  expect(told({ outcome: "refused" })).toContain("none of what was refused was sent");
  expect(told({ outcome: "interrupted" })).toContain("the next dsgen build picks them up");
  const waiting = { outcome: "waiting", goals: [{ name: "dataset.jsonl", state: "waiting" }] } as const;
  expect(
    told({ ...waiting, waiting: [waitingOn(1, 35, NOW - 720_000), waitingOn(12, 5, NOW - 4000)] }),
  ).toMatchInlineSnapshot(`
    "Waiting on the provider for 2 batches:
      request_batch1.jsonl: in_progress   35/50  12 min
      request_batch12.jsonl: in_progress   5/50     4 s
      … dataset.jsonl
    Nothing failed. Run dsgen build again later, or dsgen build --wait to stay until it is done.
    "
  `);
});

test("a build that waits for other machines says for how much, in which job, and why", () => {
  const on = (reason: string, job: string | null = "17") => ({ executor: "slurm", job, reason, since: NOW - 180_000 });
  const elsewhere = [on("pending (Priority)"), on("running on n1"), on("running on n1"), on("held back", null)];
  const goals = [{ name: "dataset.jsonl", state: "waiting" }] as const;
  const told = (changes: Partial<BuildResult>) =>
    buildResultText(result({ outcome: "waiting", goals, elsewhere, ...changes }), NOW, 80, PLAIN_STYLE);
  expect(told({})).toMatchInlineSnapshot(`
    "Waiting on slurm:
      1 target: pending (Priority)  job 17  3 min
      2 targets: running on n1      job 17  3 min
      1 target: held back                   3 min
      … dataset.jsonl
    Nothing failed. Run dsgen build again later, or dsgen build --wait to stay until it is done.
    "
  `);
  expect(told({ waiting: [waitingOn(1, 35, NOW - 720_000)] })).toMatchInlineSnapshot(`
    "Waiting on the provider for 1 batch:
      request_batch1.jsonl: in_progress  35/50  12 min
    Waiting on slurm:
      1 target: pending (Priority)  job 17  3 min
      2 targets: running on n1      job 17  3 min
      1 target: held back                   3 min
      … dataset.jsonl
    Nothing failed. Run dsgen build again later, or dsgen build --wait to stay until it is done.
    "
  `);
  expect(told({ outcome: "failed", counts: { failed: 1 } })).toMatchInlineSnapshot(`
    "Failed: 1 target.

    still waiting for
      1 target: pending (Priority)  job 17  3 min
      2 targets: running on n1      job 17  3 min
      1 target: held back                   3 min
    "
  `);
});

const job = (changes: Partial<JobFacts>): JobFacts => ({
  from: "a",
  requestFile: "requests/refusal/request_batch0.jsonl",
  task: "refusal",
  jobId: "0a",
  batchId: "batch_68f0a1b2c3d4e5f6",
  status: "completed",
  mark: "done",
  attempt: 1,
  progress: { total: 50, completed: 50, failed: 0 },
  since: NOW - 7_200_000,
  until: null,
  errors: [],
  toAsk: 0,
  ...changes,
});

const JOBS = [
  job({}),
  job({
    requestFile: "requests/refusal/request_batch1.jsonl",
    status: "in_progress",
    mark: "waiting",
    progress: { total: 50, completed: 7, failed: 1 },
  }),
  job({
    requestFile: "requests/refusal/request_batch2.jsonl",
    status: "abandoned",
    mark: "failed",
    errors: ["line 3: bad", "line 3: bad"],
    batchId: null,
  }),
  job({
    requestFile: "requests/refusal/request_batch3.jsonl",
    status: "expired",
    progress: { total: 50, completed: 20, failed: 30 },
    toAsk: 30,
  }),
];

test("status: one line a batch, marked", () => {
  expect(jobsText(jobLines(JOBS), NOW, 200, PLAIN_STYLE)).toMatchInlineSnapshot(`
    "✓ request_batch0.jsonl  completed                50/50  2 h  batch_68f0a1b2c3d4e5f6
    … request_batch1.jsonl  in_progress    7/50 (1 failed)  2 h  batch_68f0a1b2c3d4e5f6
    ✗ request_batch2.jsonl  abandoned                50/50  2 h
        line 3: bad
    ! request_batch3.jsonl  expired      20/50 (30 failed)  2 h  batch_68f0a1b2c3d4e5f6
    "
  `);
  const ascii = styleFor("never", { isTty: false }, { LANG: "C" });
  expect(jobsText(jobLines(JOBS), NOW, 80, ascii)).toMatch(/^[\x20-\x7e\n]*$/);
  for (const line of jobsText(jobLines(JOBS), NOW, 80, PLAIN_STYLE).split("\n"))
    expect(line.length).toBeLessThanOrEqual(80);
});

test("a job of requests that were changed since is over, and its attempts are not counted with the later ones", () => {
  const refused = job({ from: "before", attempt: 2, mark: "failed", errors: ["answered 0 of 50: 400 no credit"] });
  const now = job({ from: "now" });
  const about = { provider: "OpenAI", simulated: false };
  expect(statusTotal(jobLines([refused]), about).jobs.failed).toBe(1);
  expect(statusTotal(jobLines([refused, now]), about).jobs).toEqual({ done: 2, waiting: 0, retry: 0, failed: 0 });
  const failed = job({ from: "now", mark: "failed" });
  expect(statusTotal(jobLines([refused, failed]), about).jobs.failed).toBe(1);
});

test("a job that a later attempt follows is over, whatever became of it", () => {
  const first = job({ status: "expired", progress: { total: 50, completed: 20, failed: 30 }, toAsk: 30 });
  const lost = job({ status: "abandoned", mark: "failed" });
  const again = job({ attempt: 2, status: "in_progress", mark: "waiting" });
  const about = { provider: "OpenAI", simulated: false };
  expect(statusTotal(jobLines([first]), about).jobs).toEqual({ done: 0, waiting: 0, retry: 1, failed: 0 });
  // The rest was asked by a job of its own, or given up.
  expect(statusTotal(jobLines([{ ...first, toAsk: 0 }]), about).jobs).toMatchObject({ done: 1, retry: 0 });
  expect(statusTotal(jobLines([first, lost, again]), about).jobs).toEqual({ done: 2, waiting: 1, retry: 0, failed: 0 });
  expect(statusTotal(jobLines([lost]), about).jobs).toEqual({ done: 0, waiting: 0, retry: 0, failed: 1 });
  // The file lay elsewhere when it was asked again.
  const moved = { ...again, requestFile: "data/r/request_batch0.jsonl" };
  expect(statusTotal(jobLines([lost, moved]), about).jobs).toEqual({ done: 1, waiting: 1, retry: 0, failed: 0 });
});

test("clean says what went, what stayed and why, and that paid answers are there", () => {
  const total: CleanTotalLine = {
    type: "clean-total",
    removed: 3,
    kept: 2,
    cache: true,
    freedBytes: 6_600_000,
    paidAnswersRemoved: 0,
    paidBytesKept: 999,
    dryRun: false,
  };
  const gone = ["a/shard0.jsonl", "a/shard1.jsonl", "dataset.jsonl"].map(
    (file) => ({ type: "clean", file, action: "removed", why: null }) as const,
  );
  const kept = [
    { type: "clean", file: "notes.jsonl", action: "kept", why: "edited" },
    { type: "clean", file: "mine.jsonl", action: "kept", why: "not-placed-by-dsgen" },
  ] as const;
  expect(cleanText([...gone, ...kept], total, false, PLAIN_STYLE)).toMatchInlineSnapshot(`
    "removed 3 files
      a/shard{0,1}.jsonl
      dataset.jsonl
    kept: notes.jsonl (it was changed by hand)
    kept: mine.jsonl (dsgen did not put it there)
    removed 6.6 MB from the cache
    Paid answers (999 B) and the journal of batch jobs are kept.
    "
  `);
  const paid = { ...total, removed: 0, cache: false, paidAnswersRemoved: 2, dryRun: true };
  expect(cleanText([], paid, true, PLAIN_STYLE)).toContain("2 paid answers would go");
});

test("validate tells failures by variant and tokenizer, and each with its line", () => {
  const validation = {
    type: "validation",
    file: "d.jsonl",
    rows: 8,
    scenarios: 2,
    validScenarios: 1,
    malformed: 1,
    failures: { single_token: { qwen: 0, llama: 1 }, multi_token: { qwen: 0, llama: 0 } },
  } as const;
  expect(validationText(validation, false, PLAIN_STYLE)).toMatchInlineSnapshot(`
    "d.jsonl: 2 scenarios, 8 rows
      failures      qwen  llama
      single_token     0      1
      multi_token      0      0
    ✗ 1 of 2 scenarios fail, 1 malformed place; --show-failures lists them
    "
  `);
  expect(validationText({ ...validation, scenarios: 0, validScenarios: 0 }, false, PLAIN_STYLE)).toContain(
    "no scenario",
  );
  const failure = {
    type: "validation-failure",
    line: 5,
    scenarioId: 1,
    variant: "single_token",
    tokenizer: "llama",
    promptTokens: 12,
    counterfactualTokens: 12,
  } as const;
  expect(failureText({ ...failure, reason: "not-one-token-apart", differences: 2 }, "d.jsonl")).toBe(
    "d.jsonl:5: scenario 1, single_token, llama: 2 positions differ, expected 1\n",
  );
  expect(
    failureText({ ...failure, reason: "unequal-token-count", differences: null, counterfactualTokens: 13 }, "d.jsonl"),
  ).toBe("d.jsonl:5: scenario 1, single_token, llama: 12 tokens against 13\n");
});

test("inspect shows texts as they are, within the page", () => {
  const text = inspectionText(
    {
      type: "inspection",
      file: "d.jsonl",
      format: "dataset",
      lines: 2,
      malformed: 1,
      entries: 1,
      counts: { multi_token_prompt: 1 },
    },
    [
      {
        name: "refusal scenario 0",
        lines: [
          { type: "multi_token_prompt", text: `Help me\n${"word ".repeat(30)}` },
          { type: "short", text: "Help." },
        ],
      },
    ],
    { width: 60, style: PLAIN_STYLE, full: false },
  );
  expect(text).toMatchInlineSnapshot(`
    "d.jsonl: a dataset, 2 lines, 1 scenario, 1 malformed
      multi_token_prompt  1

    refusal scenario 0
      multi_token_prompt
        Help me
        word word word word word word word word word word word
        word word word word word word word word word word word
        word word word word word word word word 
      short
        Help.
    "
  `);
});
