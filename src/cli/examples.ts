import type { TaskConfig } from "../config/project-config.ts";
import type { Emit } from "../events/schema.ts";
import type { TargetName } from "../graph/names.ts";
import type { Encoder } from "../tokenizers/encoder.ts";
import { judgePair, plainComparer } from "../tokenizers/pair-rule.ts";
import type { GraphSession } from "./session.ts";
import { encodersOf } from "./tokenizers.ts";

/** Checks that hold a pair to the rule of one token. */
const TOKEN_CHECKS: readonly string[] = ["equal-token-count", "one-token-difference"];

/**
 * Warns of examples in a prompt that fail the task's own checks of tokens: a model imitates what it is shown, and its answers are
 * paid for. Called before something is asked, since it loads the tokenizers; their problems are told where they are needed.
 */
export async function warnOfExamples(goals: readonly TargetName[], session: GraphSession, emit: Emit): Promise<void> {
  const named = new Set(goals.map((goal) => session.graph.target(goal)?.task));
  const tasks = session.config.tasks.filter((task) => named.has(task.task_name) && isHeldToTokens(task));
  if (tasks.length === 0) return;
  const prepared = await session.tokenizers(goals, emit);
  if (!prepared.ok) return;
  const encoders = new Map<string, Encoder>();
  for (const name of new Set(tasks.flatMap((task) => task.tokenizers))) {
    const loaded = await encodersOf(prepared.value, [name]);
    if (loaded.ok) for (const encoder of loaded.value) encoders.set(name, encoder);
  }
  for (const task of tasks) {
    const judges = task.tokenizers.flatMap((name) => encoders.get(name) ?? []);
    for (const message of failingExamples(task, judges))
      emit({ type: "notice", level: "warning", code: "example", message });
  }
}

export function isHeldToTokens(task: TaskConfig): boolean {
  return task.checks.some(({ check }) => TOKEN_CHECKS.includes(check));
}

/** A line for each example that fails: the first variant and tokenizer under which it does, with the counts. */
export function failingExamples(task: TaskConfig, encoders: readonly Encoder[]): readonly string[] {
  const variants = Object.entries(task.templates).map(([name, template]) => ({ name, ...template }));
  const [one = "", other = ""] = task.fields;
  const comparers = encoders.map((encoder) => plainComparer(encoder, variants));
  return task.examples.flatMap((example, at) => {
    const pair = { first: example[one] ?? "", second: example[other] ?? "" };
    const verdict = judgePair(comparers, pair);
    if (verdict.kind === "refused")
      return [said(task, at, pair.second, `its ${verdict.member} text is ${verdict.reason}`)];
    const failed = verdict.comparisons.findIndex(({ different }) => different?.length !== 1);
    const comparison = verdict.comparisons[failed];
    if (comparison === undefined) return [];
    const variant = variants[Math.floor(failed / encoders.length)]?.name ?? "";
    const where = `under ${encoders[failed % encoders.length]?.name ?? ""} (${variant})`;
    const { first, second, different } = comparison;
    return [
      said(
        task,
        at,
        pair.second,
        different === null
          ? `its texts have ${first} and ${second} tokens ${where}`
          : `its texts differ in ${different.length} tokens of ${first} ${where}`,
      ),
    ];
  });
}

function said(task: TaskConfig, at: number, text: string, why: string): string {
  return `config/tasks/${task.task_name}.yaml: example ${at + 1} (${JSON.stringify(text)}) fails the task's own checks: ${why}; a model imitates what it is shown`;
}
