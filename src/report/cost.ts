import { sumKnown } from "../batch/money.ts";
import { columns, count, countOf, money } from "./format.ts";
import type { ResultLine } from "./result-schema.ts";
import type { Style } from "./style.ts";

export type CostLine = Extract<ResultLine, { type: "cost" }>;
type SpendingLine = CostLine["spent"][number];

/** The cost report for people: one line a task, model and way, and the totals. Unknown stays unknown. */
export function costText(report: CostLine, style: Style): string {
  const { provider, simulated, spent, inFlight, inFlightUsd, saved, savedUsd } = report;
  const several = new Set(spent.map((line) => line.namespace)).size > 1;
  const rows = spent.map((line) => {
    const answers = `${countOf(line.answers, "answer")} ${WAYS[line.via]}`;
    return [line.task, line.model, answers, usageText(line), usdText(line), several ? line.namespace : ""];
  });
  const note = "nobody was paid; real answers of this size would have cost this.";
  const lines = [
    style.bold(provider),
    ...(simulated ? [`${style.yellow("simulated:")} ${note}`] : []),
    ...part("spent", spentText(report), rows),
    ...part("in flight", inFlight.length === 0 ? "nothing" : `at most ${money(inFlightUsd)}`, sums(inFlight)),
    ...part("saved", saved.length === 0 ? "nothing yet" : `${money(savedUsd)} by reusing answers`, sums(saved)),
  ];
  return `${lines.join("\n")}\n`;
}

const WAYS = { batch: "by batch", direct: "in real time", import: "imported" } as const;

function part(name: string, total: string, rows: readonly (readonly string[])[]): readonly string[] {
  return [`${name.padEnd(11)}${total}`, ...columns(rows, [4]).map((row) => `  ${row}`)];
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
function spentText({ spent, spentUsd }: CostLine): string {
  const known = spent.reduce((sum, { usd }) => sum + (usd ?? 0), 0);
  const exact = spentUsd !== null && spent.every(({ unreported, via }) => unreported === 0 || via === "import");
  if (exact) return money(spentUsd);
  return known === 0 ? money(null) : `at least ${money(known)}`;
}

/** A row a task and model. */
function sums(lines: CostLine["inFlight"]): readonly (readonly string[])[] {
  const groups = new Map<string, CostLine["inFlight"][number]>();
  for (const line of lines) {
    const key = `${line.task}\n${line.model}`;
    const { requests, usd } = groups.get(key) ?? { requests: 0, usd: 0 };
    groups.set(key, { ...line, requests: line.requests + requests, usd: sumKnown([usd, line.usd]) });
  }
  return [...groups.values()].map(({ task, model, requests, usd }) => [
    task,
    model,
    countOf(requests, "request"),
    "",
    money(usd),
  ]);
}
