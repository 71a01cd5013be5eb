import fc from "fast-check";
import { expect, test } from "vitest";
import { limitsIn } from "../../../src/executors/slurm/limits.ts";
import { durationOf, indicesIn, readQueue } from "../../../src/executors/slurm/queue.ts";
import { endInLog, phaseOf } from "../../../src/executors/slurm/task-state.ts";

/* What Slurm's programs print is read, or named; never guessed at, and never the end of a build. */

const NAME = "dsgen-0123456789abcdef0123456789abcdef";
const NAMES = new Set([NAME]);
const WORDS = "PENDING RUNNING COMPLETING COMPLETED FAILED TIMEOUT NODE_FAIL BOOT_FAIL OUT_OF_MEMORY PREEMPTED".split(
  " ",
);

const line = fc.record({
  job: fc.integer({ min: 1, max: 9_999_999 }),
  task: fc.integer({ min: 0, max: 4_000_000 }),
  word: fc.constantFrom(...WORDS),
  ran: fc.constantFrom("0:00", "59:59", "1:02:03", "2-03:04:05", "INVALID"),
  node: fc.constantFrom("", "n1", "gpu-[01-02]"),
  reason: fc.constantFrom("None", "Priority", "Resources", "QOSMaxJobsPerUserLimit"),
});
type Line = typeof line extends fc.Arbitrary<infer T> ? T : never;
const printed = ({ job, task, word, ran, node, reason }: Line) =>
  `${job}|${task}|${word}|${ran}|${node}|${reason}|${NAME}`;

test("any text is read without a throw, and says nothing of another job's", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("|", "\n", "7", "-", NAME, "RUNNING", " ") })),
      (text) => {
        const { tasks } = readQueue(text, NAMES);
        for (const { name, job } of tasks) expect([name, /^\d+$/.test(job)]).toEqual([NAME, true]);
      },
    ),
  );
});

test("what was printed whole is read whole", () => {
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const { tasks, odd } = readQueue(lines.map((one) => `${printed(one)}\n`).join(""), NAMES);
      expect(odd).toEqual([]);
      expect(tasks).toEqual(
        lines.map(({ job, task, word, ran, node, reason }) => ({
          name: NAME,
          job: String(job),
          task,
          phase: phaseOf(word, reason),
          ranMs: durationOf(ran),
          node: node || undefined,
          reason,
        })),
      );
    }),
  );
});

test("what was cut off anywhere is never taken for whole: a line more or less is named, or all that is read was printed", () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), fc.nat(), (lines, at) => {
      const text = lines.map((one) => `${printed(one)}\n`).join("");
      const { tasks, odd } = readQueue(text.slice(0, at % text.length), NAMES);
      const whole = text.slice(0, at % text.length).split("\n").length - 1;
      expect(tasks).toHaveLength(whole);
      expect(odd.length).toBe(text[(at % text.length) - 1] === "\n" || at % text.length === 0 ? 0 : 1);
    }),
  );
});

test("a line with words of nobody's is named, and those beside it are read", () => {
  fc.assert(
    fc.property(
      line,
      fc.string({ unit: "grapheme-ascii" }).filter((text) => text.trim() !== "" && !text.includes("|")),
      (one, noise) => {
        const { tasks, odd } = readQueue(`${noise}\n${printed(one)}\n`, NAMES);
        expect([tasks.length, odd]).toEqual([1, [noise.slice(0, 200)]]);
      },
    ),
  );
});

test("a word that this dsgen does not know stays what it is", () => {
  fc.assert(
    fc.property(fc.string(), (word) => {
      const phase = phaseOf(word, "None");
      if (phase.kind === "unknown") expect(phase.word).toBe(word);
      else expect(word).toMatch(/^[A-Z_]+$/);
    }),
  );
  expect(phaseOf("toString", "None")).toEqual({ kind: "unknown", word: "toString" });
});

test("indices, durations, limits and logs are read or left, without a throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("0", "9", "-", ":", ",", "%", " ", "x", "=", "\n") }), (text) => {
      const indices = indicesIn(text);
      for (const index of indices?.slice(0, 5) ?? []) expect(Number.isSafeInteger(index)).toBe(true);
      expect(durationOf(text) ?? 0).toBeGreaterThanOrEqual(0);
      endInLog(`slurmstepd: ${text}`);
      const limits = limitsIn(`MaxArraySize = ${text}\nMaxJobCount=${text}\n`);
      expect([limits.arraySize, limits.submitted].every((limit) => Number.isSafeInteger(limit) && limit >= 1)).toBe(
        true,
      );
    }),
  );
  expect(indicesIn("0-9:3")).toEqual([0, 3, 6, 9]);
  expect(indicesIn("4,7-8%2")).toEqual([4, 7, 8]);
  expect(indicesIn("9-1")).toBeUndefined();
});
