import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { KINDS, kindOf } from "../kinds/registry.ts";
import { columns, count, countOf, countsByName, money, percent, wrap } from "./format.ts";
import type { Style } from "./style.ts";

/** What the end of a build says of one dataset: the `summary` of its manifest, and what stands beside it there. */
export interface DatasetSummary {
  readonly file: string;
  readonly simulated: boolean;
  readonly summary: JsonObject;
  /** What its answers cost in US dollars; null is unknown. Left out by manifests that do not say. */
  readonly costUsd?: number | null;
  /** Of that, the answers that the dataset holds an entry of. */
  readonly usedCostUsd?: number | null;
  /** Of its answers, those that came without a count of their tokens: the cost is then a least. */
  readonly unreported?: number;
  /** Answers of its own that its rows were made from, not imported ones; left out by manifests that do not say. */
  readonly ownAnswers?: number;
  /** Tokenizers that are not proven to give the official library's ids, and judged its entries all the same. */
  readonly unproven?: readonly string[];
  /** What was bought for its task in all, needed for it or not. */
  readonly bought?: { readonly answers: number; readonly usd: number | null };
}

/**
 * The summary for people. Members that a manifest does not have are left out rather than guessed: manifests of older
 * versions stay readable.
 */
export function summaryText(dataset: DatasetSummary, width: number, style: Style): string {
  const { file, simulated, summary } = dataset;
  const rows: [string, string][] = [];
  const add = (label: string, text: string | undefined) => {
    if (text !== undefined) rows.push([label, text]);
  };
  // By what was generated for it; the manifests of early versions do not say.
  const { words } = KINDS.find(({ name }) => summary[name] !== undefined) ?? kindOf({ kind: "pairs" });
  add("responses processed", counted(summary["responses"]));
  for (const kind of KINDS) add(kind.words.made, counted(summary[kind.name]));
  add(`valid ${words.entries}`, counted(summary["valid"]));
  add("failures by check", tally(summary["failures_by_check"]));
  add("failures by tokenizer", tally(summary["failures_by_tokenizer"]));
  add("duplicates", counted(summary["duplicates"]));
  add("success rate", number(summary["success_rate"], percent));
  add(`${words.rows} written`, counted(summary["rows"]));
  add(`${words.entries} wanted`, counted(summary["target"]));
  const buying = summary["buying"];
  const reason = isJsonObject(buying) ? buying["reason"] : undefined;
  add("batches", typeof reason === "string" ? reason : undefined);
  // What made-up answers would have cost is nobody's bill.
  if (!simulated) add("cost", costText(dataset));
  add("bought, not needed", surplusText(dataset));
  add("file", file);
  const lines = [`${style.bold(file)}\n`, ...table(rows, width)];
  const shortBy = summary["short_by"];
  if (typeof shortBy === "number" && shortBy > 0) {
    lines.push(
      `${style.yellow("short:")} ${countOf(shortBy, words.entries.slice(0, -1))} fewer than wanted; every allowed batch is used.\n`,
    );
  }
  if (dataset.unproven !== undefined)
    lines.push(
      `${style.yellow("unproven:")} verdicts under ${dataset.unproven.join(", ")} may be wrong; \`unproven: allow\` takes them.\n`,
    );
  if (simulated)
    lines.push(`${style.yellow("simulated:")} these answers come from dsgen's simulator, not from a model.\n`);
  return lines.join("");
}

/** The summary in a manifest file's text, or undefined when there is none. */
export function summaryOfManifest(file: string, text: string): DatasetSummary | undefined {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(manifest)) return undefined;
  const summary = manifest["summary"];
  if (!isJsonObject(summary)) return undefined;
  const { cost_usd, used_cost_usd, answers, tokens, unproven_tokenizers } = manifest;
  const unreported = isJsonObject(tokens) ? tokens["unreported_answers"] : undefined;
  return {
    file,
    simulated: manifest["simulated"] === true,
    summary,
    ...(isAmount(cost_usd) ? { costUsd: cost_usd } : {}),
    ...(isAmount(used_cost_usd) ? { usedCostUsd: used_cost_usd } : {}),
    ...(typeof unreported === "number" ? { unreported } : {}),
    ...(isJsonObject(unproven_tokenizers) ? { unproven: Object.keys(unproven_tokenizers) } : {}),
    ...(isJsonObject(answers) ? { ownAnswers: total(answers) - total(answers["import"] ?? 0) } : {}),
  };
}

function isAmount(value: JsonValue | undefined): value is number | null {
  return typeof value === "number" || value === null;
}

function costText({ costUsd, usedCostUsd, unreported = 0 }: DatasetSummary): string | undefined {
  if (costUsd === undefined) return undefined;
  const least = costUsd !== null && unreported > 0 ? "at least " : "";
  const used = typeof usedCostUsd === "number" && costUsd !== null && usedCostUsd < costUsd ? usedCostUsd : undefined;
  return `${least}${money(costUsd)}${used === undefined ? "" : `, ${money(used)} of it for answers with rows in the dataset`}`;
}

/** Answers that were bought for the task and that the dataset did without: earlier prompts', or of batches beyond the last it took. */
function surplusText({ simulated, bought, ownAnswers, costUsd, unreported }: DatasetSummary): string | undefined {
  if (bought === undefined || ownAnswers === undefined || bought.answers <= ownAnswers) return undefined;
  const answers = countOf(bought.answers - ownAnswers, "answer");
  if (simulated || typeof costUsd !== "number" || bought.usd === null || unreported !== undefined) return answers;
  return `${answers}, ${money(Math.max(0, bought.usd - costUsd))}`;
}

function table(rows: readonly (readonly [string, string])[], width: number): string[] {
  const labels = columns(rows.map(([label]) => [`  ${label}`, "|"])).map((line) => line.slice(0, -1));
  const indent = " ".repeat(labels[0]?.length ?? 0);
  return rows.flatMap(([, text], i) =>
    wrap(text, Math.max(20, width - indent.length)).map((part, j) => `${j === 0 ? labels[i] : indent}${part}\n`),
  );
}

function counted(value: JsonValue | undefined): string | undefined {
  return number(value, count);
}

function number(value: JsonValue | undefined, write: (value: number) => string): string | undefined {
  return typeof value === "number" ? write(value) : undefined;
}

/** `solar 3,000, llama 2,000`: the most first. A manifest may nest the numbers by variant; then those are summed. */
function tally(value: JsonValue | undefined): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const entries = Object.entries(value).map(([name, member]): [string, number] => [name, total(member)]);
  return countsByName(entries.filter(([, times]) => times > 0));
}

function total(value: JsonValue): number {
  if (typeof value === "number") return value;
  if (!isJsonObject(value)) return 0;
  return Object.values(value).reduce<number>((sum, member) => sum + total(member), 0);
}
