import fc from "fast-check";
import { expect, test } from "vitest";
import { readOutputLine } from "../../src/api/output-line.ts";
import { EntryReader, readShardLine, validEntries } from "../../src/kinds/shard.ts";
import type { CheckedCandidate } from "../../src/tasks/candidate.ts";
import type { CheckVerdict } from "../../src/tasks/check-verdict.ts";
import {
  addSummaries,
  emptySummary,
  readSummary,
  type ShardSummary,
  ShardTally,
} from "../../src/tasks/shard-summary.ts";
import { lineWriter } from "./shard-lines.ts";

const NAMES = {
  kind: "pairs" as const,
  fields: ["safe", "harmful"],
  variants: ["single", "multi"],
  tokenizers: ["qwen", "solar"],
};

const lineOf = lineWriter(NAMES);

const UNEQUAL: CheckVerdict = {
  check: "equal-token-count",
  ok: false,
  reason: "unequal-token-counts",
  detail: { at: [{ variant: "single", tokenizer: "solar", first: 8, second: 9 }] },
};

const CHECKED: CheckedCandidate = {
  candidate: { texts: ["a cake", "a bömb\u2028"], index: 4, extraKeys: [] },
  verdicts: [UNEQUAL, { check: "length", ok: true }],
  tokens: {
    kind: "compared",
    comparisons: [
      { first: 9, second: 9, different: [4] },
      { first: 8, second: 9, different: null },
      { first: 3, second: 3, different: [1, 2] },
      { first: 2, second: 2, different: [] },
    ],
  },
  from: { custom_id: "refusal-x", request_id: null, line: 3 },
};

test("a line is as documented, byte for byte, and reads back", () => {
  const line = lineOf(CHECKED);
  expect(line).toBe(
    '{"valid":false,"pair":{"safe":"a cake","harmful":"a bömb\u2028"},' +
      '"failed":[{"check":"equal-token-count","reason":"unequal-token-counts","detail":{"at":[{"variant":"single","tokenizer":"solar","first":8,"second":9}]}}],' +
      '"tokens":{"single":{"qwen":[9,9,[4]],"solar":[8,9,null]},"multi":{"qwen":[3,3,[1,2]],"solar":[2,2,[]]}},' +
      '"from":{"custom_id":"refusal-x","request_id":null,"line":3,"index":4}}',
  );
  expect(readShardLine(line, NAMES)).toEqual({
    ok: true,
    value: {
      valid: false,
      texts: ["a cake", "a bömb\u2028"],
      failed: [{ check: "equal-token-count", reason: "unequal-token-counts", detail: UNEQUAL.detail }],
      tokens: {
        single: { qwen: [9, 9, [4]], solar: [8, 9, null] },
        multi: { qwen: [3, 3, [1, 2]], solar: [2, 2, []] },
      },
      from: { custom_id: "refusal-x", request_id: null, line: 3, index: 4 },
    },
  });
});

test("a candidate without failed checks is valid; without tokens its table is empty", () => {
  const line = lineOf({ ...CHECKED, verdicts: [{ check: "length", ok: true }], tokens: undefined });
  expect(readShardLine(line, NAMES)).toMatchObject({ ok: true, value: { valid: true, failed: [], tokens: {} } });
});

test("a line is what JSON.stringify makes of its members, whatever they are called", () => {
  const name = fc.oneof(fc.constantFrom("7", "0", "a", "b", 'a"b', "ä"), fc.string({ unit: "binary" }));
  const names = fc.array(
    name.filter((one) => one !== "__proto__"),
    { maxLength: 3 },
  );
  const number = fc.nat(2000);
  const text = fc.string({ unit: "binary" });
  const more = fc.option(fc.dictionary(fc.constantFrom("embedding", "index"), fc.array(fc.double())), {
    nil: undefined,
  });
  const comparison = fc.record({
    first: number,
    second: number,
    different: fc.option(fc.array(number, { maxLength: 3 })),
  });
  fc.assert(
    fc.property(names, names, names, fc.array(text), fc.boolean(), more, fc.infiniteStream(comparison), (...drawn) => {
      const [fields, variants, tokenizers, texts, valid, members, stream] = drawn;
      const comparisons = [...stream.take(variants.length * tokenizers.length)];
      const checked: CheckedCandidate = {
        candidate: { texts, index: 3, extraKeys: [], ...(members === undefined ? {} : { more: members }) },
        verdicts: valid ? [] : CHECKED.verdicts,
        tokens: { kind: "compared", comparisons },
        from: { custom_id: texts[0] ?? "", request_id: texts[1] ?? null, line: 5 },
      };
      const row = (v: number) =>
        tokenizers.map((tokenizer, t) => {
          const { first, second, different } = comparisons[v * tokenizers.length + t] ?? {};
          return [tokenizer, [first, second, different]];
        });
      const plain = JSON.stringify({
        valid,
        pair: Object.fromEntries(fields.map((field, at) => [field, texts[at] ?? ""])),
        failed: valid ? [] : [{ check: UNEQUAL.check, reason: "unequal-token-counts", detail: UNEQUAL.detail }],
        tokens: Object.fromEntries(variants.map((variant, v) => [variant, Object.fromEntries(row(v))])),
        from: { ...checked.from, index: 3 },
        ...members,
      });
      expect(lineWriter({ kind: "pairs", fields, variants, tokenizers })(checked)).toBe(plain);
    }),
    { numRuns: 1000 },
  );
});

test("failures are what JSON.stringify makes of them, also where checks share one", () => {
  const word = fc.string({ unit: "binary" });
  const fault = fc.record({ variant: word, tokenizer: word, first: fc.nat(), second: fc.nat() });
  const several = fc.tuple(fault, fc.nat()).map(([of, positions]) => ({ ...of, positions }));
  const failure = fc.oneof(
    fc.record({ reason: fc.constant("unequal-token-counts"), detail: fc.record({ at: fc.array(fault) }) }),
    fc.record({ reason: fc.constant("not-one-difference"), detail: fc.record({ at: fc.array(several) }) }),
    fc.record({ reason: fc.constant("too-long"), detail: fc.record({ member: word, max: fc.nat() }) }),
    fc.record({ reason: word.map((said) => `module:${said}`), detail: fc.record({ says: fc.jsonValue() }) }),
  );
  const failed = fc.array(fc.tuple(failure, fc.array(word, { minLength: 1, maxLength: 3 })), { maxLength: 4 });
  fc.assert(
    fc.property(failed, (drawn) => {
      const all = drawn.flatMap(([{ reason, detail }, checks]) => checks.map((check) => ({ check, reason, detail })));
      const verdicts = all.map((each) => ({ ...each, ok: false })) as unknown as readonly CheckVerdict[];
      const line = lineOf({ ...CHECKED, verdicts: [{ check: "length", ok: true }, ...verdicts] });
      expect(line).toContain(`"failed":${JSON.stringify(all)},"tokens"`);
      expect(line.startsWith(`{"valid":${all.length === 0},`)).toBe(true);
    }),
  );
});

test("any texts survive", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), (first, second) => {
      const line = lineOf({ ...CHECKED, candidate: { texts: [first, second], index: 0, extraKeys: [] } });
      expect(line).not.toContain("\n");
      expect(readShardLine(line, NAMES)).toMatchObject({ ok: true, value: { texts: [first, second] } });
    }),
  );
});

test.each([
  ["", "expected a JSON object"],
  ["[]", "another value"],
  ['{"pair":{"positive":"a","negative":"b"},"valid":true}', '"safe" and "harmful", found positive, negative'],
  ['{"pair":{"safe":"a","harmful":"b"},"valid":1}', '"valid"'],
  ['{"pair":{"safe":"a","harmful":"b"},"valid":true,"failed":[{}]}', '"failed"'],
  ['{"pair":{"safe":"a","harmful":"b"},"valid":true,"failed":[],"tokens":{"a":{"b":[1,2]}}}', '"tokens"'],
  ['{"pair":{"safe":"a","harmful":"b"},"valid":true,"failed":[],"tokens":{},"from":{}}', '"from"'],
])("%j is no line of a shard", (line, reason) => {
  expect(readShardLine(line, NAMES)).toEqual({ ok: false, error: expect.stringContaining(reason) });
});

test("a damaged shard is a problem that names file and line", async () => {
  const file = {
    name: "validated/refusal/shard0.jsonl",
    async *pieces() {
      yield Buffer.from(`${lineOf(CHECKED)}\n`);
      yield Buffer.from("{");
    },
  };
  const read = async () => {
    for await (const _ of validEntries(file, NAMES, { invalid: () => undefined }));
  };
  await expect(read()).rejects.toMatchObject({
    problem: { kind: "corrupt", where: "validated/refusal/shard0.jsonl:2" },
  });
});

test("an entry that is read quickly is the one that its whole line holds", () => {
  // Texts and ids that look like the members of a line.
  const tricky = fc.constantFrom(
    ',"failed":[],"tokens":{',
    ',"from":{',
    '"},"failed":[],"tokens":{},"from":{"custom_id":"x","request_id":"y","line":1,"index":0}}',
    "\\",
    '\\","',
  );
  const text = fc.oneof(fc.string({ unit: "binary" }), tricky);
  fc.assert(
    fc.property(text, text, text, fc.boolean(), fc.boolean(), (first, second, custom_id, valid, judged) => {
      const line = lineOf({
        candidate: { texts: [first, second], index: 7, extraKeys: [] },
        verdicts: valid ? [] : CHECKED.verdicts,
        tokens: judged ? CHECKED.tokens : undefined,
        from: { custom_id, request_id: first, line: 3 },
      });
      const whole = readShardLine(line, NAMES);
      const told: unknown[] = [];
      const reader = new EntryReader("shard0.jsonl", NAMES, {
        askedBy: true,
        invalid: (requestId) => told.push(["invalid", requestId]),
        valid: (requestId, byTokens) => told.push(["valid", requestId, byTokens]),
      });
      const [entry, ...more] = reader.of(Buffer.from(line));
      expect(more).toEqual([]);
      expect(told).toEqual([valid ? ["valid", first, judged] : ["invalid", first]]);
      if (valid && whole.ok) expect(whole.value).toMatchObject(entry ?? {});
      expect(entry?.texts).toEqual(valid ? [first, second] : undefined);
      expect(entry?.from).toEqual(valid ? { custom_id, request_id: first, line: 3, index: 7 } : undefined);
    }),
  );
});

test("lines are read one after another, whatever lies beside them, and each piece goes on where the last ended", () => {
  const line = fc.record({ text: fc.string({ unit: "binary" }), valid: fc.boolean(), odd: fc.boolean() });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), fc.nat(20), fc.boolean(), (lines, cut, asked) => {
      const written = lines.map(({ text, valid, odd }, index) => {
        const verdicts = valid ? [] : CHECKED.verdicts;
        // Two of an answer, then the next one's.
        const answer = index >> 1;
        const from = { custom_id: `a-${answer}`, request_id: `r${answer}`, line: answer };
        const spelled = lineOf({
          candidate: { texts: [text, "b"], index, extraKeys: [] },
          verdicts,
          tokens: CHECKED.tokens,
          from,
        });
        // As somebody else would spell it: it is read whole.
        return odd ? spelled.replace('{"valid"', '{ "valid"') : spelled;
      });
      const told: (string | null)[] = [];
      const counts = { ...(asked ? { askedBy: true as const } : {}), invalid: (id: string | null) => told.push(id) };
      const reader = new EntryReader("shard0.jsonl", NAMES, counts);
      const bytesOf = (some: readonly string[]) => Buffer.from(some.map((each) => `${each}\n`).join(""));
      const entries = [...reader.of(bytesOf(written.slice(0, cut))), ...reader.of(bytesOf(written.slice(cut)))];
      const of = (valid: boolean) =>
        lines.map((each, index) => ({ ...each, index })).filter((each) => each.valid === valid);
      expect(entries.map(({ texts, from }) => [texts[0], from.index])).toEqual(
        of(true).map(({ text, index }) => [text, index]),
      );
      expect(told).toEqual(of(false).map(({ index, odd }) => (asked || odd ? `r${index >> 1}` : null)));
    }),
  );
});

const readLine = (raw: string) => readOutputLine(raw, (custom) => custom);

function answer(more: object = {}): string {
  const body = {
    choices: [{ message: { content: "{}" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 100, completion_tokens: 20, prompt_tokens_details: { cached_tokens: 64 } },
    ...more,
  };
  return JSON.stringify({ custom_id: "a", response: { status_code: 200, body } });
}

test("a tally counts responses, entries and failures, and usage once an answer", () => {
  const tally = new ShardTally();
  const parsed = {
    candidates: [],
    malformed: [{ index: 0, problem: "missing-key" as const }],
    problem: "truncated" as const,
  };
  tally.response(readLine(answer()), parsed);
  tally.response(readLine(answer({ system_fingerprint: "fp_simulated" })), { ...parsed, problem: null });
  tally.response(readLine('{"custom_id":"a","error":{"code":"batch_expired","message":"x"}}'));
  tally.response(readLine('{"custom_id":"a","response":{"status_code":500,"body":{}}}'));
  tally.response(readLine("torn"));
  tally.candidate([UNEQUAL, { ...UNEQUAL, check: "one-token-difference" }]);
  tally.candidate([{ check: "length", ok: true }]);
  tally.candidate([{ check: "distinct-texts", ok: false, reason: "same-text", detail: {} }]);
  expect(tally.summary()).toEqual({
    v: 1,
    responses: 5,
    answered: 2,
    errors: 2,
    malformed_lines: 1,
    simulated: 1,
    error_codes: { "500": 1, batch_expired: 1 },
    response_problems: { truncated: 1 },
    candidates: 3,
    malformed_entries: { "missing-key": 2 },
    valid: 1,
    failed_checks: { "distinct-texts": 1, "equal-token-count": 1, "one-token-difference": 1 },
    failed_reasons: { "same-text": 1, "unequal-token-counts": 1 },
    failed_tokenizers: { solar: 1 },
    failed_variants: { single: 1 },
    usage: { prompt_tokens: 200, completion_tokens: 40, cached_tokens: 128 },
  });
});

const counts = fc.dictionary(fc.constantFrom("a", "b", "__proto__", "c d"), fc.nat(9), { maxKeys: 3 });
const summaries: fc.Arbitrary<ShardSummary> = fc.record({
  v: fc.constant(1 as const),
  responses: fc.nat(9),
  answered: fc.nat(9),
  errors: fc.nat(9),
  malformed_lines: fc.nat(9),
  simulated: fc.nat(9),
  error_codes: counts,
  response_problems: counts,
  candidates: fc.nat(9),
  malformed_entries: counts,
  valid: fc.nat(9),
  failed_checks: counts,
  failed_reasons: counts,
  failed_tokenizers: counts,
  failed_variants: counts,
  usage: fc.record({ prompt_tokens: fc.nat(9), completion_tokens: fc.nat(9), cached_tokens: fc.nat(9) }),
});

test("summaries add up in any order and grouping, to the same bytes", () => {
  const bytes = (summary: ShardSummary) => JSON.stringify(summary);
  fc.assert(
    fc.property(summaries, summaries, summaries, (a, b, c) => {
      expect(bytes(addSummaries(a, b))).toBe(bytes(addSummaries(b, a)));
      expect(bytes(addSummaries(addSummaries(a, b), c))).toBe(bytes(addSummaries(a, addSummaries(b, c))));
      expect(addSummaries(a, emptySummary())).toEqual(a);
    }),
  );
});

test("a summary survives being written, and what is none is refused by name", () => {
  fc.assert(
    fc.property(summaries, (summary) => {
      expect(readSummary(JSON.parse(JSON.stringify(summary)))).toEqual({ ok: true, value: summary });
    }),
  );
  const sound = emptySummary();
  expect(readSummary({ ...sound, v: 2 })).toEqual({
    ok: false,
    error: "expected a shard summary of version 1, found 2",
  });
  expect(readSummary({ ...sound, valid: "3" })).toEqual({ ok: false, error: '"valid" must be a number' });
  expect(readSummary({ ...sound, failed_checks: { a: "3" } })).toEqual({
    ok: false,
    error: '"failed_checks" must be numbers by name',
  });
  expect(readSummary({ ...sound, usage: {} })).toEqual({ ok: false, error: '"prompt_tokens" must be a number' });
  expect(readSummary(null).ok).toBe(false);
});
