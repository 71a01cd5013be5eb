import { describe, expect, it } from "vitest";
import { html, jsonInHtml } from "../../src/page/html.ts";
import { Sample, sampleRows } from "../../src/page/sample.ts";
import { binned, Failures, quantile } from "../../src/page/tally.ts";
import { readTask, type SeenLine } from "../../src/page/task-data.ts";
import { contextOf } from "../recipes/context.ts";
import { type Entry, givenOf, graphOf, HOSTILE, reportOf } from "./fixture.ts";

const entry = (n: number, more: Partial<Entry> = {}): Entry => ({ texts: [`a ${n}`, `b ${n}`], ...more });
const ENTRIES: readonly Entry[] = [
  ...Array.from({ length: 30 }, (_, n) => entry(n)),
  ...Array.from({ length: 5 }, (_, n) => entry(n, { taken: false })),
  ...Array.from({ length: 20 }, (_, n) => entry(100 + n, { fails: "one-token-difference" })),
];

async function read(entries: readonly Entry[], kind: "pairs" | "records" = "pairs") {
  const { given, about, manifest } = givenOf({ entries, kind });
  const seen: SeenLine[] = [];
  const data = await readTask(contextOf(given).context, about, (one) => seen.push(one));
  return { data, manifest, seen };
}

describe("the data behind the charts", () => {
  it("adds up to the manifest: every candidate has one fate, and every step says what it lost", async () => {
    const { data, manifest, seen } = await read(ENTRIES);
    const { summary } = manifest;
    const sum = (of: "taken" | "duplicate" | "unneeded" | "invalid") =>
      data.batches.reduce((all, batch) => all + batch[of], 0);
    expect(sum("taken")).toBe(summary.scenarios);
    expect(sum("duplicate")).toBe(summary.duplicates);
    expect(sum("invalid")).toBe(summary.invalid);
    expect(sum("taken") + sum("duplicate") + sum("unneeded")).toBe(summary.valid);
    expect(seen).toHaveLength(ENTRIES.length);
    expect(data.funnel.map(({ count }) => count)).toEqual([10, 8, 7, 55, 35, 30]);
    const last = data.funnel.at(-1);
    expect(last?.lost).toEqual({ duplicate: 5 });
    for (const [before, after] of [
      [0, 1],
      [1, 2],
      [4, 5],
    ] as const) {
      const lost = Object.values(data.funnel[after]?.lost ?? {}).reduce((all, one) => all + one, 0);
      expect((data.funnel[before]?.count ?? 0) - lost).toBe(data.funnel[after]?.count);
    }
    expect(data.repeated.slice(0, 2).map(({ times }) => times)).toEqual([2, 2]);
  });

  it("counts what comes after the last scenario of a complete dataset as not needed", async () => {
    const { given, about, manifest } = givenOf({ entries: [entry(1), entry(2), entry(3, { taken: false })] });
    const complete = { ...manifest, dataset: { ...manifest.dataset, short_by: 0 } };
    const files = { "manifest t": JSON.stringify(complete) };
    const { batches } = await readTask(contextOf({ ...given, files }).context, about, () => undefined);
    expect(batches.map(({ taken, duplicate, unneeded }) => [taken, duplicate, unneeded])).toEqual([
      [2, 0, 0],
      [0, 0, 1],
    ]);
  });

  it("measures tokens where there are some, with the place of the difference, and characters else", async () => {
    const pairs = (await read(ENTRIES)).data;
    expect(pairs.lengthUnit).toBe("tokens");
    expect(pairs.lengths.map(({ of, counts }) => [of, counts])).toEqual([
      ["a", [[9, 30]]],
      ["b", [[10, 30]]],
    ]);
    expect(pairs.places.map(({ of, counts }) => [of, counts])).toEqual([
      ["a", [[4, 30]]],
      ["b", [[5, 30]]],
    ]);
    const records = (await read(ENTRIES, "records")).data;
    expect([records.lengthUnit, records.places]).toEqual(["characters", []]);
    expect(records.lengths.map(({ of }) => of)).toEqual(["safe", "harmful"]);
  });

  it("counts a candidate once for each check, tokenizer and variant under which it failed", () => {
    const failures = new Failures();
    const at = [
      { variant: "v", tokenizer: "a" },
      { variant: "v", tokenizer: "a" },
      { variant: "v", tokenizer: "b" },
    ];
    failures.add([{ check: "c", reason: "unequal-token-counts", detail: { at } }]);
    failures.add([
      { check: "c", reason: "unequal-token-counts", detail: { at: at.slice(2) } },
      { check: "length", reason: "too-long", detail: {} },
    ]);
    expect(failures.counts().map(({ tokenizer, count }) => [tokenizer, count])).toEqual([
      ["b", 2],
      ["a", 1],
      [null, 1],
    ]);
  });

  it("bins lose nothing, and quantiles are numbers that came", () => {
    const counts = [
      [1, 2],
      [50, 3],
      [99, 5],
    ] as const;
    const { width, bins } = binned(counts, 10);
    expect([width, bins.length]).toEqual([10, 10]);
    expect(bins.reduce((sum, [, count]) => sum + count, 0)).toBe(10);
    expect([0.1, 0.5, 0.51, 1].map((share) => quantile(counts, share))).toEqual([1, 50, 99, 99]);
    expect(binned([], 10).bins.length).toBeLessThan(2);
  });

  it("draws a sample that hangs on nothing but what there is, within its bounds", async () => {
    const many = Array.from({ length: 3000 }, (_, n) => entry(n, n % 3 === 0 ? {} : { fails: `check-${n % 2}` }));
    const { seen, data } = await read(many);
    const draw = (lines: readonly SeenLine[]) => {
      const sample = new Sample();
      for (const one of lines) sample.see(one);
      return sample.lines();
    };
    const lines = draw(seen);
    expect(draw([...seen].reverse())).toEqual(lines);
    expect(lines.filter(({ fate }) => fate === "taken")).toHaveLength(150);
    const reasons = lines.flatMap(({ line }) => line.failed.map(({ check }) => check));
    expect([...new Set(reasons)].sort()).toEqual(["check-0", "check-1"]);
    const rows = sampleRows(lines, data.task, [], 5000);
    expect(Buffer.byteLength(JSON.stringify(rows))).toBeLessThanOrEqual(5000 + rows.length + 1);
    expect(new Set(rows.map(({ fate }) => fate))).toEqual(new Set(["taken", "invalid"]));
  });
});

describe("what comes from a model", () => {
  it("is text in the markup and in the data, whatever it holds", () => {
    for (const text of HOSTILE) {
      expect(html`<p title="${text}">${text}</p>`.text.match(/[<>]/g)).toHaveLength(4);
      const json = jsonInHtml([text]).text;
      expect(json).not.toMatch(/[<>&\u2028\u2029]/);
      expect(JSON.parse(json)).toEqual([text]);
    }
  });

  it("is shown with what is invisible in it, and cut with the number of what is left out", async () => {
    const { seen, data } = await read(HOSTILE.map((text): Entry => ({ texts: [text, "b"] })));
    const rows = sampleRows(seen, data.task, [], 1e6);
    const texts = rows.flatMap((row) => row.texts.map(([, text]) => text)).join("\n");
    expect(texts).toContain("\\u202egnp.exe\\u202c");
    expect(texts).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u2028]/);
    const long = rows.flatMap((row) => row.texts).find(([, , more]) => more > 0);
    expect(long?.[2]).toBe(100_000 + "<svg onload=globalThis.struck=1>".length - 600);
  });

  it("leaves the page small and its bytes the same, with 2,000 targets and long texts", async () => {
    const long = "long ".repeat(20_000);
    const entries = Array.from({ length: 400 }, (_, n): Entry => ({ texts: [`${n} ${long}`, HOSTILE[n % 9] ?? ""] }));
    const shape = {
      entries,
      graph: graphOf(2000),
      jobs: 300,
      axisValue: HOSTILE[0] ?? "",
      errorCode: HOSTILE[1] ?? "",
    };
    const page = await reportOf(shape);
    expect(Buffer.byteLength(page)).toBeLessThan(3_000_000);
    expect(await reportOf(shape)).toBe(page);
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).not.toMatch(/<(img|base|style>body)/);
  });
});
