import type { CheckConfig } from "../config/project-config.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import type { Candidate, EntryNames } from "./candidate.ts";
import type { CheckFailure } from "./check-verdict.ts";

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
  { texts }: Candidate,
  params: JsonObject,
  { fields }: EntryNames,
): CheckFailure | null {
  const entry = Object.fromEntries(fields.map((field, at) => [field, texts[at] ?? ""]));
  let answer: unknown;
  try {
    answer = check(entry, params);
  } catch (error) {
    throw misbehaved(path, `it threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
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
