import { expect, test } from "vitest";
import type { Standing } from "../../src/engine/standing.ts";
import type { Ask } from "../../src/events/schema.ts";
import type { JsonObject } from "../../src/graph/json.ts";
import type { StaleReason, TargetState } from "../../src/graph/state.ts";
import { explain, explainText } from "../../src/report/explain.ts";
import { askText, planLine, planText, planTotal, sumAsks } from "../../src/report/plan.ts";
import type { PlanLine } from "../../src/report/result-schema.ts";
import { PLAIN_STYLE } from "../../src/report/style.ts";
import { ASK, AUTH, name, REASONS, target, waitingOn } from "./events.ts";

const NOW = 1_000_000;
const ABOUT = { goals: ["dataset.jsonl"], provider: "OpenAI", simulated: false };

function line(
  text: string,
  stage: string,
  state: TargetState,
  more: {
    readonly ask?: Ask;
    readonly conditional?: boolean;
    readonly reasons?: readonly StaleReason[];
    readonly note?: JsonObject;
  } = {},
): PlanLine {
  const standing: Standing = {
    target: target(text, stage),
    state,
    ask: more.ask,
    reasons: more.reasons ?? [],
    conditional: more.conditional ?? false,
    ...(more.note === undefined ? {} : { note: more.note }),
  };
  return planLine(standing, more.reasons ?? (state.state === "stale" ? state.reasons : []));
}

function planned(lines: readonly PlanLine[]): string {
  return planText(lines, planTotal(lines, ABOUT), NOW, 80, PLAIN_STYLE);
}

const shards = (reasons: readonly StaleReason[]) =>
  Array.from({ length: 10 }, (_, i) =>
    line(`validated/refusal/shard${i}.jsonl`, "validation", { state: "stale", reasons }),
  );

test("a changed tokenizer: ten shards are one line, and the dataset hangs on them", () => {
  const rebuilt = Array.from({ length: 10 }, (_, i) => ({
    kind: "input-rebuilt" as const,
    input: "shards",
    target: name(`validated/refusal/shard${i}.jsonl`),
  }));
  const lines = [
    line("requests/refusal/request_batch0.jsonl", "requests", { state: "fresh" }),
    line("batch_outputs/refusal/output_batch0.jsonl", "answers", { state: "restored", reason: "missing" }),
    ...shards([REASONS.tokenizer]),
    line("dataset.jsonl", "dataset", { state: "stale", reasons: rebuilt }, { conditional: true }),
  ];
  expect(planned(lines)).toMatchInlineSnapshot(`
    "requests
      1  fresh  requests/refusal/request_batch0.jsonl

    answers
      1  restore  batch_outputs/refusal/output_batch0.jsonl
           it was missing

    validation
      10  rebuild  validated/refusal/shard0..9.jsonl
           tokenizer qwen: npm:qwen@3.7.2 (f7c9b2db) → npm:qwen@3.7.3 (01234567)

    dataset
      1  maybe rebuild  dataset.jsonl
           only if validated/refusal/shard0..9.jsonl come out different

    0 requests, $0.00.
    "
  `);
  expect(lines.map(({ action }) => action).filter((action, i, all) => all.indexOf(action) === i)).toEqual([
    "fresh",
    "restore",
    "rebuild",
    "maybe",
  ]);
});

test("a first plan: what is asked, and what it costs", () => {
  const lines = [
    line(
      "requests/refusal/request_batch0.jsonl",
      "requests",
      { state: "built", changed: true },
      { reasons: [REASONS.neverBuilt] },
    ),
    ...[0, 1].map((i) =>
      line(
        `batch_outputs/refusal/output_batch${i}.jsonl`,
        "answers",
        { state: "stale", reasons: [REASONS.neverBuilt] },
        { ask: ASK },
      ),
    ),
    line("dataset.jsonl", "dataset", { state: "stale", reasons: [REASONS.neverBuilt] }),
  ];
  expect(planned(lines)).toMatchInlineSnapshot(`
    "requests
      1  build  requests/refusal/request_batch0.jsonl

    answers
      2  build  batch_outputs/refusal/output_batch{0,1}.jsonl
           send 100, reuse 0; tokens: 30,000 in, 80,000 out; cost: $0.42 (at most $1.00)

    dataset
      1  build  dataset.jsonl

    Would send 100 requests. Tokens: 110,000. Cost: $0.42, at most $1.00.
    "
  `);
});

test("waiting, blocked and failed targets are said to be so", () => {
  const lines = [
    line("requests/refusal/request_batch1.jsonl", "requests", { state: "failed", problem: AUTH }),
    line("batch_outputs/refusal/output_batch0.jsonl", "answers", {
      state: "waiting",
      on: [waitingOn(0, 35, NOW - 720_000)],
    }),
    line("batch_outputs/refusal/output_batch1.jsonl", "answers", {
      state: "blocked",
      by: [name("requests/refusal/request_batch1.jsonl")],
    }),
  ];
  expect(planned(lines)).toMatchInlineSnapshot(`
    "requests
      1  fail  requests/refusal/request_batch1.jsonl

    answers
      1  wait     batch_outputs/refusal/output_batch0.jsonl
      1  blocked  batch_outputs/refusal/output_batch1.jsonl
           by requests/refusal/request_batch1.jsonl

    waiting for
      request_batch0.jsonl: in_progress  35/50  12 min

    error: requests/refusal/request_batch0.jsonl: the key was refused (401).
      → Check OPENAI_API_KEY.

    0 requests, $0.00.
    "
  `);
});

test("a plan with nothing to do says so, and that it is free", () => {
  const text = planned([line("dataset.jsonl", "dataset", { state: "fresh" })]);
  expect(text).toContain("Everything is up to date: 1 target fresh. 0 requests, $0.00.");
});

test("one unknown price makes the sum unknown; asking nothing costs nothing", () => {
  const unknown: Ask = { ...ASK, costUsd: null, maxCostUsd: null };
  expect(sumAsks([ASK, unknown])).toMatchObject({
    requests: 100,
    inputTokens: 30_000,
    costUsd: null,
    maxCostUsd: null,
  });
  expect(askText(sumAsks([ASK, unknown]))).toContain("cost: unknown");
  const nothing: Ask = { ...unknown, requests: 0, reused: 50, inputTokens: null };
  expect(sumAsks([ASK, nothing])).toMatchObject({ requests: 50, reused: 50, costUsd: 0.21, inputTokens: 15_000 });
  expect(sumAsks([])).toMatchObject({ requests: 0, costUsd: 0 });
});

test("explain names what changed, through every target upstream, and modules by name", () => {
  const rebuilt = (i: number) => ({
    kind: "input-rebuilt" as const,
    input: "shards",
    target: name(`validated/refusal/shard${i}.jsonl`),
  });
  const lines = [
    ...shards([REASONS.recipe, REASONS.tokenizer]),
    line("dataset.jsonl", "dataset", { state: "stale", reasons: [rebuilt(0), rebuilt(1)] }, { conditional: true }),
  ];
  const explanation = explain("dataset.jsonl", lines);
  expect(explanation?.causes.map((cause) => cause.target)).toEqual([
    "validated/refusal/shard0.jsonl",
    "validated/refusal/shard1.jsonl",
  ]);
  if (explanation === undefined) throw new Error("unexplained");
  expect(explainText([explanation], NOW, 80, PLAIN_STYLE)).toMatchInlineSnapshot(`
    "dataset.jsonl: made again only if an input comes out different.
      validated/refusal/shard{0,1}.jsonl are made again
        its recipe changed: dsgen/src/tasks/checks.ts, dsgen/src/tasks/parse.ts
        tokenizer qwen: npm:qwen@3.7.2 (f7c9b2db) → npm:qwen@3.7.3 (01234567)
    "
  `);
  expect(explain("nothing.jsonl", lines)).toBeUndefined();
});

test.each<[string, TargetState, string]>([
  ["fresh", { state: "fresh" }, "a: fresh. Nothing it is made from has changed.\n"],
  [
    "waiting",
    { state: "waiting", on: [waitingOn(1, 35, NOW - 720_000)] },
    "a: waiting on the provider.\n  request_batch1.jsonl: in_progress  35/50  12 min\n",
  ],
  ["blocked", { state: "blocked", by: [name("b")] }, "a: blocked: something it is made from failed.\n  blocked by b\n"],
  [
    "restored",
    { state: "restored", reason: "edited" },
    "a: the result is known; the next build puts the file back.\n  it was changed by hand\n",
  ],
  ["failed", { state: "failed", problem: { kind: "io", where: "a", message: "no." } }, "a: it fails.\nerror: a: no.\n"],
])("explain a %s target", (_state, state, text) => {
  const explanation = explain("a", [line("a", "s", state)]);
  expect(explanation === undefined ? "" : explainText([explanation], NOW, 80, PLAIN_STYLE)).toBe(text);
});

test("every kind of reason reads as a sentence", () => {
  const all: readonly StaleReason[] = [
    { kind: "input-changed", input: "f", what: "a.txt", from: "0123456789ab", to: "ba9876543210" },
    { kind: "input-added", input: "notes", what: "notes/b.txt" },
    { kind: "input-removed", input: "notes", what: "notes/a.txt" },
    { kind: "blob-lost", output: name("a") },
    { ...REASONS.recipe, modules: [] },
  ];
  const explanation = explain("a", [line("a", "s", { state: "stale", reasons: all })]);
  expect(explanation === undefined ? "" : explainText([explanation], NOW, 80, PLAIN_STYLE)).toMatchInlineSnapshot(`
    "a: stale; the next build makes it again.
      a.txt changed (01234567 to ba987654)
        (what it was before was not kept, only its digest)
      notes/b.txt was added to its input "notes"
      notes/a.txt was taken from its input "notes"
      the cached copy of a is gone or damaged
      its recipe changed: dsgen/recipes/validate-shard
    "
  `);
});

test("what an expansion noted is said once for a dataset and its manifest, and not of what is fresh", () => {
  const stale: TargetState = { state: "stale", reasons: [{ kind: "never-built" }] };
  const note = { reason: "yield 31 % after 2 batches: 8 more reach 1,500", shards: 2 };
  const lines = [
    line("dataset.jsonl", "dataset", stale, { note }),
    line("dataset.manifest.json", "dataset", stale, { note }),
    line("other.jsonl", "dataset", stale, { note: { shards: 2 } }),
  ];
  expect(lines.map(({ reason }) => reason)).toEqual([note.reason, note.reason, null]);
  expect(planned(lines).split(note.reason)).toHaveLength(2);
  expect(planned([line("dataset.jsonl", "dataset", { state: "fresh" }, { note })])).not.toContain(note.reason);
});

test("the reasons of several tasks say whose they are", () => {
  const stale: TargetState = { state: "stale", reasons: [{ kind: "never-built" }] };
  const one = line("a.jsonl", "dataset", stale, { note: { reason: "buys two" } });
  const other = line("b.jsonl", "dataset", stale, { note: { reason: "buys nine" } });
  const text = planned([
    { ...one, task: "first" },
    { ...other, task: "second" },
  ]);
  expect(text).toContain("first: buys two\n");
  expect(text).toContain("second: buys nine\n");
});
