import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Graph } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { StateName } from "../graph/state.ts";
import type { LiveTarget } from "../graph/target.ts";
import { buildEffects, type Effects, type EngineOptions, type GateEffects, scratchEffects } from "./effects.ts";
import type { BuildOutcome } from "./events.ts";
import type { Answers } from "./gate.ts";
import { writtenThrough } from "./link-target.ts";
import type { ActionCache } from "./ports.ts";
import { type Standing, standings } from "./standing.ts";
import { Walk } from "./walk.ts";

export interface WalkReport {
  readonly standings: ReadonlyMap<TargetName, Standing>;
  readonly outcome: BuildOutcome;
  readonly counts: Readonly<Partial<Record<StateName, number>>>;
}

/** Brings the goals up to date, as far as the gates let it. The caller holds the cache's lock. */
export async function build(goals: readonly TargetName[], options: EngineOptions): Promise<WalkReport> {
  const started = options.clock.now();
  const { sources, answers, signal } = options;
  const refreshLive = () => {
    for (const live of sources.graph.live) writeView(sources.projectRoot, live, sources.graph, answers);
  };
  const gate: GateEffects = {
    open: async (needs) => {
      const views = await answers.open(needs, signal);
      refreshLive();
      return views;
    },
    poll: async () => {
      const changed = await answers.poll(signal);
      if (changed) refreshLive();
      return changed;
    },
    look: () => answers.look(signal),
  };
  const walk = startWalk(goals, options, buildEffects(options, gate));
  await walk.run();
  refreshLive();
  await sources.workspace.flush();
  const report = reportOf(walk, options);
  options.emit({
    type: "build-finished",
    outcome: report.outcome,
    counts: report.counts,
    durationMs: options.clock.now() - started,
  });
  return report;
}

/**
 * What `build` would do, without doing it: the same walk. Recipes run only where later decisions hang on their bytes and
 * the target says they are cheap (request files), into a scratch folder that is removed.
 */
export async function plan(goals: readonly TargetName[], options: EngineOptions): Promise<WalkReport> {
  const effects = scratchEffects(options, (target) => target.evaluateInPlan === true);
  const walk = startWalk(goals, { ...options, actions: readOnly(options.actions) }, effects);
  try {
    await walk.run();
    return reportOf(walk, options);
  } finally {
    rmSync(options.stagingRoot, { recursive: true, force: true });
  }
}

/**
 * Makes goals of what is there, into a scratch folder that is gone afterwards: nothing is asked, stored or placed.
 * @param read is given where each goal's files lie, in the order of its outputs
 * @returns what `read` answers; the problem of the first goal that could not be made
 */
export async function preview<T>(
  goals: readonly TargetName[],
  options: EngineOptions,
  read: (files: readonly (readonly string[])[]) => T,
): Promise<Result<T, Problem>> {
  const effects = scratchEffects(options, () => true);
  const walk = startWalk(goals, { ...options, actions: readOnly(options.actions), emit: () => undefined }, effects);
  try {
    await walk.run();
    const files: (readonly string[])[] = [];
    for (const goal of goals) {
      const state = walk.node(options.sources.graph.mustTarget(goal))?.state;
      if (state?.kind === "failed") return err(state.problem);
      files.push(state?.kind === "ready" ? state.artifacts.map(({ path }) => path) : []);
    }
    return ok(read(files));
  } finally {
    rmSync(options.stagingRoot, { recursive: true, force: true });
  }
}

function startWalk(goals: readonly TargetName[], options: EngineOptions, effects: Effects): Walk {
  const walk = new Walk({
    ...options,
    effects,
    // Answers are collected by this thread: more at once would only keep those who make shards waiting for it.
    pools: { cpu: options.jobs, io: 2 },
  });
  for (const goal of withCompanions(goals, options.sources.graph)) {
    const live = options.sources.graph.liveTarget(goal);
    if (live === undefined) walk.addGoal(goal);
    else walk.addLiveGoal(live);
  }
  return walk;
}

/** A dataset's manifest is made whenever the dataset is asked for. */
export function withCompanions(goals: readonly TargetName[], graph: Graph): readonly TargetName[] {
  return [...new Set(goals.flatMap((goal) => [goal, ...(graph.target(goal)?.companions ?? [])]))];
}

/** Writes a live view when its text has changed. Atomic, but not durable: it can be written again at any time. */
export function writeView(projectRoot: string, live: LiveTarget, graph: Graph, answers: Answers): void {
  const text = answers.view(live, (name) => graph.target(name) !== undefined);
  if (text === undefined) return;
  const path = writtenThrough(join(projectRoot, live.name));
  try {
    if (readFileSync(path, "utf8") === text) return;
  } catch {
    // Not there yet.
  }
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function readOnly(actions: ActionCache): ActionCache {
  return {
    trace: (key) => actions.trace(key),
    manifest: (key) => actions.manifest(key),
    put: () => Promise.reject(new Error("a plan stores nothing")),
    expansion: (key) => actions.expansion(key),
    putExpansion: () => Promise.resolve(),
  };
}

function reportOf(walk: Walk, options: EngineOptions): WalkReport {
  const { projectRoot, workspace } = options.sources;
  // A file may lie where no placement is known (that record is derived, and may be lost): it may prove to be right.
  const known = (name: TargetName) => workspace.placement(name) !== undefined || existsSync(join(projectRoot, name));
  const all = standings(walk.needed, known);
  const counts: Partial<Record<StateName, number>> = {};
  for (const { state } of all.values()) counts[state.state] = (counts[state.state] ?? 0) + 1;
  return { standings: all, counts, outcome: outcomeOf(walk, counts, options.signal) };
}

function outcomeOf(walk: Walk, counts: Partial<Record<StateName, number>>, signal: AbortSignal): BuildOutcome {
  if (signal.aborted) return "interrupted";
  let refused = false;
  for (const { state } of walk.needed) {
    if (state.kind !== "failed") continue;
    if (!state.refused) return "failed";
    refused = true;
  }
  if (refused) return "refused";
  return counts.waiting !== undefined || counts.stale !== undefined ? "waiting" : "up-to-date";
}
