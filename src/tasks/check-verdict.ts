import type { CheckConfig } from "../config/project-config.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { ProblemError, wordsOf } from "../graph/problem.ts";

/** Where a token check failed: one tokenizer's ids for one variant's two texts. */
export type TokenFault = {
  readonly variant: string;
  readonly tokenizer: string;
  readonly first: number;
  readonly second: number;
};

/**
 * Why a check failed, with what a person needs to see why. `member` is the text: first or second of a pair, a record's field.
 */
export type CheckFailure =
  | { readonly reason: "unequal-token-counts"; readonly detail: { readonly at: readonly TokenFault[] } }
  /** Equal counts, but the ids differ nowhere or at several positions; `positions` says at how many. */
  | {
      readonly reason: "not-one-difference";
      readonly detail: { readonly at: readonly (TokenFault & { readonly positions: number })[] };
    }
  | { readonly reason: "ill-formed-text" | "unproven-text"; readonly detail: { readonly member: string } }
  | { readonly reason: "too-long"; readonly detail: { readonly member: string; readonly max: number } }
  | {
      readonly reason: "too-short";
      readonly detail: { readonly member: string; readonly characters: number; readonly min: number };
    }
  | {
      readonly reason: "no-match" | "forbidden-match";
      readonly detail: { readonly member: string; readonly pattern: string };
    }
  | { readonly reason: "same-text"; readonly detail: Readonly<Record<string, never>> }
  | { readonly reason: "extra-keys"; readonly detail: { readonly keys: readonly string[] } }
  /** It had not ended when its time was up. */
  | { readonly reason: "timed-out"; readonly detail: { readonly seconds: number } }
  /** A check of the project's own: its reason, and whatever it says about it. */
  | { readonly reason: `module:${string}`; readonly detail: { readonly says: JsonValue } };

/** What one check says of one candidate. `check` is its name in the task's list. */
export type CheckVerdict =
  | { readonly check: string; readonly ok: true }
  | ({ readonly check: string; readonly ok: false } & CheckFailure);

/**
 * A failure in a few words: its reason, and for a check that may be one of several, which one
 * (`regex ^[A-Z]: no-match`, `module targets/checks/rhymes.ts: no rhyme`).
 */
export function failureName({ check, reason }: { readonly check: string; readonly reason: string }): string {
  return /[ #]/.test(check) ? `${check}: ${reason.replace(/^module:/, "")}` : reason;
}

/** The tokenizers and variants under which a failure arose; empty for one that is not about tokens. */
export function tokenFaults(failure: CheckFailure): readonly TokenFault[] {
  return failure.reason === "unequal-token-counts" || failure.reason === "not-one-difference" ? failure.detail.at : [];
}

/**
 * A check of a project's own: the default export of a module in the project. Gets an entry's texts by their keys and the
 * check's other parameters; answers true, or why the entry is not valid. Must be a pure function: its answers are kept.
 */
export type ModuleCheck = (
  entry: Readonly<Record<string, string>>,
  params: JsonObject,
) => true | { readonly reason: string; readonly detail?: JsonValue };

/** The modules that a task's checks name, each once. */
export function modulePaths(checks: readonly CheckConfig[]): readonly string[] {
  return [...new Set(checks.flatMap((config) => (config.check === "module" ? [config.path] : [])))];
}

/** A module's default export as a check. @throws ProblemError (`recipe`) when it is no function */
export function moduleCheck(path: string, exported: unknown): ModuleCheck {
  if (isModuleCheck(exported)) return exported;
  throw misbehaved(path, "its default export is not a function");
}

function isModuleCheck(exported: unknown): exported is ModuleCheck {
  return typeof exported === "function";
}

/** Runs a module's check. @throws ProblemError (`recipe`, naming the module) when it throws or answers something else */
export function runModule(
  check: ModuleCheck,
  path: string,
  { texts }: { readonly texts: readonly string[] },
  params: JsonObject,
  fields: readonly string[],
): CheckFailure | null {
  const entry = Object.fromEntries(fields.map((field, at) => [field, texts[at] ?? ""]));
  let answer: unknown;
  try {
    answer = check(entry, params);
  } catch (error) {
    throw misbehaved(path, `it threw ${wordsOf(error)}`);
  }
  if (answer === true) return null;
  if (!isJsonObject(answer) || typeof answer["reason"] !== "string") {
    throw misbehaved(path, `it answered ${JSON.stringify(answer) ?? String(answer)} for ${JSON.stringify(entry)}`);
  }
  return { reason: `module:${answer["reason"]}`, detail: { says: answer["detail"] ?? null } };
}

function misbehaved(path: string, how: string): ProblemError {
  return new ProblemError({
    kind: "recipe",
    where: path,
    message: `not a check as dsgen can use it: ${how}.`,
    fix: "Export by default a function (entry, params) that answers true or { reason, detail }.",
  });
}
