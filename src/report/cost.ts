import type { CostReport } from "../batch/account.ts";
import type { SpendingLine } from "../batch/spending.ts";
import { columns, count, countOf, money } from "./format.ts";
import type { Style } from "./style.ts";

/** The cost report for people: one line a task, model and way, and the totals. Unknown stays unknown. */
export function costText(
  report: CostReport,
  about: { readonly provider: string; readonly simulated: boolean },
  style: Style,
): string {
  const lines = [`${style.bold(about.provider)}`];
  if (about.simulated)
    lines.push(
      `${style.yellow("simulated:")} nobody was paid; this is what real answers of this size would have cost.`,
    );
  lines.push(`spent      ${money(report.spentUsd)}`);
  lines.push(
    ...indented(report.spent.map((line) => [line.task, line.model, wayText(line), usageText(line), money(line.usd)])),
  );
  lines.push(`in flight  ${report.inFlight.length === 0 ? "nothing" : `at most ${money(report.inFlightUsd)}`}`);
  lines.push(
    ...indented(
      sums(report.inFlight).map((line) => [
        line.task,
        line.model,
        countOf(line.requests, "request"),
        "",
        money(line.usd),
      ]),
    ),
  );
  lines.push(
    `saved      ${report.saved.length === 0 ? "nothing yet" : `${money(report.savedUsd)} by reusing answers`}`,
  );
  lines.push(
    ...indented(
      sums(report.saved).map((line) => [line.task, line.model, countOf(line.requests, "request"), "", money(line.usd)]),
    ),
  );
  return `${lines.join("\n")}\n`;
}

function wayText(line: SpendingLine): string {
  const answers = countOf(line.answers, "answer");
  switch (line.via) {
    case "batch":
      return `${answers} by batch`;
    case "direct":
      return `${answers} in real time`;
    case "import":
      return `${answers} imported`;
  }
}

function usageText({ usage }: SpendingLine): string {
  return `${count(usage.input)} in, ${count(usage.output)} out`;
}

function indented(rows: readonly (readonly string[])[]): string[] {
  return columns(rows, [4]).map((line) => `  ${line}`);
}

interface Sum {
  readonly task: string;
  readonly model: string;
  readonly requests: number;
  readonly usd: number | null;
}

/** One line a task and model. */
function sums(lines: readonly Sum[]): readonly Sum[] {
  const groups = new Map<string, Sum>();
  for (const line of lines) {
    const key = `${line.task}\n${line.model}`;
    const sum = groups.get(key);
    const usd = sum === undefined ? line.usd : sum.usd === null || line.usd === null ? null : sum.usd + line.usd;
    groups.set(key, { ...line, requests: line.requests + (sum?.requests ?? 0), usd });
  }
  return [...groups.values()];
}
