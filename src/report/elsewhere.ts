import type { WaitingElsewhere } from "../graph/state.ts";
import { age, columns, count, countOf } from "./format.ts";

/* What other machines make, in few lines however many machines there are. */

/** So many nodes are named; of more it is said how many. */
const NAMED_NODES = 3;

interface Standing {
  readonly job: string | null;
  readonly targets: readonly WaitingElsewhere[];
  /** `running on n1, n2`, `pending (Priority)`. */
  readonly words: string;
}

/** Those that stand the same, together; running is running, on whatever node. */
function standings(waiting: readonly WaitingElsewhere[], byJob: boolean): readonly Standing[] {
  const groups = new Map<string, WaitingElsewhere[]>();
  for (const on of waiting) {
    const name = JSON.stringify([byJob ? on.job : null, on.node === undefined ? on.reason : ""]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [on]);
    else group.push(on);
  }
  return [...groups.values()].map((targets) => {
    const nodes = nodesOf(targets);
    const words = nodes.length === 0 ? (targets[0]?.reason ?? "") : `running on ${nodesText(nodes)}`;
    return { job: byJob ? (targets[0]?.job ?? null) : null, targets, words };
  });
}

function nodesOf(waiting: readonly WaitingElsewhere[]): readonly string[] {
  return [...new Set(waiting.flatMap(({ node }) => node ?? []))].sort();
}

function nodesText(nodes: readonly string[]): string {
  return nodes.length > NAMED_NODES ? `${count(nodes.length)} nodes` : nodes.join(", ");
}

/** In a pipe: `8 targets pending (Priority), 4 running on n1`. */
export function standingsText(waiting: readonly WaitingElsewhere[]): string {
  return standings(waiting, false)
    .map(({ targets, words }, i) => `${i === 0 ? countOf(targets.length, "target") : count(targets.length)} ${words}`)
    .join(", ");
}

/**
 * How many targets wait, and for what: `  12 targets: pending (Priority)   job 17   3 min`.
 * @param most lines in which each job may have its own
 */
export function elsewhereText(waiting: readonly WaitingElsewhere[], now: number, most: number): string {
  const byJob = standings(waiting, true);
  const shown = byJob.length <= most ? byJob : standings(waiting, false);
  const rows = shown.map(({ job, targets, words }) => {
    const since = targets.reduce((least, on) => Math.min(least, on.since), now);
    return [`${countOf(targets.length, "target")}: ${words}`, job === null ? "" : `job ${job}`, age(now - since)];
  });
  return columns(rows, [2])
    .map((line) => `  ${line}\n`)
    .join("");
}

/** How far other machines have come. */
export interface Far {
  /** Targets of this build that they were to make, and have made. */
  readonly sent: number;
  readonly made: number;
  /** How many of late were made in a minute; undefined where that is not known yet. */
  readonly perMinute: number | undefined;
  readonly waiting: readonly WaitingElsewhere[];
}

/** In the live view: `12/40 made, 3.4 a minute; 2 nodes`. */
export function farText({ sent, made, perMinute, waiting }: Far): string {
  const rate =
    perMinute === undefined
      ? ""
      : `, ${perMinute >= 10 ? count(Math.round(perMinute)) : perMinute.toFixed(1)} a minute`;
  const nodes = nodesOf(waiting).length;
  return `${count(made)}/${count(sent)} made${rate}${nodes === 0 ? "" : `; ${countOf(nodes, "node")}`}`;
}
