import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RequestLine } from "../../src/api/request-file.ts";
import { type FileLimits, pack } from "../../src/batch/packing.ts";
import { lineOf } from "./requests.ts";

const line = fc
  .record({
    model: fc.constantFrom("a", "a", "a", "b"),
    url: fc.constantFrom("/v1/chat/completions" as const, "/v1/chat/completions" as const, "/v1/responses" as const),
    text: fc.string({ unit: "binary", maxLength: 40 }),
    sample: fc.nat(),
  })
  .map(({ model, url, text, sample }) => lineOf({ model, text }, sample, url));
const lines = fc.array(line, { maxLength: 40 });
const limits: fc.Arbitrary<FileLimits> = fc.record({
  maxRequests: fc.integer({ min: 1, max: 8 }),
  maxBytes: fc.integer({ min: 1, max: 2000 }),
  maxTokens: fc.option(fc.integer({ min: 1, max: 100 }), { nil: null }),
});
/** Tokens of a line, unknown for one model if asked for. */
const weigh = (unknown: boolean) => (one: RequestLine) =>
  unknown && one.model === "b" ? null : 1 + (one.raw.length % 17);
const bytesOf = (list: readonly RequestLine[]) => list.reduce((sum, { raw }) => sum + Buffer.byteLength(raw) + 1, 0);

describe("packing", () => {
  test("keeps every request once, in order", () => {
    fc.assert(
      fc.property(lines, limits, fc.boolean(), (list, most, unknown) => {
        expect(pack(list, most, weigh(unknown)).flatMap((one) => one.lines)).toEqual(list);
      }),
    );
  });

  test("keeps to every limit, but for a single request that is beyond it by itself", () => {
    fc.assert(
      fc.property(lines, limits, fc.boolean(), (list, most, unknown) => {
        const tokensOf = weigh(unknown);
        for (const one of pack(list, most, tokensOf)) {
          expect(one.lines.length).toBeGreaterThan(0);
          expect(new Set(one.lines.map(({ model, url }) => `${model} ${url}`)).size).toBe(1);
          expect(one.bytes).toBe(bytesOf(one.lines));
          const tokens = one.lines.map(tokensOf);
          expect(one.tokens).toBe(tokens.includes(null) ? null : tokens.reduce((sum: number, t) => sum + (t ?? 0), 0));
          expect(one.lines.length).toBeLessThanOrEqual(most.maxRequests);
          if (one.lines.length === 1) continue;
          expect(one.bytes).toBeLessThanOrEqual(most.maxBytes);
          if (most.maxTokens !== null && one.tokens !== null) expect(one.tokens).toBeLessThanOrEqual(most.maxTokens);
        }
      }),
    );
  });

  test("fills each file as far as the limits allow", () => {
    fc.assert(
      fc.property(lines, limits, (list, most) => {
        const tokensOf = weigh(false);
        const packs = pack(list, most, tokensOf);
        for (const [i, one] of packs.slice(0, -1).entries()) {
          const next = packs[i + 1]?.lines[0];
          const [first] = one.lines;
          if (next === undefined || first === undefined) throw new Error("an empty file");
          const fits =
            one.lines.length < most.maxRequests &&
            one.bytes + bytesOf([next]) <= most.maxBytes &&
            (most.maxTokens === null || (one.tokens ?? 0) + (tokensOf(next) ?? 0) <= most.maxTokens) &&
            next.model === first.model &&
            next.url === first.url;
          expect(fits).toBe(false);
        }
      }),
    );
  });

  test("counts bytes, not characters, and the line's end with them", () => {
    const wide = [lineOf({ model: "a", t: "é" }), lineOf({ model: "a", t: "ü" })];
    const room = bytesOf(wide);
    expect(pack(wide, { maxRequests: 9, maxBytes: room, maxTokens: null }, () => 1)).toHaveLength(1);
    expect(pack(wide, { maxRequests: 9, maxBytes: room - 1, maxTokens: null }, () => 1)).toHaveLength(2);
  });
});
