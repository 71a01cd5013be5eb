import fc from "fast-check";
import { expect, test } from "vitest";
import { BandedEntries, type BandedLimits } from "../../src/tasks/banded.ts";
import { Bands } from "../../src/tasks/bands.ts";
import type { Entry } from "../../src/tasks/candidate.ts";
import { jaccard, NearSet, sequencesOf } from "../../src/tasks/near.ts";
import { Selection, selectScenarios } from "../../src/tasks/select.ts";

/*
 * Near-duplicates by bands, in files: what is kept is what a plain comparison of all that share a band keeps, whatever the batches
 * and partitions, and nearly always what the exact search keeps.
 */

const WORDS =
  "help me bake write sing the a cake song letter neighbour friend garden paint car boat red quick slow warm".split(
    " ",
  );
const word = fc.constantFrom(...WORDS);
/** Few sentences, each with some words changed: many that are near another, and chains of such. */
const sentence = fc.tuple(fc.nat(3), fc.array(fc.tuple(fc.nat(11), word), { maxLength: 4 })).map(([start, changes]) => {
  const words = WORDS.slice(start * 4, start * 4 + 12);
  for (const [at, changed] of changes) words[at % words.length] = changed;
  return words.join(" ");
});
const entries = fc.array(fc.tuple(sentence, sentence), { maxLength: 120 });
const limitsOf = fc.record({
  batch: fc.constantFrom(1, 2, 7, 30, 1000),
  partitions: fc.constantFrom(1, 2, 8, 64, 2 ** 16),
});
const threshold = fc.constantFrom(0.3, 0.5, 0.8, 1);

async function* told<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all;
}

/** What BandedEntries stands for. */
function plainly(all: readonly (readonly string[])[], threshold: number): boolean[] {
  const bands = new Bands(threshold);
  const bandsOf = (sequences: Uint32Array) => {
    const found = new Uint32Array(bands.count);
    bands.write(sequences, found, 0);
    return new Set(found);
  };
  const kept: { readonly sequences: Uint32Array; readonly bands: ReadonlySet<number> }[] = [];
  return all.map((texts) => {
    const sequences = sequencesOf(texts);
    const own = bandsOf(sequences);
    const isNear = kept.some(
      (other) => [...own].some((band) => other.bands.has(band)) && jaccard(sequences, other.sequences) >= threshold,
    );
    if (!isNear) kept.push({ sequences, bands: own });
    return !isNear;
  });
}

test("partitions, batches and what is foreseen have no part in what is kept", async () => {
  await fc.assert(
    fc.asyncProperty(entries, threshold, limitsOf, fc.nat(120), async (all, by, limits, first) => {
      const banded = new BandedEntries(by, limits);
      // Some are foreseen, then some are not, then the rest is: as shards come in.
      const kept: boolean[] = [];
      for (const part of [all.slice(0, first), all.slice(first)]) {
        await banded.foresee(told(part.slice(0, Math.ceil(part.length / 2))), Number.POSITIVE_INFINITY);
        for (const texts of part) kept.push(banded.add(texts));
      }
      expect(kept).toEqual(plainly(all, by));
      expect(banded.size).toBe(kept.filter(Boolean).length);
      banded.close();
    }),
    { numRuns: 80 },
  );
});

test("a selection is the same, and ends at the same line, whatever the batches and partitions", async () => {
  const target = fc.integer({ min: 1, max: 40 });
  await fc.assert(
    fc.asyncProperty(entries, threshold, limitsOf, target, async (all, by, limits, target) => {
      const lines = all.map((texts, at): Entry => {
        return { valid: true, texts, from: { custom_id: `c${at}`, request_id: null, line: at + 1, index: 0 } };
      });
      const taken = async (limits?: BandedLimits) => {
        const dedupe = { by: "near", threshold: by, search: "banded" } as const;
        const selection = new Selection(target, dedupe, ["safe", "harmful"], limits);
        await selection.foresee(told(lines));
        const ids: string[] = [];
        for await (const { scenarioId, line } of selectScenarios([told(lines)], selection))
          ids.push(`${scenarioId} ${line.from.custom_id}`);
        selection.close();
        return { ids, summary: selection.summary() };
      };
      expect(await taken(limits)).toEqual(await taken());
    }),
    { numRuns: 80 },
  );
});

test("thousands of sentences of one template, by files of fifty entries, as the exact search has them", async () => {
  const text = (i: number) =>
    `Tell me how to ${WORDS[i % 3]} the ${WORDS[10 + (i % 5)]} of room ${(i * 7919) % 1501} near the river`;
  const all = Array.from({ length: 2000 }, (_, i) => [text(i), `${text(i)} at home`]);
  const exact = new NearSet(0.9);
  const banded = new BandedEntries(0.9, { batch: 50, partitions: 8 });
  await banded.foresee(told(all), Number.POSITIVE_INFINITY);
  expect(all.map((texts) => banded.add(texts))).toEqual(all.map((texts) => exact.add(texts)));
  banded.close();
});

test.each([0.3, 0.5, 0.7, 0.8, 0.9, 0.95])("of pairs that are just near enough at %d, hardly one is missed", (by) => {
  const bands = new Bands(by);
  const [one, other] = [new Uint32Array(bands.count), new Uint32Array(bands.count)];
  let random = 1;
  const next = () => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.imul(random ^ (random >>> 15), 0x2c1b3c6d) >>> 0;
  };
  const size = 200;
  // Of so many shared and the same number of own ones each, the index is at or just above the threshold.
  const shared = Math.ceil((2 * by * size) / (1 + by));
  const [pairs, missed] = [4000, { near: 0, far: 0 }];
  for (let n = 0; n < pairs; n++) {
    const both = Array.from({ length: shared }, next);
    const set = () => Uint32Array.from([...both, ...Array.from({ length: size - shared }, next)]).sort();
    bands.write(set(), one, 0);
    bands.write(set(), other, 0);
    if (!one.some((band, at) => band === other[at])) missed.near++;
    bands.write(Uint32Array.from({ length: size }, next), other, 0);
    if (!one.some((band, at) => band === other[at])) missed.far++;
  }
  // One in a thousand is what is allowed; of four thousand, twelve would be a chance of one in a thousand.
  expect(missed.near).toBeLessThan(12);
  // Sets that share nothing are not to be compared.
  expect(missed.far).toBe(pairs);
});
