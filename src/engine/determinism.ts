import { closeSync, openSync } from "node:fs";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Action } from "./action.ts";
import { type ExecuteOptions, execute } from "./execute.ts";
import { fill } from "./paths.ts";

/*
 * A recipe must make the same bytes of the same inputs, whoever runs it and when. Looking for what it must not use (chance,
 * the clock, the order of arrival) finds some; making the target twice, at what seems another time, finds it all the same.
 */

/** To the second run it is another year, month, day, hour, minute, second and millisecond. */
const AHEAD_MS = 400 * 86_400_000 + 3_661_001;
const SHOWN = 40;

/**
 * Makes an action's outputs once more, places and stores nothing, and compares.
 * @param files what was made before, in the order of the target's outputs
 * @returns the problem (`recipe`) with the first difference, or of the second run
 */
export async function makeAgain(
  action: Action,
  files: readonly string[],
  options: ExecuteOptions,
): Promise<Result<undefined, Problem>> {
  const again = await execute(action, { ...options, clockAheadMs: AHEAD_MS });
  if (!again.ok) return again;
  try {
    for (const [i, file] of again.value.files.entries()) {
      const before = files[i];
      if (before === undefined) throw new Error(`${action.target.name} has no output ${i} to compare with`);
      const difference = firstDifference(before, file);
      if (difference !== undefined) return err(differs(action, i, difference));
    }
    return ok(undefined);
  } finally {
    again.value.dispose();
  }
}

interface Difference {
  /** Both counted from 1. */
  readonly line: number;
  readonly byte: number;
  readonly first: string;
  readonly second: string;
}

function differs(action: Action, output: number, { line, byte, first, second }: Difference): Problem {
  return {
    kind: "recipe",
    where: action.target.outputs[output] ?? action.target.name,
    message: `${action.target.recipe} makes other bytes of the same inputs when it runs again: line ${line}, byte ${byte} of the file: ${first}, then ${second}.`,
    fix: "Make it depend on its inputs alone: no Math.random, no clock, nothing that is left over from an earlier run, no order of arrival.",
  };
}

/** The first place at which two files differ; undefined when they are the same. */
export function firstDifference(one: string, other: string): Difference | undefined {
  const size = 1 << 20;
  const [a, b] = [Buffer.alloc(size), Buffer.alloc(size)];
  const [first, second] = [openSync(one, "r"), openSync(other, "r")];
  try {
    let line = 1;
    for (let start = 0; ; start += size) {
      const [left, right] = [fill(first, a), fill(second, b)];
      if (!left.equals(right)) {
        let at = 0;
        while (at < left.length && left[at] === right[at]) at++;
        line += newlines(left.subarray(0, at));
        return { line, byte: start + at + 1, first: shown(left, at), second: shown(right, at) };
      }
      if (left.length < size) return undefined;
      line += newlines(left);
    }
  } finally {
    closeSync(first);
    closeSync(second);
  }
}

function newlines(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => (byte === 0x0a ? count + 1 : count), 0);
}

function shown(bytes: Buffer, at: number): string {
  const rest =
    bytes
      .subarray(at, at + SHOWN)
      .toString("utf8")
      .split("\n")[0] ?? "";
  return at >= bytes.length ? "the end of the file" : JSON.stringify(rest);
}
