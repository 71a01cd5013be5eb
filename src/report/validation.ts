import { columns, count, countOf } from "./format.ts";
import type { ValidationFailureLine, ValidationLine } from "./result-schema.ts";
import type { Style } from "./style.ts";

/** One failure on one line, with the file and line where it stands. */
export function failureText(failure: ValidationFailureLine, file: string): string {
  const where = `${file}:${failure.line}`;
  switch (failure.reason) {
    case "unequal-token-count":
      return `${where}: scenario ${failure.scenarioId}, ${failure.variant}, ${failure.tokenizer}: ${failure.promptTokens} tokens against ${failure.counterfactualTokens}\n`;
    case "not-one-token-apart":
      return `${where}: scenario ${failure.scenarioId}, ${failure.variant}, ${failure.tokenizer}: ${countOf(failure.differences ?? 0, "position")} differ, expected 1\n`;
    case "incomplete-scenario":
    case "unfit-text":
      return `${where}: ${failure.message}\n`;
  }
}

/** What `validate` found: failures by variant and tokenizer, and the verdict. */
export function validationText(line: ValidationLine, failuresShown: boolean, style: Style): string {
  const head = `${style.bold(line.file)}: ${countOf(line.scenarios, "scenario")}, ${countOf(line.rows, "row")}\n`;
  const tokenizers = [...new Set(Object.values(line.failures).flatMap((counts) => Object.keys(counts)))];
  const table = [
    ["failures", ...tokenizers],
    ...Object.entries(line.failures).map(([variant, counts]) => [
      variant,
      ...tokenizers.map((name) => count(counts[name] ?? 0)),
    ]),
  ];
  const numbers = tokenizers.map((_, i) => i + 1);
  const rows =
    tokenizers.length === 0
      ? ""
      : columns(table, numbers)
          .map((row) => `  ${row}\n`)
          .join("");
  return head + rows + verdict(line, failuresShown, style);
}

function verdict(line: ValidationLine, failuresShown: boolean, style: Style): string {
  const bad = line.scenarios - line.validScenarios;
  if (line.scenarios === 0) return `${style.red(style.marks.failed)} there is no scenario in it\n`;
  if (bad === 0 && line.malformed === 0) {
    return `${style.green(style.marks.done)} every scenario differs in exactly one token under every tokenizer\n`;
  }
  const parts = [
    bad > 0 ? `${count(bad)} of ${countOf(line.scenarios, "scenario")} fail` : "",
    line.malformed > 0 ? `${countOf(line.malformed, "malformed place")}` : "",
  ].filter((part) => part !== "");
  const hint = failuresShown || bad === 0 ? "" : "; --show-failures lists them";
  return `${style.red(style.marks.failed)} ${parts.join(", ")}${hint}\n`;
}
