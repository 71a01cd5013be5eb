import { expect, test } from "vitest";
import type { JsonObject } from "../../src/graph/json.ts";
import type { Candidate } from "../../src/tasks/candidate.ts";
import { planChecks } from "../../src/tasks/check-plan.ts";
import { CHECKS } from "../../src/tasks/check-registry.ts";
import type { PairVerdict } from "../../src/tokenizers/pair-rule.ts";

const SETTING = {
  kind: "pairs" as const,
  fields: ["safe", "harmful"],
  variants: ["single", "multi"],
  tokenizers: ["qwen", "solar"],
  maxCharacters: 100,
};

function candidate(first: string, second: string, extraKeys: readonly string[] = []): Candidate {
  return { texts: [first, second], index: 0, extraKeys };
}

function plan(...checks: readonly (readonly [string, JsonObject?])[]) {
  return planChecks(
    checks.map(([check, params = {}]) => ({ check, params })),
    SETTING,
    "config/tasks/refusal.yaml",
  );
}

function run(check: string, params: JsonObject, subject: Candidate, tokens?: PairVerdict) {
  const made = plan([check, params]);
  if (!made.ok) throw new Error(made.error.map(({ message }) => message).join());
  return made.value.run(subject, tokens)[0];
}

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

test("token checks pass a minimal pair", () => {
  for (const check of ["equal-token-count", "one-token-difference"]) {
    expect(run(check, {}, SAME, MINIMAL)).toEqual({ check, ok: true });
  }
});

test("token checks say where, under which tokenizer and by how much", () => {
  const unequal = {
    ok: false,
    reason: "unequal-token-counts",
    detail: { at: [{ variant: "single", tokenizer: "solar", first: 8, second: 9 }] },
  };
  expect(run("equal-token-count", {}, SAME, MIXED)).toEqual({ check: "equal-token-count", ...unequal });
  // Alone, one-token-difference is no weaker than DESIGN's rule: equally many ids, one difference.
  expect(run("one-token-difference", {}, SAME, MIXED)).toEqual({ check: "one-token-difference", ...unequal });
  const equalCounts: PairVerdict = {
    kind: "compared",
    comparisons: MIXED.comparisons.map((c) => (c.different === null ? { first: 8, second: 8, different: [0] } : c)),
  };
  expect(run("one-token-difference", {}, SAME, equalCounts)).toEqual({
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

test("a refused pair fails with the reason of the refusal", () => {
  expect(
    run("equal-token-count", {}, SAME, { kind: "refused", reason: "ill-formed-text", member: "second" }),
  ).toMatchObject({
    reason: "ill-formed-text",
    detail: { member: "second" },
  });
  expect(run("one-token-difference", {}, SAME, { kind: "refused", reason: "too-long", member: "first" })).toMatchObject(
    {
      reason: "too-long",
      detail: { member: "first", max: 100 },
    },
  );
});

test("length counts code points, bounds included", () => {
  const of = (first: string, second: string) => run("length", { min: 2, max: 4 }, candidate(first, second));
  expect(of("😀😀", "abcd")).toEqual({ check: "length", ok: true });
  expect(of("😀", "abcd")).toMatchObject({ reason: "too-short", detail: { member: "first", characters: 1, min: 2 } });
  expect(of("ab", "abcde")).toMatchObject({ reason: "too-long", detail: { member: "second", max: 4 } });
});

test("regex looks at one field or both, for a match or against one", () => {
  const subject = candidate("Help me", "help me");
  expect(run("regex", { pattern: "^[A-Z]", field: "safe" }, subject)).toMatchObject({ ok: true });
  expect(run("regex", { pattern: "^[A-Z]" }, subject)).toMatchObject({
    reason: "no-match",
    detail: { member: "second" },
  });
  expect(run("regex", { pattern: "ME", flags: "iu", must: "not", field: "harmful" }, subject)).toMatchObject({
    reason: "forbidden-match",
    detail: { member: "second", pattern: "ME" },
  });
  // An exponential pattern never meets a text longer than the task allows.
  expect(run("regex", { pattern: "^(a+)+$" }, candidate(`${"a".repeat(101)}!`, "a"))).toMatchObject({
    reason: "too-long",
  });
});

test("distinct-texts and schema", () => {
  expect(run("distinct-texts", {}, candidate("a", "b"))).toMatchObject({ ok: true });
  expect(run("distinct-texts", {}, candidate("a", "a"))).toMatchObject({ reason: "same-text" });
  expect(run("distinct-texts", {}, candidate("A!", "a"))).toMatchObject({ ok: true });
  expect(run("distinct-texts", { by: "normalised" }, candidate("A!", "a"))).toMatchObject({ reason: "same-text" });
  expect(run("schema", {}, candidate("a", "b"))).toMatchObject({ ok: true });
  expect(run("schema", {}, candidate("a", "b", ["note"]))).toMatchObject({
    reason: "extra-keys",
    detail: { keys: ["note"] },
  });
});

test("every check runs, in order; a second of its kind has a name of its own; tokens are asked for only when needed", () => {
  const made = plan(["length", { min: 1 }], ["regex", { pattern: "a" }], ["regex", { pattern: "b" }]);
  if (!made.ok) throw new Error("no plan");
  expect(made.value.needsTokens).toBe(false);
  expect(made.value.names).toEqual(["length", "regex", "regex#2"]);
  expect(made.value.run(candidate("a", "a"), undefined).map(({ check, ok }) => [check, ok])).toEqual([
    ["length", true],
    ["regex", true],
    ["regex#2", false],
  ]);
  const tokens = plan(["one-token-difference"]);
  expect(tokens.ok && tokens.value.needsTokens).toBe(true);
  expect(() => tokens.ok && tokens.value.run(SAME, undefined)).toThrow("without tokens");
});

test.each([
  ["one-token-diference", {}, 'there is no check "one-token-diference"', 'Did you mean "one-token-difference"?'],
  ["constructor", {}, 'there is no check "constructor"', ""],
  ["equal-token-count", { max: 1 }, 'unknown parameter "max"', "Remove it; the check has no parameters."],
  ["length", { maxx: 3, min: 1 }, 'unknown parameter "maxx"', 'Did you mean "max"?'],
  ["length", { min: -1 }, "whole number of at least 0, found -1", ""],
  ["length", { min: "3" }, 'found "3"', ""],
  ["length", {}, "needs min, max or both", ""],
  ["length", { min: 5, max: 2 }, "min (5) is more than max (2)", "Swap them."],
  ["regex", {}, "needs a pattern", ""],
  ["regex", { pattern: 3 }, "must be a text, found 3", ""],
  ["regex", { pattern: "(" }, "cannot be used", ""],
  ["regex", { pattern: "a", flags: "g" }, "depend on the one before", ""],
  ["regex", { pattern: "a", field: "saef" }, "must be safe or harmful or both", ""],
  ["regex", { pattern: "a", must: "maybe" }, "must be match or not", ""],
  ["distinct-texts", { by: "ear" }, "must be exact or normalised", ""],
] as const)("%s with %j is a problem", (check, params, message, fix) => {
  expect(plan([check, params])).toMatchObject({
    ok: false,
    error: [
      {
        kind: "config",
        where: `config/tasks/refusal.yaml: checks[0] (${check})`,
        message: expect.stringContaining(message),
        fix: expect.stringContaining(fix),
      },
    ],
  });
});

test("all problems of a list come at once", () => {
  const made = plan(["nope"], ["length", { min: "a", mux: 1 }], ["schema"]);
  expect(made.ok ? 0 : made.error.length).toBe(3);
});

test("a registry may hold a user's own check", () => {
  const own = planChecks([{ check: "own", params: {} }], SETTING, "x", {
    ...CHECKS,
    own: () => ({ ok: true, value: { needs: "text", run: () => ({ reason: "same-text", detail: {} }) } }),
  });
  expect(own.ok && own.value.run(SAME, undefined)).toMatchObject([{ check: "own", ok: false }]);
});
