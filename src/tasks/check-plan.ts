import type { CheckConfig, TaskConfig } from "../config/project-config.ts";
import { nearestName } from "../graph/graph.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { PairVerdict } from "../tokenizers/pair-rule.ts";
import type { Candidate } from "./candidate.ts";
import { CHECKS, type Check, type CheckSetting, type MakeCheck } from "./check-registry.ts";
import type { CheckVerdict } from "./check-verdict.ts";

/** A task's checks, ready to run. */
export interface CheckPlan {
  /** A name each, in the order of the config; the second of a kind is `regex#2`. */
  readonly names: readonly string[];
  /** Whether any check looks at tokens. If none does, no tokenizer need be loaded. */
  readonly needsTokens: boolean;
  /**
   * One verdict a check, in order.
   * @param tokens the pair's verdict; must be there when `needsTokens`
   */
  run(candidate: Candidate, tokens: PairVerdict | undefined): readonly CheckVerdict[];
}

/** The name under which a task's list may hold a check. */
export type CheckName = string;

/**
 * Makes the plan of a task's list of checks. All problems are reported: unknown names (with the nearest known one), unknown
 * or wrong parameters.
 * @param where says where a person edits the list: `config/tasks/refusal.yaml`
 * @param registry CHECKS, or that and a user's own
 */
export function planChecks(
  configs: readonly CheckConfig[],
  setting: CheckSetting,
  where: string,
  registry: Readonly<Record<CheckName, MakeCheck>> = CHECKS,
): Result<CheckPlan, readonly Problem[]> {
  const problems: Problem[] = [];
  const checks: { readonly name: string; readonly check: Check }[] = [];
  const seen = new Map<string, number>();
  configs.forEach(({ check: kind, params }, index) => {
    const place = `${where}: checks[${index}] (${kind})`;
    const make = Object.hasOwn(registry, kind) ? registry[kind] : undefined;
    if (make === undefined) {
      problems.push(unknownCheck(kind, place, Object.keys(registry)));
      return;
    }
    const made = make(place, params, setting);
    if (!made.ok) {
      problems.push(...made.error);
      return;
    }
    if (made.value.needs === "tokens" && setting.kind !== "pairs") {
      problems.push(needsPairs(place, setting.kind));
      return;
    }
    const nth = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, nth);
    checks.push({ name: nth === 1 ? kind : `${kind}#${nth}`, check: made.value });
  });
  if (problems.length > 0) return err(problems);
  return ok({
    names: checks.map(({ name }) => name),
    needsTokens: checks.some(({ check }) => check.needs === "tokens"),
    run: (candidate, tokens) => checks.map(({ name, check }) => verdict(name, check, candidate, tokens)),
  });
}

function verdict(name: string, check: Check, candidate: Candidate, tokens: PairVerdict | undefined): CheckVerdict {
  if (check.needs === "tokens" && tokens === undefined) throw new Error(`the check ${name} was run without tokens`);
  const failure = check.needs === "text" ? check.run(candidate) : tokens === undefined ? null : check.run(tokens);
  return failure === null ? { check: name, ok: true } : { check: name, ok: false, ...failure };
}

function needsPairs(where: string, kind: string): Problem {
  return {
    kind: "config",
    where,
    message: `the check compares the tokens of a pair; found it in a task of \`kind: ${kind}\`.`,
    fix: "Remove it, or choose among length, regex, distinct-texts, schema and module.",
  };
}

function unknownCheck(kind: string, where: string, known: readonly string[]): Problem {
  const near = nearestName(kind, known);
  return {
    kind: "config",
    where,
    message: `there is no check "${kind}"; there are ${known.join(", ")}.`,
    fix: near === undefined ? "Name one of these." : `Did you mean "${near}"?`,
  };
}

/**
 * Refuses a task whose checks cannot be run, before anything is paid for.
 * @throws ProblemError (`config`) for the first of what is wrong
 */
export function requireChecks(task: TaskConfig): void {
  const { kind, fields, tokenizers, template_order: variants, max_characters: maxCharacters } = task;
  const setting = { kind, fields, tokenizers, variants, maxCharacters };
  const plan = planChecks(task.checks, setting, `config/tasks/${task.task_name}.yaml`);
  const problem = plan.ok ? undefined : plan.error[0];
  if (problem !== undefined) throw new ProblemError(problem);
}
