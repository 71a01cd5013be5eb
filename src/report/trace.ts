import { readJson } from "../api/read-json.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { failureName } from "../tasks/check-verdict.ts";
import { apart, boxes, boxLines, sizesOf } from "./boxes.ts";
import { formatOfLine } from "./file-formats.ts";
import { count, money, wrap } from "./format.ts";
import { entryText } from "./inspection.ts";
import { jobsText } from "./jobs.ts";
import type { JobLine } from "./result-schema.ts";
import { shorten } from "./shorten.ts";
import type { Style } from "./style.ts";
import type { TracedCandidate, TracedComparison, TracedRequest, TraceLine } from "./trace-schema.ts";

interface Page {
  readonly width: number;
  readonly style: Style;
  /** Texts to their end, and of candidates every token. */
  readonly full: boolean;
}

/** Candidates of a request that are shown with their checks and tokens; of more, each is one line. */
const SHOWN_WHOLE = 1;

/** Where a row or candidate comes from, or what became of a request, for people: from the row to the raw answer. */
export function traceText({ of, row, candidates, request }: TraceLine, page: Page): string {
  const { bold } = page.style;
  const parts: string[] = [];
  if (row !== null) {
    const texts = entryText({ name: "", lines: row.rows }, formatOfLine(row.rows[0] ?? {}) ?? "records", page);
    parts.push(`${bold(of)}: scenario ${row.scenario} of ${row.file}\n${texts}`);
  } else parts.push(`${bold(of)}\n`);
  const whole = candidates.length <= SHOWN_WHOLE;
  for (const candidate of candidates)
    parts.push(whole ? candidateText(candidate, page) : `${candidateHead(candidate, page)}\n`);
  if (request !== null) parts.push(requestText(request, page));
  return parts.join("");
}

/** A job: its line of `status`, what it holds, and what it came to. */
export function tracedJobText(
  job: JobLine,
  { usage, costUsd, atMostUsd }: NonNullable<TraceLine["job"]>,
  now: number,
  { width, style }: Pick<Page, "width" | "style">,
): string {
  const cost =
    usage === null
      ? `at most ${money(atMostUsd)}`
      : `${money(costUsd)}: ${count(usage.input)} tokens in, ${count(usage.output)} out`;
  const rest = [`  job      ${job.jobId}`, `  asked    ${job.requestFile}`, `  cost     ${cost}`];
  return `${jobsText([job], now, width, style)}${rest.join("\n")}\n`;
}

function candidateHead({ file, line, valid, checks, texts }: TracedCandidate, { style, width }: Page): string {
  const failed = checks.filter(({ ok }) => !ok);
  // As a person names it to `dsgen explain`. Two checks may have found the same.
  const whys = new Set(failed.map(({ check, reason }) => failureName({ check, reason: reason ?? "" })));
  const why = [...whys].join(", ");
  const mark = valid ? style.green(style.marks.done) : style.red(style.marks.failed);
  const about = `${file}#${line}  ${valid ? Object.values(texts).join(" / ") : why}`;
  return `${mark} ${shorten(about, Math.max(30, width - 2), style.marks.ellipsis)}`;
}

function candidateText(candidate: TracedCandidate, page: Page): string {
  const { style, width } = page;
  const { file, line, entry, valid, texts, checks, tokens } = candidate;
  const lines = [
    `${style.bold("candidate")}  ${file}#${line}, entry ${entry} of its answer: ${valid ? "accepted" : style.red("rejected")}`,
    ...Object.entries(texts).map(([name, text]) => `  ${name}: ${shorten(text, width - name.length - 4)}`),
    ...checks.map(({ check, ok, reason, detail }) =>
      ok
        ? `  ${style.green(style.marks.done)} ${check}`
        : `  ${style.red(style.marks.failed)} ${check}: ${(reason ?? "").replace(/^module:/, "")}${detailText(detail)}`,
    ),
  ];
  const label = Math.max(0, ...tokens.map(({ variant, tokenizer }) => variant.length + tokenizer.length + 2));
  for (const one of tokens) for (const each of comparisonLines(one, label, page)) lines.push(each);
  return `${lines.map((text) => text.trimEnd()).join("\n")}\n`;
}

/** What a check says of its failure besides where it is, which the tokens below show. */
function detailText(detail: JsonObject | null): string {
  const told = Object.entries(detail ?? {}).filter(([name]) => name !== "at");
  return told.length === 0 ? "" : ` (${told.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ")})`;
}

/** `single_token qwen   19 tokens, 1 differs: " cake" | " bomb"`, and the tokens themselves where they are asked for. */
function comparisonLines(one: TracedComparison, label: number, { style, width, full }: Page): readonly string[] {
  const { variant, tokenizer, first, second, different } = one;
  const [onlyFirst, onlySecond] = apart(first, second);
  const passes = different?.length === 1;
  const sizes = sizesOf(first, second, different);
  const mark = passes ? style.green(style.marks.done) : style.red(style.marks.failed);
  const name = `${variant}  ${tokenizer}`.padEnd(label);
  const differ = `${boxes(onlyFirst)} ${style.marks.arrow} ${boxes(onlySecond)}`;
  const head = `  ${mark} ${name}  ${sizes}: `;
  const lines = [
    head.length + differ.length <= width ? head + differ : `${head.trimEnd()}\n      ${shorten(differ, width - 6)}`,
    ...(one.changed ? [`      ${style.yellow("the tokenizer has changed since it was checked")}`] : []),
  ];
  if (!full) return lines;
  return [...lines, ...boxLines(first, second, { width, style }, 6)];
}

function requestText(request: TracedRequest, page: Page): string {
  const { bold } = page.style;
  const { requestId, asked, batchId, job, raw, usage, costUsd, via, why } = request;
  const where = asked === null ? "in no request file as they are now" : `${asked.file}#${asked.line}`;
  const parts = [`${bold("request")}    ${requestId}\n  ${where}\n`];
  if (asked !== null) parts.push(entryText({ name: "", lines: [asked.request] }, "requests", page));
  if (job !== null || batchId !== null) {
    const standing =
      job === null ? "" : `, ${job.status} ${count(job.progress.completed)}/${count(job.progress.total)}`;
    parts.push(`${bold("batch")}      ${batchId ?? "not sent yet"}${standing}\n`);
    if (job !== null) parts.push(`  job ${job.jobId}\n`);
  }
  const tokens = usage === null ? "tokens unknown" : `${count(usage.input)} in, ${count(usage.output)} out`;
  const paid = via === "import" ? "imported" : money(costUsd);
  const said = readJson(raw ?? "");
  if (request.state === "answer") parts.push(`${bold("answer")}     ${tokens}, ${paid}\n`);
  else parts.push(`${wrap(`${request.state}: ${why ?? "it has not been asked"}`, page.width).join("\n")}\n`);
  if (isJsonObject(said)) parts.push(entryText({ name: "", lines: [said] }, "output", page));
  return parts.join("");
}
