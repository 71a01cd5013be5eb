import { expect, test } from "vitest";
import {
  EXIT,
  EXIT_MEANINGS,
  EXIT_OF_OUTCOME,
  exitCodeOfOpening,
  exitCodeOfProblem,
} from "../../src/cli/exit-codes.ts";
import type { Problem, ProblemKind } from "../../src/graph/problem.ts";

const problem = (kind: ProblemKind): Problem => ({ kind, where: "a", message: "b." });

test("the codes are those that scripts hang on, and each has one meaning", () => {
  expect(EXIT).toEqual({
    upToDate: 0,
    failed: 1,
    usage: 2,
    refused: 3,
    locked: 9,
    bug: 70,
    waiting: 75,
    interrupted: 130,
  });
  expect(EXIT_MEANINGS.map(([code]) => code)).toEqual(Object.values(EXIT));
});

test("how a build ends", () => {
  expect(EXIT_OF_OUTCOME).toEqual({ "up-to-date": 0, failed: 1, refused: 3, waiting: 75, interrupted: 130 });
});

test("before anything was done, whatever is wrong is a usage error, save a lock and a budget", () => {
  expect(exitCodeOfOpening([problem("config"), problem("permission")])).toBe(2);
  expect(exitCodeOfOpening([problem("disk-full")])).toBe(2);
  expect(exitCodeOfOpening([problem("config"), problem("locked")])).toBe(9);
  expect(exitCodeOfOpening([problem("budget")])).toBe(3);
});

test("a problem in the middle of the work", () => {
  const kinds = {
    config: 2,
    usage: 2,
    graph: 2,
    version: 2,
    locked: 9,
    budget: 3,
    "missing-input": 1,
    permission: 1,
    "disk-full": 1,
    io: 1,
    corrupt: 1,
    tokenizer: 1,
    auth: 1,
    provider: 1,
    recipe: 1,
    executor: 1,
  } as const satisfies Record<ProblemKind, number>;
  for (const [kind, code] of Object.entries(kinds)) {
    expect([kind, exitCodeOfProblem(problem(kind as ProblemKind))]).toEqual([kind, code]);
  }
});
