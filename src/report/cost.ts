import type { CostReport, PendingLine, SpendingLine } from "../batch/ledger.ts";
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
  lines.push(`spent      ${spentText(report)}`);
  const several = new Set(report.spent.map((line) => line.namespace)).size > 1;
  lines.push(
    ...indented(
      report.spent.map((line) => [
        line.task,
        line.model,
        wayText(line),
        usageText(line),
        usdText(line),
        several ? line.namespace : "",
      ]),
    ),
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

function usageText({ answers, unreported, usage }: SpendingLine): string {
  if (answers > 0 && unreported === answers) return "tokens unknown";
  const more = unreported === 0 ? "" : `, and those of ${countOf(unreported, "answer")} unknown`;
  return `${count(usage.input)} in, ${count(usage.output)} out${more}`;
}

function usdText({ usd, unreported, via }: SpendingLine): string {
  return usd === null || unreported === 0 || via === "import" ? money(usd) : `at least ${money(usd)}`;
}

/** The known parts of a sum are at least what was spent. */
function spentText({ spent, spentUsd }: CostReport): string {
  const known = spent.reduce((sum, { usd }) => sum + (usd ?? 0), 0);
  const exact = spentUsd !== null && spent.every(({ unreported, via }) => unreported === 0 || via === "import");
  if (exact) return money(spentUsd);
  return known === 0 ? money(null) : `at least ${money(known)}`;
}

function indented(rows: readonly (readonly string[])[]): string[] {
  return columns(rows, [4]).map((line) => `  ${line}`);
}

/** One line a task and model. */
function sums(lines: readonly PendingLine[]): readonly PendingLine[] {
  const groups = new Map<string, PendingLine>();
  for (const line of lines) {
    const key = `${line.task}\n${line.model}`;
    const sum = groups.get(key);
    const usd = sum === undefined ? line.usd : sum.usd === null || line.usd === null ? null : sum.usd + line.usd;
    groups.set(key, { ...line, requests: line.requests + (sum?.requests ?? 0), usd });
  }
  return [...groups.values()];
}
