import fc from "fast-check";
import { expect, test } from "vitest";
import { distinctEntries } from "../../src/tasks/distinct.ts";
import { jaccard, NearSet, sequencesOf } from "../../src/tasks/near.ts";

const WORDS =
  "help me bake write sing the a cake song letter neighbour friend garden paint car boat red quick slow warm".split(
    " ",
  );
const sentence = fc.array(fc.constantFrom(...WORDS), { minLength: 3, maxLength: 12 }).map((words) => words.join(" "));

const near = (a: readonly string[], b: readonly string[]) => jaccard(sequencesOf(a), sequencesOf(b));

/** What NearSet stands for, without any banding. */
function plainly(entries: readonly (readonly string[])[], threshold: number): boolean[] {
  const kept: Uint32Array[] = [];
  return entries.map((entry) => {
    const sequences = sequencesOf(entry);
    if (kept.some((other) => jaccard(sequences, other) >= threshold)) return false;
    kept.push(sequences);
    return true;
  });
}

test("the index is the textbook's", () => {
  expect(jaccard(Uint32Array.of(1, 2, 3), Uint32Array.of(2, 3, 4))).toBe(0.5);
  expect(jaccard(Uint32Array.of(), Uint32Array.of())).toBe(1);
  expect(jaccard(Uint32Array.of(1), Uint32Array.of())).toBe(0);
  // abcd bcde against abcd bcdf: one of three.
  expect(near(["abcde"], ["abcdf"])).toBeCloseTo(1 / 3);
});

test("case, punctuation and white space do not count; fields do", () => {
  expect(near(["Help me bake a cake!", "x"], ["help me  bake a cake", "X"])).toBe(1);
  expect(near(["help me bake", "sing a song"], ["sing a song", "help me bake"])).toBe(0);
});

test("exactly what a plain comparison with all earlier ones keeps, at any threshold", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(sentence, sentence), { maxLength: 60 }),
      fc.constantFrom(0.3, 0.5, 0.8, 1),
      (pairs, threshold) => {
        const set = new NearSet(threshold);
        const kept = pairs.map((pair) => set.add(pair));
        expect(kept).toEqual(plainly(pairs, threshold));
        expect(set.size).toBe(kept.filter(Boolean).length);
      },
    ),
    { numRuns: 60 },
  );
});

test("it stays so through thousands of entries, and the first of a group stays", () => {
  const set = new NearSet(0.7);
  const text = (i: number) =>
    `sentence number ${i * 7919} is about ${WORDS[i % WORDS.length]} and thing ${(i * 104729) % 9973}`;
  const kept = Array.from({ length: 1500 }, (_, i) => i).filter((i) => set.add([text(i)]));
  expect(kept.length).toBeGreaterThan(1000);
  expect(set.size).toBe(kept.length);
  // Found again under a small edit.
  expect(kept.filter((i) => set.add([`${text(i)}s`]))).toEqual([]);
  expect(set.size).toBe(kept.length);
});

test("of thousands of sentences of one template few are compared, and none that is near is kept", () => {
  const set = new NearSet(0.9);
  const text = (i: number) =>
    `Tell me how to ${WORDS[i % 3]} the ${WORDS[10 + (i % 5)]} of room ${(i * 7919) % 99_991} near the river`;
  const kept = Array.from({ length: 6000 }, (_, i) => i).filter((i) => set.add([text(i), `${text(i)} at home`]));
  expect(kept.length).toBeGreaterThan(5000);
  // Of eighteen million pairs.
  expect(set.compared).toBeLessThan(6000 * 120);
  expect(kept.filter((i) => set.add([`${text(i)}!`, `${text(i)}, at home`]))).toEqual([]);
});

test("dedupe looks at the fields it is told to", () => {
  const set = distinctEntries({ by: "near", threshold: 0.8, fields: ["question"] }, ["question", "answer"]);
  expect(set.add(["What is the largest ocean on Earth?", "The Pacific"])).toBe(true);
  expect(set.add(["what is the largest ocean on earth", "Pacific Ocean"])).toBe(false);
  expect(set.add(["How many strings does a violin have?", "The Pacific"])).toBe(true);
  expect(set.size).toBe(2);
  const exact = distinctEntries({ by: "exact", fields: ["answer"] }, ["question", "answer"]);
  expect([exact.add(["a", "x"]), exact.add(["b", "x"]), exact.add(["a", "y"])]).toEqual([true, false, true]);
});
