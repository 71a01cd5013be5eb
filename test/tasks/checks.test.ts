import { spawn } from "node:child_process";
import { expect, onTestFinished, test } from "vitest";
import type { CheckConfig } from "../../src/config/project-config.ts";
import type { Candidate } from "../../src/tasks/candidate.ts";
import { planChecks } from "../../src/tasks/check-plan.ts";
import { failureName, moduleCheck } from "../../src/tasks/check-verdict.ts";
import type { PairVerdict } from "../../src/tokenizers/pair-rule.ts";

const SETTING = {
  fields: ["safe", "harmful"],
  textNames: ["first", "second"],
  variants: ["single", "multi"],
  tokenizers: ["qwen", "solar"],
  maxCharacters: 100,
  timeoutSeconds: 1,
  modules: new Map(),
};
const { signal } = new AbortController();

function candidate(first: string, second: string, extraKeys: readonly string[] = []): Candidate {
  return { texts: [first, second], index: 0, extraKeys };
}

async function run(config: CheckConfig, subject: Candidate, tokens?: PairVerdict) {
  const [verdicts] = await planChecks([config], SETTING).run([{ candidate: subject, tokens }], signal);
  return verdicts?.[0];
}

const regex = (pattern: string, more: Partial<Extract<CheckConfig, { check: "regex" }>> = {}): CheckConfig => ({
  check: "regex",
  pattern,
  flags: "u",
  must: "match",
  ...more,
});

const SAME = candidate("a cat", "a cat");
const MINIMAL: PairVerdict = {
  kind: "compared",
  comparisons: [
    { first: 9, second: 9, different: [4] },
    { first: 8, second: 8, different: [3] },
    { first: 3, second: 3, different: [1] },
    { first: 2, second: 2, different: [1] },
  ],
};
const MIXED: PairVerdict = {
  kind: "compared",
  comparisons: [
    { first: 9, second: 9, different: [4, 5] },
    { first: 8, second: 9, different: null },
    { first: 3, second: 3, different: [1] },
    { first: 2, second: 2, different: [] },
  ],
};

test("token checks pass a minimal pair", async () => {
  for (const check of ["equal-token-count", "one-token-difference"] as const) {
    expect(await run({ check }, SAME, MINIMAL)).toEqual({ check, ok: true });
  }
});

test("token checks say where, under which tokenizer and by how much", async () => {
  const unequal = {
    ok: false,
    reason: "unequal-token-counts",
    detail: { at: [{ variant: "single", tokenizer: "solar", first: 8, second: 9 }] },
  };
  expect(await run({ check: "equal-token-count" }, SAME, MIXED)).toEqual({ check: "equal-token-count", ...unequal });
  // Alone, one-token-difference is no weaker than DESIGN's rule: equally many ids, one difference.
  expect(await run({ check: "one-token-difference" }, SAME, MIXED)).toEqual({
    check: "one-token-difference",
    ...unequal,
  });
  const equalCounts: PairVerdict = {
    kind: "compared",
    comparisons: MIXED.comparisons.map((c) => (c.different === null ? { first: 8, second: 8, different: [0] } : c)),
  };
  expect(await run({ check: "one-token-difference" }, SAME, equalCounts)).toEqual({
    check: "one-token-difference",
    ok: false,
    reason: "not-one-difference",
    detail: {
      at: [
        { variant: "single", tokenizer: "qwen", first: 9, second: 9, positions: 2 },
        { variant: "multi", tokenizer: "solar", first: 2, second: 2, positions: 0 },
      ],
    },
  });
});

test("a refused pair fails with the reason of the refusal", async () => {
  expect(
    await run({ check: "equal-token-count" }, SAME, { kind: "refused", reason: "ill-formed-text", member: "second" }),
  ).toMatchObject({
    reason: "ill-formed-text",
    detail: { member: "second" },
  });
  expect(
    await run({ check: "one-token-difference" }, SAME, { kind: "refused", reason: "too-long", member: "first" }),
  ).toMatchObject({
    reason: "too-long",
    detail: { member: "first", max: 100 },
  });
});

test("length counts code points, bounds included", async () => {
  const of = (first: string, second: string) => run({ check: "length", min: 2, max: 4 }, candidate(first, second));
  expect(await of("😀😀", "abcd")).toEqual({ check: "length", ok: true });
  expect(await of("😀", "abcd")).toMatchObject({
    reason: "too-short",
    detail: { member: "first", characters: 1, min: 2 },
  });
  expect(await of("ab", "abcde")).toMatchObject({ reason: "too-long", detail: { member: "second", max: 4 } });
});

test("regex looks at one field or both, for a match or against one", async () => {
  const subject = candidate("Help me", "help me");
  expect(await run(regex("^[A-Z]", { field: "safe" }), subject)).toMatchObject({ ok: true });
  expect(await run(regex("^[A-Z]"), subject)).toMatchObject({
    reason: "no-match",
    detail: { member: "second" },
  });
  expect(await run(regex("ME", { flags: "iu", must: "not", field: "harmful" }), subject)).toMatchObject({
    reason: "forbidden-match",
    detail: { member: "second", pattern: "ME" },
  });
  // An exponential pattern never meets a text longer than the task allows.
  expect(await run(regex("^(a+)+$"), candidate(`${"a".repeat(101)}!`, "a"))).toMatchObject({
    reason: "too-long",
  });
});

test("distinct-texts and schema", async () => {
  expect(await run({ check: "distinct-texts", by: "exact" }, candidate("a", "b"))).toMatchObject({ ok: true });
  expect(await run({ check: "distinct-texts", by: "exact" }, candidate("a", "a"))).toMatchObject({
    reason: "same-text",
  });
  expect(await run({ check: "distinct-texts", by: "exact" }, candidate("A!", "a"))).toMatchObject({ ok: true });
  expect(await run({ check: "distinct-texts", by: "normalised" }, candidate("A!", "a"))).toMatchObject({
    reason: "same-text",
  });
  expect(await run({ check: "schema" }, candidate("a", "b"))).toMatchObject({ ok: true });
  expect(await run({ check: "schema" }, candidate("a", "b", ["note"]))).toMatchObject({
    reason: "extra-keys",
    detail: { keys: ["note"] },
  });
});

test("every check runs, in order, under a name that says which; tokens are asked for only when needed", async () => {
  const made = planChecks([{ check: "length", min: 1 }, regex("a"), regex("b"), regex("b")], SETTING);
  expect(made.needsTokens).toBe(false);
  expect(made.names).toEqual(["length", "regex a", "regex b", "regex b#2"]);
  const [verdicts = []] = await made.run([{ candidate: candidate("a", "a"), tokens: undefined }], signal);
  expect(verdicts.map(({ check, ok }) => [check, ok])).toEqual([
    ["length", true],
    ["regex a", true],
    ["regex b", false],
    ["regex b#2", false],
  ]);
  expect(verdicts.flatMap((verdict) => (verdict.ok ? [] : [failureName(verdict)]))).toEqual([
    "regex b: no-match",
    "regex b#2: no-match",
  ]);
  expect(failureName({ check: "length", reason: "too-long" })).toBe("too-long");
  const tokens = planChecks([{ check: "one-token-difference" }], SETTING);
  expect(tokens.needsTokens).toBe(true);
  await expect(tokens.run([{ candidate: SAME, tokens: undefined }], signal)).rejects.toThrow("without tokens");
});

const HURTING = "a".repeat(60);
const modules = new Map(
  [
    [
      "loop.ts",
      (entry: Readonly<Record<string, string>>) => {
        // What catches everything cannot catch this.
        while (entry["safe"] === HURTING) {
          try {
            while (entry["safe"] === HURTING);
          } catch {}
        }
        return true;
      },
    ] as const,
    [
      "slow.ts",
      () => {
        const end = performance.now() + 30;
        while (performance.now() < end);
        return true;
      },
    ] as const,
  ].map(([path, check]) => [path, moduleCheck(path, check)]),
);
const LIMITED = { ...SETTING, timeoutSeconds: 0.2, modules };
const module = (path: string): CheckConfig => ({ check: "module", path, params: {} });

test("a pattern or module that never ends stops that candidate, with the check's name, and no other", async () => {
  const checks = [regex("^(a+)+$"), { check: "length", min: 1 } as const, module("loop.ts")];
  const subjects = ["b", `${HURTING}!`, HURTING, "a"].map((text) => ({
    candidate: candidate(text, "b"),
    tokens: undefined,
  }));
  const all = await planChecks(checks, LIMITED).run(subjects, signal);
  const failed = all.map((verdicts) => verdicts.flatMap((verdict) => (verdict.ok ? [] : [failureName(verdict)])));
  expect(failed).toEqual([
    ["regex ^(a+)+$: no-match"],
    ["regex ^(a+)+$: timed-out"],
    ["regex ^(a+)+$: no-match", "module loop.ts: timed-out"],
    ["regex ^(a+)+$: no-match"],
  ]);
  expect(all[1]?.[0]).toEqual({ check: "regex ^(a+)+$", ok: false, reason: "timed-out", detail: { seconds: 0.2 } });
});

test("candidates that only take long together are not stopped", async () => {
  const subjects = Array.from({ length: 20 }, () => ({ candidate: SAME, tokens: undefined }));
  const all = await planChecks([module("slow.ts")], LIMITED).run(subjects, signal);
  expect(all.map(([verdict]) => verdict?.ok)).toEqual(Array.from({ length: 20 }, () => true));
});

test("what a check throws is thrown, and an end that was asked for is heard between two candidates", async () => {
  const thrower = new Map([["t.ts", moduleCheck("t.ts", () => Promise.resolve(true))]]);
  const subjects = [{ candidate: candidate(HURTING, "b"), tokens: undefined }];
  const throwing = planChecks([module("t.ts")], { ...LIMITED, modules: thrower }).run(subjects, signal);
  await expect(throwing).rejects.toThrow(/t\.ts: not a check/);
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("stopped")), 10);
  await expect(planChecks([module("loop.ts")], LIMITED).run(subjects, stop.signal)).rejects.toThrow("stopped");
});

test("Ctrl-C is heard within a pattern, however long its limit", async () => {
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error("stopped"));
  process.on("SIGINT", onSignal);
  onTestFinished(() => {
    process.off("SIGINT", onSignal);
  });
  spawn("sh", ["-c", `sleep 0.2; kill -INT ${process.pid}`], { stdio: "ignore" });
  const plan = planChecks([regex("^(a+)+$")], { ...SETTING, timeoutSeconds: 600 });
  const subjects = [{ candidate: candidate(`${HURTING}!`, "b"), tokens: undefined }];
  await expect(plan.run(subjects, stop.signal)).rejects.toThrow("stopped");
});

test("a text of 10 MB built to hurt is refused by a pattern, and stops a module like any other", async () => {
  const huge = candidate(`${"a".repeat(10_000_000)}!`, "b");
  const pattern = /^(a+)+$/;
  const matching = new Map([
    ["m.ts", moduleCheck("m.ts", ({ safe = "" }: { readonly safe?: string }) => pattern.test(safe))],
  ]);
  const plan = planChecks([regex(pattern.source), module("m.ts")], { ...LIMITED, modules: matching });
  const [verdicts = []] = await plan.run([{ candidate: huge, tokens: undefined }], signal);
  expect(verdicts.map((verdict) => (verdict.ok ? "" : failureName(verdict)))).toEqual([
    `regex ${pattern.source}: too-long`,
    "module m.ts: timed-out",
  ]);
});
