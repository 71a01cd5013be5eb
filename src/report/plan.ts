import { sumKnown } from "../batch/money.ts";
import type { Standing } from "../engine/standing.ts";
import type { Ask } from "../events/schema.ts";
import { unreachable } from "../graph/result.ts";
import { columns, count, countOf, grouped, money, tokens, wrap } from "./format.ts";
import { waitingText } from "./jobs.ts";
import { problemsText } from "./problems.ts";
import { conditionText, groupReasons, RESTORED, reasonKey, reasonText } from "./reasons.ts";
import type { AskTotal, PlanAction, PlanLine, PlanTotalLine, StaleReason, WaitingOn } from "./result-schema.ts";
import { nameRange } from "./shorten.ts";
import type { Style } from "./style.ts";

/**
 * What a plan says of one target. `reasons` are why it is made, also where the plan has already made it in a scratch
 * folder and its standing no longer says.
 */
export function planLine(standing: Standing, reasons: readonly StaleReason[]): PlanLine {
  const { state, target } = standing;
  return {
    type: "plan",
    target: target.name,
    stage: target.stage,
    task: target.task ?? null,
    action: actionOf(standing, reasons),
    reasons,
    waitingOn: state.state === "waiting" ? state.on : [],
    blockedBy: state.state === "blocked" ? state.by : [],
    restore: state.state === "restored" ? state.reason : null,
    problem: state.state === "failed" ? state.problem : null,
    ask: (standing.ask as Ask | undefined) ?? null,
    reason: reasonOf(standing),
  };
}

/** An expansion may note anything; a `reason` is for people. */
function reasonOf({ note }: Standing): string | null {
  const reason = note?.["reason"];
  return typeof reason === "string" && reason !== "" ? reason : null;
}

function actionOf({ state, conditional }: Standing, reasons: readonly StaleReason[]): PlanAction {
  switch (state.state) {
    case "fresh":
    case "blocked":
      return state.state;
    case "stale":
    case "building":
    case "built":
      if (conditional) return "maybe";
      return reasons.some((reason) => reason.kind === "never-built") ? "build" : "rebuild";
    case "restored":
      return "restore";
    case "waiting":
      return "wait";
    case "failed":
      return "fail";
    default:
      return unreachable(state);
  }
}

/** Sums asks; one unknown makes the sum unknown, but asking nothing costs nothing. */
export function sumAsks(asks: readonly Ask[]): AskTotal {
  const asking = asks.filter((ask) => ask.requests > 0);
  const sum = (of: (ask: Ask) => number) => asks.reduce((total, ask) => total + of(ask), 0);
  const left = sum((ask) => ask.left ?? 0);
  return {
    requests: sum((ask) => ask.requests),
    reused: sum((ask) => ask.reused),
    ...(left === 0 ? {} : { left }),
    inputTokens: sumKnown(asking.map((ask) => ask.inputTokens)),
    outputTokens: sumKnown(asking.map((ask) => ask.outputTokens)),
    costUsd: sumKnown(asking.map((ask) => ask.costUsd)),
    maxCostUsd: sumKnown(asking.map((ask) => ask.maxCostUsd)),
  };
}

/** The last line of a plan. */
export function planTotal(
  lines: readonly PlanLine[],
  about: { readonly goals: readonly string[]; readonly provider: string; readonly simulated: boolean },
): PlanTotalLine {
  const actions: Partial<Record<PlanAction, number>> = {};
  for (const { action } of lines) actions[action] = (actions[action] ?? 0) + 1;
  const asks = lines.flatMap((line) => (line.ask === null ? [] : [line.ask]));
  return { type: "plan-total", ...about, actions, ...sumAsks(asks) };
}

/** A plan for people: per stage, what is alike on one line, and what it would cost. */
export function planText(
  lines: readonly PlanLine[],
  total: PlanTotalLine,
  now: number,
  width: number,
  style: Style,
): string {
  const parts: string[] = [];
  for (const [stage, members] of grouped(lines, ({ stage }) => stage))
    parts.push(`${style.bold(stage)}\n${stageText(members, width, style)}`);
  const waiting = lines.flatMap((line) => line.waitingOn);
  if (waiting.length > 0) parts.push(`waiting for\n${waitingText(waiting, now)}`);
  const problems = lines.flatMap((line) => (line.problem === null ? [] : [line.problem]));
  if (problems.length > 0) parts.push(problemsText(problems, style));
  parts.push(totalText(lines, total));
  return parts.join("\n");
}

/** `send 500 requests, reuse 0; tokens …`: what one or several targets ask. */
export function askText(ask: AskTotal): string {
  const left = leftText(ask);
  if (ask.requests === 0) return `0 requests, ${money(0)} (${countOf(ask.reused, "answer")} reused)${left}`;
  const size = `tokens: ${tokens(ask.inputTokens)} in, ${tokens(ask.outputTokens)} out`;
  const bound = ask.maxCostUsd === null ? "" : ` (at most ${money(ask.maxCostUsd)})`;
  return `send ${count(ask.requests)}, reuse ${count(ask.reused)}; ${size}; cost: ${money(ask.costUsd)}${bound}${left}`;
}

function leftText({ left }: AskTotal): string {
  return left === undefined ? "" : `; --limit leaves ${count(left)} for later`;
}

function stageText(members: readonly PlanLine[], width: number, style: Style): string {
  const groups = groupLines(members);
  const heads = columns(
    groups.map((group) => [
      count(group.length),
      ACTIONS[group[0].action].verb,
      nameRange(group.map((line) => line.target)),
    ]),
    [0],
  );
  let text = "";
  for (const [i, group] of groups.entries()) {
    text += `  ${heads[i] ?? ""}\n`;
    for (const why of whyLines(group, width, style)) text += `       ${why}\n`;
  }
  return text;
}

/** Room for a tokenizer's package, version and digest: a change that is cut down to its end explains nothing. */
const VALUE_WIDTH = 56;

function whyLines(group: readonly [PlanLine, ...PlanLine[]], width: number, style: Style): string[] {
  const detail = { width: Math.max(VALUE_WIDTH, Math.floor((width - 40) / 2)), names: 3 };
  const reasons = groupReasons(group.flatMap((line) => line.reasons));
  const say = group[0].action === "maybe" ? conditionText : reasonText;
  const lines = reasons
    .filter(([reason]) => reason.kind !== "never-built" || reasons.length > 1)
    .map((alike) => style.dim(say(alike, detail, style)));
  if (group[0].restore !== null) lines.push(style.dim(RESTORED[group[0].restore]));
  const asks = group.flatMap((line) => (line.ask === null ? [] : [line.ask]));
  if (asks.length > 0) lines.push(askText(sumAsks(asks)));
  for (const each of choiceLines(group).flatMap((text) => wrap(text, Math.max(20, width - 7)))) lines.push(each);
  const blockers = [...new Set(group.flatMap((line) => line.blockedBy))];
  if (blockers.length > 0) lines.push(`by ${nameRange(blockers)}`);
  return lines;
}

/** Why a dataset is made from so many shards; what was made already needs no reason. A dataset and its manifest share one. */
function choiceLines(group: readonly PlanLine[]): readonly string[] {
  const told = group.flatMap(({ action, task, reason }) =>
    reason === null || action === "fresh" ? [] : [{ task, reason }],
  );
  const several = new Set(told.map(({ task }) => task)).size > 1;
  return [...new Set(told.map(({ task, reason }) => (several ? `${task}: ${reason}` : reason)))];
}

/** What is done to a target: in a word of a plan, and as `explain` says it. */
export const ACTIONS: Readonly<Record<PlanAction, { readonly verb: string; readonly said: string }>> = {
  fresh: { verb: "fresh", said: "fresh. Nothing it is made from has changed." },
  build: { verb: "build", said: "not built yet." },
  rebuild: { verb: "rebuild", said: "stale; the next build makes it again." },
  maybe: { verb: "maybe rebuild", said: "made again only if an input comes out different." },
  restore: { verb: "restore", said: "the result is known; the next build puts the file back." },
  wait: { verb: "wait", said: "waiting on the provider." },
  blocked: { verb: "blocked", said: "blocked: something it is made from failed." },
  fail: { verb: "fail", said: "it fails." },
};

function totalText(lines: readonly PlanLine[], total: PlanTotalLine): string {
  const who = total.simulated ? " The answers would be simulated: nothing is paid." : "";
  if (lines.every((line) => line.action === "fresh")) {
    return `Everything is up to date: ${countOf(lines.length, "target")} fresh. 0 requests, ${money(0)}.\n`;
  }
  if (total.requests === 0) return `0 requests, ${money(0)}${leftText(total)}.\n`;
  const reused = total.reused === 0 ? "" : ` (${countOf(total.reused, "answer")} reused)`;
  const known = total.inputTokens !== null && total.outputTokens !== null;
  const size = known ? tokens((total.inputTokens ?? 0) + (total.outputTokens ?? 0)) : "unknown";
  const bound = total.maxCostUsd === null ? "" : `, at most ${money(total.maxCostUsd)}`;
  return (
    `Would send ${countOf(total.requests, "request")}${reused}${leftText(total)}. Tokens: ${size}. Cost: ${money(total.costUsd)}${bound}.` +
    `${who}\n`
  );
}

/** Lines of which a plan says the same, in order of first appearance. */
export function groupLines(lines: readonly PlanLine[]): readonly (readonly [PlanLine, ...PlanLine[]])[] {
  const alike = ({ action, restore, reasons }: PlanLine) =>
    `${action} ${restore} ${[...new Set(reasons.map(reasonKey))].join(" ")}`;
  return [...grouped(lines, alike).values()];
}

/** Every batch that a set of plan lines waits for, once. */
export function waitingOf(lines: readonly PlanLine[]): readonly WaitingOn[] {
  return [...new Map(lines.flatMap((line) => line.waitingOn).map((on) => [on.jobId, on])).values()];
}
