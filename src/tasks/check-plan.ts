import { setImmediate as breathe } from "node:timers/promises";
import { createContext, Script } from "node:vm";
import { isMainThread } from "node:worker_threads";
import type { CheckConfig } from "../config/project-config.ts";
import type { PairVerdict } from "../tokenizers/pair-rule.ts";
import type { Candidate } from "./candidate.ts";
import type { CheckVerdict } from "./check-verdict.ts";
import { type Check, type CheckSetting, makeCheck } from "./checks.ts";

/** A candidate, with the pair's verdict where checks need tokens. */
export interface CheckSubject {
  readonly candidate: Candidate;
  readonly tokens: PairVerdict | undefined;
}

/** A task's checks, ready to run. */
export interface CheckPlan {
  /** One each, in the order of the config, saying which where there may be several: `regex ^[A-Z]`, `length#2`. */
  readonly names: readonly string[];
  /** Whether any check looks at tokens. If none does, no tokenizer need be loaded. */
  readonly needsTokens: boolean;
  /**
   * The verdicts of each candidate, one a check, in order. Code that is a person's (patterns, modules) is stopped after the
   * setting's limit; the candidate at hand fails with `timed-out`, and the next is looked at.
   * @throws the signal's reason once it is aborted
   */
  run(subjects: readonly CheckSubject[], signal: AbortSignal): Promise<readonly (readonly CheckVerdict[])[]>;
}

interface Named {
  readonly name: string;
  readonly check: Check;
}

/** Characters of a pattern or path in a check's name. */
const LONGEST_LABEL = 60;

/** Makes the plan of a task's list of checks, which the config's rules have found right. */
export function planChecks(configs: readonly CheckConfig[], setting: CheckSetting): CheckPlan {
  const all = checkNames(configs);
  const checks = configs.map((config, i): Named => ({ name: all[i] ?? "", check: makeCheck(config, setting) }));
  const endless = configs.some(({ check }) => check === "regex" || check === "module");
  return {
    names: all,
    needsTokens: checks.some(({ check }) => check.needs === "tokens"),
    run: async (subjects, signal) =>
      endless
        ? runLimited(checks, subjects, setting.timeoutSeconds, signal)
        : subjects.map((subject) => checks.map((check) => verdict(check, subject))),
  };
}

/** What the checks of a list are called, one each: `length`, `length#2`, `regex ^[A-Z]`. */
export function checkNames(configs: readonly CheckConfig[]): readonly string[] {
  const seen = new Map<string, number>();
  return configs.map((config) => {
    const kind = nameOf(config);
    const nth = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, nth);
    return nth === 1 ? kind : `${kind}#${nth}`;
  });
}

function nameOf(config: CheckConfig): string {
  const label = config.check === "regex" ? config.pattern : config.check === "module" ? config.path : undefined;
  if (label === undefined) return config.check;
  const characters = [...label];
  const short = characters.length > LONGEST_LABEL ? `${characters.slice(0, LONGEST_LABEL - 1).join("")}…` : label;
  return `${config.check} ${short}`;
}

/**
 * All candidates under one limit, which ordinary checks are far from. When it passes, the candidate at hand is looked at
 * again by itself, check by check, each with the whole limit: what is slow only together is not stopped.
 */
async function runLimited(
  checks: readonly Named[],
  subjects: readonly CheckSubject[],
  seconds: number,
  signal: AbortSignal,
): Promise<readonly (readonly CheckVerdict[])[]> {
  const done: CheckVerdict[][] = [];
  const rest = () => {
    for (const subject of subjects.slice(done.length)) done.push(checks.map((check) => verdict(check, subject)));
  };
  while (done.length < subjects.length) {
    signal.throwIfAborted();
    const together = runWithin(seconds * 1000, rest);
    if (together.kind === "done") break;
    await breathe();
    const subject = subjects[done.length];
    if (together.kind === "interrupted" || subject === undefined) continue;
    const verdicts: CheckVerdict[] = [];
    for (const check of checks) verdicts.push(await runAlone(check, subject, seconds, signal));
    done.push(verdicts);
  }
  return done;
}

async function runAlone(
  named: Named,
  subject: CheckSubject,
  seconds: number,
  signal: AbortSignal,
): Promise<CheckVerdict> {
  for (;;) {
    signal.throwIfAborted();
    const alone = runWithin(seconds * 1000, () => verdict(named, subject));
    if (alone.kind === "done") return alone.value;
    // Ctrl-C and timers get a hearing between two runs.
    await breathe();
    if (alone.kind === "timed-out") return { check: named.name, ok: false, reason: "timed-out", detail: { seconds } };
  }
}

function verdict({ name, check }: Named, { candidate, tokens }: CheckSubject): CheckVerdict {
  if (check.needs === "tokens" && tokens === undefined) throw new Error(`the check ${name} was run without tokens`);
  const failure = check.needs === "text" ? check.run(candidate) : tokens === undefined ? null : check.run(tokens);
  return failure === null ? { check: name, ok: true } : { check: name, ok: false, ...failure };
}

/*
 * JavaScript cannot stop JavaScript that does not return: while a regular expression backtracks or a loop turns, no timer
 * and no signal handler runs. The watchdog of node:vm is a thread of its own and can; it ends a regular expression inside
 * one match, and a loop whatever it catches. What runs is our own code called from the script, not the script's.
 */

const cell: { run: () => void } = { run: () => undefined };
const context = createContext(cell);
const call = new Script("run()");

type Limited<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "timed-out" }
  /** By Ctrl-C, which has been passed on to whoever listens for it. */
  | { readonly kind: "interrupted" };

/**
 * Runs synchronous code for at most so many milliseconds by the clock. One call costs some tenths of a millisecond, so
 * many short runs go into one. What the code throws is thrown.
 */
function runWithin<T>(milliseconds: number, run: () => T): Limited<T> {
  let outcome: (() => T) | undefined;
  cell.run = () => {
    try {
      const value = run();
      outcome = () => value;
    } catch (error) {
      outcome = () => {
        throw error;
      };
    }
  };
  try {
    // Ctrl-C must not wait for the limit, which may be minutes. Worker threads get no signals: the main thread has them.
    call.runInContext(context, { timeout: Math.ceil(milliseconds), breakOnSigint: isMainThread });
  } catch (error) {
    // Made in the script's context, it is no Error of ours.
    const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
    if (code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return { kind: "timed-out" };
    if (code !== "ERR_SCRIPT_EXECUTION_INTERRUPTED") throw error;
    // The watchdog has taken the signal for itself; the listeners are back now.
    process.kill(process.pid, "SIGINT");
    return { kind: "interrupted" };
  } finally {
    cell.run = () => undefined;
  }
  if (outcome === undefined) throw new Error("the code to be timed was not run");
  return { kind: "done", value: outcome() };
}
