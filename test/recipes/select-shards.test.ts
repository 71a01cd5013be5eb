import { expect, test } from "vitest";
import type { Expansion } from "../../src/graph/target.ts";
import selectShards from "../../src/recipes/select-shards.ts";
import { emptySummary } from "../../src/tasks/shard-summary.ts";
import { lineWriter } from "../tasks/shard-lines.ts";

const NAMES = { kind: "records" as const, fields: ["q"] };
const lineOf = lineWriter({ ...NAMES, variants: [], tokenizers: [] });

/** A shard with so many valid and so many other candidates, five a request. */
function shard(i: number, valid: number, others: number): string {
  return Array.from({ length: valid + others }, (_, n) =>
    lineOf({
      candidate: { texts: [`${i}.${n}`], index: n % 5, extraKeys: [] },
      verdicts: n % (valid + others) < valid ? [] : [{ check: "schema", ok: false, reason: "same-text", detail: {} }],
      tokens: undefined,
      from: { custom_id: `c${n}`, request_id: null, line: 1 + Math.floor(n / 5) },
    }),
  ).join("\n");
}

async function select(
  built: readonly (readonly [number, number] | undefined)[],
  params: object = {},
  asked: { read?: (name: string) => void; kept?: (start: () => unknown) => unknown } = {},
): Promise<Expansion> {
  const files = new Map<string, string>();
  built.forEach((counts, i) => {
    if (counts === undefined) return;
    const [valid, others] = counts;
    const usage = { prompt_tokens: 0, completion_tokens: 1_000_000, cached_tokens: 0 };
    files.set(`shard${i}`, shard(i, valid, others));
    files.set(
      `summary${i}`,
      JSON.stringify({ ...emptySummary(), responses: 20, candidates: valid + others, valid, usage }),
    );
  });
  return selectShards({
    params: {
      shards: Array.from({ length: 12 }, (_, i) => ({
        shard: `shard${i}`,
        summary: `summary${i}`,
        give: { shards: [`shard${i}`] },
      })),
      names: NAMES,
      target_scenarios: 100,
      dedupe: { by: "exact" },
      first: 2,
      confidence: 0.9,
      max_cost: null,
      price: null,
      ...params,
    },
    read: (name) => {
      asked.read?.(name);
      const text = files.get(name);
      return Promise.resolve(text === undefined ? undefined : Buffer.from(text));
    },
    has: (name) => files.has(name),
    kept: <T>(start: () => T) => (asked.kept?.(start) ?? start()) as T,
  });
}

const wanted = (step: Expansion) =>
  step.state === "open" ? step.want.length : `final ${Object.values(step.targets).flat().length}`;

test("the first round is wanted before anything is known, and as long as any of it is missing", async () => {
  expect(wanted(await select([]))).toBe(2);
  expect(wanted(await select([undefined, [90, 10]]))).toBe(2);
});

test("enough is enough, whatever later shards there are", async () => {
  const step = await select([
    [60, 40],
    [60, 40],
    [60, 40],
  ]);
  expect(step).toMatchObject({
    state: "final",
    targets: { shards: ["shard0", "shard1"] },
    note: { taken: 100, shards: 2 },
  });
  expect(step.note["reason"]).toMatch(/100 reached after 2 batches of at most 12$/);
});

test("a further round is sized by the first, and stands while it is under way", async () => {
  const two = [
    [20, 80],
    [20, 80],
  ] as const;
  const after = await select(two);
  expect(wanted(after)).toBeGreaterThan(3);
  expect(after.note["reason"]).toMatch(/^yield 20 % \(\d+–\d+ %\) after 2 batches: \d+ more/);
  expect(wanted(await select([...two, [100, 0]]))).toBe("final 3");
  expect(wanted(await select([...two, [1, 99]]))).toBe(wanted(after));
});

test("max_cost ends it short, with what there is", async () => {
  const price = {
    input_usd_per_mtok: 1,
    cached_input_usd_per_mtok: null,
    output_usd_per_mtok: 2,
    batch_discount: 0.5,
    encoding: null,
    enqueued_token_limit: null,
    context_window: null,
  };
  const two = [
    [20, 80],
    [20, 80],
  ] as const;
  const short = await select(two, { price, max_cost: 2.5 });
  expect(short).toMatchObject({
    state: "final",
    targets: { shards: ["shard0", "shard1"] },
    note: { measured_cost_usd: 2, short_by: 60 },
  });
  expect(short.note["reason"]).toContain("stopped by max_cost ($2.50) at 40 of 100 (40 %)");
  expect(wanted(await select(two, { price, max_cost: 3 }))).toBe(3);
});

test("what was counted is not read again when it is asked once more", async () => {
  const kept = new Map<string, unknown>();
  const read: string[] = [];
  const ask = (shards: number) =>
    select(
      Array.from({ length: shards }, () => [20, 80] as const),
      {},
      {
        read: (name) => read.push(name),
        kept: (start) => {
          if (!kept.has("")) kept.set("", start());
          return kept.get("");
        },
      },
    );
  await ask(1);
  const after = await ask(3);
  expect(read.filter((name) => name === "shard0")).toHaveLength(1);
  expect(after).toEqual(await select(Array.from({ length: 3 }, () => [20, 80] as const)));
});

test("a banded search goes on where it was as shards come, whichever comes first, and stops where the exact one does", async () => {
  const all = Array.from({ length: 4 }, () => [30, 10] as const);
  for (const target_scenarios of [25, 100, 1000]) {
    let kept: unknown;
    const dedupe = { by: "near", threshold: 0.9 };
    const ask = (there: readonly number[]) =>
      select(
        all.map((counts, i) => (there.includes(i) ? counts : undefined)),
        { target_scenarios, dedupe: { ...dedupe, search: "banded" } },
        { kept: (start) => (kept ??= start()) },
      );
    await ask([1]);
    await ask([0, 1, 3]);
    expect(await ask([0, 1, 2, 3])).toEqual(await select(all, { target_scenarios, dedupe }));
  }
});

test("a damaged shard or summary is named", async () => {
  const read = (name: string) =>
    Promise.resolve(Buffer.from(name === "shard0" ? '{"valid":true}' : JSON.stringify(emptySummary())));
  const params = {
    shards: [{ shard: "shard0", summary: "s0", give: { shards: [] } }],
    names: NAMES,
    target_scenarios: 1,
    dedupe: { by: "exact" },
  };
  const rest = { first: 1, confidence: 0.9, max_cost: null, price: null };
  const asked = { params: { ...params, ...rest }, has: () => true, kept: <T>(start: () => T) => start() };
  await expect(selectShards({ ...asked, read })).rejects.toThrow(/^shard0:1: not a line of a shard/);
  const torn = (name: string) => Promise.resolve(Buffer.from(name === "s0" ? "{" : ""));
  await expect(selectShards({ ...asked, read: torn })).rejects.toThrow(/^s0: expected a JSON object/);
});
