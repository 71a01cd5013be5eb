import type { BuildOutcome } from "../engine/events.ts";
import { unreachable } from "../graph/result.ts";
import type { StateName, WaitingElsewhere } from "../graph/state.ts";
import { elsewhereText } from "./elsewhere.ts";
import { countOf } from "./format.ts";
import { waitingText } from "./jobs.ts";
import type { WaitingOn } from "./result-schema.ts";
import type { Style } from "./style.ts";
import { type DatasetSummary, summaryText } from "./summary.ts";

/** What a build ended with. */
export interface BuildResult {
  readonly outcome: BuildOutcome;
  readonly counts: Readonly<Partial<Record<StateName, number>>>;
  /** Whether requests were sent: a view of the jobs is up to date, and nothing made, when they are. */
  readonly sent: boolean;
  /** The requested targets, by state. */
  readonly goals: readonly { readonly name: string; readonly state: StateName }[];
  readonly waiting: readonly WaitingOn[];
  /** One for each target that other machines are to make. */
  readonly elsewhere: readonly WaitingElsewhere[];
  readonly summaries: readonly DatasetSummary[];
}

/** With more jobs under way on a cluster than these, `dsgen status` names each. */
const SHOWN_STANDINGS = 12;

/** The closing words of a build: what came of each goal, what it waits for, and what to do next. */
export function buildResultText(result: BuildResult, now: number, width: number, style: Style): string {
  // What a dataset holds was told by the build that made it; one that made nothing has nothing new to say.
  const told = madeOf(result) === 0 && result.outcome === "up-to-date" ? [] : result.summaries;
  const parts = told.map((summary) => summaryText(summary, width, style));
  parts.push(closing(result, now, style));
  return parts.join("\n");
}

function closing(result: BuildResult, now: number, style: Style): string {
  const left = waitingText(result.waiting, now) + elsewhereText(result.elsewhere, now, SHOWN_STANDINGS);
  const stillWaiting = left === "" ? "" : `still waiting for\n${left}`;
  switch (result.outcome) {
    case "up-to-date":
      return upToDate(result, style);
    case "waiting":
      return waitingClosing(result, now, style);
    case "refused":
      return `Refused, as said above; none of what was refused was sent.\n${stillWaiting}`;
    case "failed": {
      const blocked = result.counts.blocked ?? 0;
      const also = blocked > 0 ? `; ${countOf(blocked, "target")} blocked by that` : "";
      const waits = stillWaiting === "" ? "" : `\n${stillWaiting}`;
      return `${style.red("Failed:")} ${countOf(result.counts.failed ?? 0, "target")}${also}.\n${waits}`;
    }
    case "interrupted":
      return "Interrupted. Remote jobs go on; the next dsgen build picks them up.\n";
    default:
      return unreachable(result.outcome);
  }
}

function madeOf({ counts }: BuildResult): number {
  return (counts.built ?? 0) + (counts.restored ?? 0);
}

function upToDate(result: BuildResult, style: Style): string {
  const { counts, goals, summaries } = result;
  const simulated = new Set(summaries.filter((summary) => summary.simulated).map(({ file }) => file));
  const lines = goals
    .map(({ name }) => `  ${style.green(style.marks.done)} ${name}${simulated.has(name) ? " (simulated)" : ""}\n`)
    .join("");
  const sent = result.sent ? "what was missing was sent" : "nothing was sent";
  if (madeOf(result) === 0) return `Everything is up to date; ${sent}.\n${lines}`;
  const parts = [
    ...(counts.built === undefined ? [] : [`${countOf(counts.built, "target")} built`]),
    ...(counts.restored === undefined ? [] : [`${counts.restored} restored`]),
    ...(counts.fresh === undefined ? [] : [`${counts.fresh} fresh`]),
  ];
  return `Up to date: ${parts.join(", ")}.\n${lines}`;
}

function waitingClosing({ waiting, elsewhere, goals }: BuildResult, now: number, style: Style): string {
  const isOpen = ({ state }: BuildResult["goals"][number]) => state === "waiting" || state === "stale";
  const lines = [
    ...goals.filter((goal) => !isOpen(goal)).map(({ name }) => `  ${style.green(style.marks.done)} ${name}\n`),
    ...goals.filter(isOpen).map(({ name }) => `  ${style.yellow(style.marks.waiting)} ${name}\n`),
  ];
  const parts: string[] = [];
  if (waiting.length > 0 || elsewhere.length === 0) {
    const batches = countOf(waiting.length, "batch", "batches");
    parts.push(`Waiting on the provider for ${batches}:\n${waitingText(waiting, now)}`);
  }
  const [first] = elsewhere;
  if (first !== undefined)
    parts.push(`Waiting on ${first.executor}:\n${elsewhereText(elsewhere, now, SHOWN_STANDINGS)}`);
  return (
    `${parts.join("")}${lines.join("")}` +
    "Nothing failed. Run dsgen build again later, or dsgen build --wait to stay until it is done.\n"
  );
}
