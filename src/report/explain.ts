import { wrap } from "./format.ts";
import { waitingText } from "./jobs.ts";
import { ACTIONS, askText, groupLines, sumAsks, waitingOf } from "./plan.ts";
import { problemsText } from "./problems.ts";
import { groupReasons, isHash, RESTORED, reasonText } from "./reasons.ts";
import type { AskTotal, ExplanationLine, PlanLine, StaleReason } from "./result-schema.ts";
import { nameRange } from "./shorten.ts";
import type { Style } from "./style.ts";
import { valueDiff } from "./text-diff.ts";

/** Deeper than any pipeline a person declares by hand; a chain made by a program is cut here and says so. */
const MAX_DEPTH = 8;

/**
 * Why a target stands as it does. `lines` are the plan of everything it is made from: what will be made again upstream is
 * explained in turn.
 * @param askedBy what is made of the answers to the target's requests, where it holds any: a change of it is paid for there
 */
export function explain(
  target: string,
  lines: readonly PlanLine[],
  askedBy: readonly string[] = [],
): ExplanationLine | undefined {
  const byName = new Map(lines.map((line) => [line.target, line]));
  const standing = byName.get(target);
  if (standing === undefined) return undefined;
  const causes: PlanLine[] = [];
  const seen = new Set([target]);
  const pending = [standing];
  for (let line = pending.shift(); line !== undefined; line = pending.shift()) {
    for (const name of upstream(line)) {
      const cause = byName.get(name);
      if (cause === undefined || cause.action === "fresh" || seen.has(name)) continue;
      seen.add(name);
      causes.push(cause);
      pending.push(cause);
    }
  }
  const paying = [standing, ...causes, ...askedBy.flatMap((name) => byName.get(name) ?? [])];
  const asks = paying.flatMap((line) => (line.ask === null ? [] : [line.ask]));
  return { type: "explanation", target, standing, causes, ask: asks.length === 0 ? null : sumAsks(asks) };
}

/** Explanations for people; targets of which the same is to be said are explained together. */
export function explainText(
  explanations: readonly ExplanationLine[],
  now: number,
  width: number,
  style: Style,
): string {
  const causes = explanations.flatMap((explanation) => explanation.causes);
  const byName = new Map(causes.map((line) => [line.target, line]));
  const standings = explanations.map((explanation) => explanation.standing);
  const lines = groupLines(standings).flatMap((group) => {
    const head = `${style.bold(nameRange(group.map((line) => line.target)))}: ${ACTIONS[group[0].action].said}\n`;
    return [head, ...details(group, byName, 1, { width, style, told: new Set() })];
  });
  const waiting = waitingOf(standings);
  if (waiting.length > 0) lines.push(waitingText(waiting, now));
  const costs = costText(explanations);
  if (costs !== undefined) lines.push(wrapped("in all: ", costs, 0, width));
  const problems = [...standings, ...causes].flatMap((line) => (line.problem === null ? [] : [line.problem]));
  if (problems.length > 0) lines.push(problemsText(problems, style));
  return lines.join("");
}

/** What bringing them up to date asks in all; nothing where nothing is asked, or where it stands above already. */
function costText(explanations: readonly ExplanationLine[]): string | undefined {
  const asks = explanations.flatMap(({ ask }) => (ask === null || ask.requests === 0 ? [] : [ask]));
  // One dataset is made from all the answers: what several explanations ask is not known to be different.
  const most = asks.reduce<AskTotal | undefined>(
    (known, ask) => (known === undefined || ask.requests > known.requests ? ask : known),
    undefined,
  );
  return most === undefined ? undefined : askText(most);
}

function upstream(line: PlanLine): readonly string[] {
  return [...line.reasons.flatMap((reason) => causeOf(reason) ?? []), ...line.blockedBy];
}

/** The target behind a reason: one that is made again, or one that has changed already. */
function causeOf(reason: StaleReason): string | undefined {
  if (reason.kind === "input-rebuilt") return reason.target;
  return reason.kind === "input-changed" ? reason.what : undefined;
}

interface Page {
  readonly width: number;
  readonly style: Style;
  /** Targets whose own reasons stand on the page already. */
  readonly told: Set<string>;
}

/** The reasons of targets of which the plan says the same, each rebuilt input followed by its own reasons. */
function details(
  group: readonly [PlanLine, ...PlanLine[]],
  byName: ReadonlyMap<string, PlanLine>,
  depth: number,
  page: Page,
): string[] {
  const indent = "  ".repeat(depth);
  const [line] = group;
  const lines: string[] = [];
  const detail = { width: Math.max(64, Math.floor((page.width - indent.length - 12) / 2)), names: 12 };
  const reasons = groupReasons(group.flatMap((member) => member.reasons));
  for (const alike of reasons) {
    if (alike[0].kind === "never-built" && line.action === "build" && reasons.length === 1) continue;
    const behind = causeLines(alike, byName);
    const diff = diffOf(alike[0], { ...page, width: page.width - indent.length });
    for (const each of diff ?? [reasonText(alike, detail, page.style)]) lines.push(`${indent}${each}\n`);
    // Of a target's content the target's own reasons tell; of anything else nothing else does.
    if (diff === undefined && behind.length === 0 && isContent(alike[0])) lines.push(`${indent}${NOT_KEPT}\n`);
    // A cause that two targets share is explained under the first of them: a wide graph would not end otherwise.
    const causes = behind.filter((cause) => !page.told.has(cause.target));
    for (const cause of causes) page.told.add(cause.target);
    if (causes.length > 0 && depth >= MAX_DEPTH) lines.push(`${indent}  ${page.style.marks.ellipsis}\n`);
    else
      for (const cause of groupLines(causes))
        for (const each of details(cause, byName, depth + 1, page)) lines.push(each);
  }
  if (line.restore !== null) lines.push(`${indent}${RESTORED[line.restore]}\n`);
  const asks = group.flatMap((member) => (member.ask === null ? [] : [member.ask]));
  if (asks.length > 0) lines.push(wrapped("its answers: ", askText(sumAsks(asks)), indent.length, page.width));
  if (line.blockedBy.length > 0) lines.push(`${indent}blocked by ${nameRange(line.blockedBy)}\n`);
  return lines;
}

/** The old and the new text of a value that changed. Undefined where there is no value, or what it was is not known. */
function diffOf(reason: StaleReason, page: Page): readonly string[] | undefined {
  if (reason.kind !== "input-changed" || isContent(reason)) return undefined;
  return valueDiff(reason.what, reason.from, reason.to, page);
}

/** Whether a change is known by digests alone. */
function isContent(reason: StaleReason): boolean {
  return reason.kind === "input-changed" && (isHash(reason.from) || isHash(reason.to));
}

const NOT_KEPT = "  (what it was before was not kept, only its digest)";

/** A label and a text of several lines beside it. */
function wrapped(label: string, text: string, indent: number, width: number): string {
  return wrap(text, Math.max(30, width - indent - label.length))
    .map((line, i) => `${" ".repeat(indent)}${i === 0 ? label : " ".repeat(label.length)}${line}\n`)
    .join("");
}

function causeLines(reasons: readonly StaleReason[], byName: ReadonlyMap<string, PlanLine>): PlanLine[] {
  return reasons.flatMap((reason) => {
    const cause = causeOf(reason);
    const line = cause === undefined ? undefined : byName.get(cause);
    return line === undefined ? [] : [line];
  });
}
