import { waitingText } from "./jobs.ts";
import { ACTIONS, askText, groupLines, sumAsks, waitingOf } from "./plan.ts";
import { problemsText } from "./problems.ts";
import { groupReasons, RESTORED, reasonText } from "./reasons.ts";
import type { ExplanationLine, PlanLine, StaleReason } from "./result-schema.ts";
import { nameRange } from "./shorten.ts";
import type { Style } from "./style.ts";

/** Deeper than any pipeline a person declares by hand; a chain made by a program is cut here and says so. */
const MAX_DEPTH = 8;

/**
 * Why a target stands as it does. `lines` are the plan of everything it is made from: what will be made again upstream is
 * explained in turn.
 */
export function explain(target: string, lines: readonly PlanLine[]): ExplanationLine | undefined {
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
  return { type: "explanation", target, standing, causes };
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
  const problems = [...standings, ...causes].flatMap((line) => (line.problem === null ? [] : [line.problem]));
  if (problems.length > 0) lines.push(problemsText(problems, style));
  return lines.join("");
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
    lines.push(`${indent}${reasonText(alike, detail, page.style)}\n`);
    // A cause that two targets share is explained under the first of them: a wide graph would not end otherwise.
    const causes = causeLines(alike, byName).filter((cause) => !page.told.has(cause.target));
    for (const cause of causes) page.told.add(cause.target);
    if (causes.length > 0 && depth >= MAX_DEPTH) lines.push(`${indent}  ${page.style.marks.ellipsis}\n`);
    else
      for (const cause of groupLines(causes))
        for (const each of details(cause, byName, depth + 1, page)) lines.push(each);
  }
  if (line.restore !== null) lines.push(`${indent}${RESTORED[line.restore]}\n`);
  const asks = group.flatMap((member) => (member.ask === null ? [] : [member.ask]));
  if (asks.length > 0) lines.push(`${indent}its answers: ${askText(sumAsks(asks))}\n`);
  if (line.blockedBy.length > 0) lines.push(`${indent}blocked by ${nameRange(line.blockedBy)}\n`);
  return lines;
}

function causeLines(reasons: readonly StaleReason[], byName: ReadonlyMap<string, PlanLine>): PlanLine[] {
  return reasons.flatMap((reason) => {
    const cause = causeOf(reason);
    const line = cause === undefined ? undefined : byName.get(cause);
    return line === undefined ? [] : [line];
  });
}
