import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { partialAnswers } from "../batch/partial.ts";
import { preview, type WalkReport } from "../engine/build.ts";
import type { EngineOptions } from "../engine/effects.ts";
import type { GateNeed } from "../engine/gate.ts";
import type { Ask, PilotResult } from "../events/schema.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { ok, type Result } from "../graph/result.ts";
import type { Target } from "../graph/target.ts";
import { kindOf } from "../kinds/registry.ts";
import { sumAsks } from "../report/plan.ts";
import { addSummaries, emptySummary, readSummary, type ShardSummary } from "../tasks/shard-summary.ts";
import type { GraphSession } from "./session.ts";

/*
 * A pilot: a few requests asked call by call (`--realtime --limit N`) to see what comes of them before the rest is bought.
 * Its file is no target: nothing is made from it, and the dataset is not made from it either.
 */

/** A request file of a pilot's task, and what is made from its answers. */
interface Part {
  readonly gated: Target;
  readonly requests: number;
  readonly answered: number;
  readonly rest: Ask;
}

/** What the pilot came to, a result a task, with `pilot/<task>.jsonl` written. Problems: what could not be judged. */
export async function pilotResults(
  session: GraphSession,
  engine: EngineOptions,
  report: WalkReport,
): Promise<Result<readonly PilotResult[], Problem>> {
  const parts = new Map<string, Part[]>();
  for (const { target } of report.standings.values()) {
    const part = partOf(session, target);
    if (part !== undefined && target.task !== undefined)
      parts.set(target.task, [...(parts.get(target.task) ?? []), part]);
  }
  const results: PilotResult[] = [];
  for (const [task, ofTask] of parts) {
    const result = await resultOf(session, engine, task, ofTask);
    if (!result.ok) return result;
    results.push(result.value);
  }
  return ok(results);
}

/** Undefined for a target that waits for no answers, or whose request file is not made yet. */
function partOf(session: GraphSession, target: Target): Part | undefined {
  const requestFile = target.gate?.requests;
  if (requestFile === undefined) return undefined;
  const requestsPath = join(session.projectRoot, requestFile);
  const requestsDigest = session.store.content.digest(requestsPath);
  if (requestsDigest === undefined) return undefined;
  const need: GateNeed = { target: target.name, task: target.task, requestFile, requestsDigest, requestsPath };
  return { gated: target, ...session.answers.progress(need) };
}

async function resultOf(
  session: GraphSession,
  engine: EngineOptions,
  task: string,
  parts: readonly Part[],
): Promise<Result<PilotResult, Problem>> {
  const answered = parts.filter((part) => part.answered > 0);
  const judged = await judge(session, engine, answered);
  if (!judged.ok) return judged;
  const { lines, summary } = judged.value;
  const config = session.config.tasks.find(({ task_name }) => task_name === task);
  const model = parts[0]?.rest.model ?? config?.model ?? "";
  return ok({
    task,
    file: lines === "" ? null : writePilot(session, task, lines),
    requests: parts.reduce((sum, part) => sum + part.requests, 0),
    answered: answered.reduce((sum, part) => sum + part.answered, 0),
    candidates: summary.candidates,
    valid: summary.valid,
    failedChecks: summary.failed_checks,
    unreadable: summary.response_problems,
    rest: { ...sumAsks(parts.map((part) => part.rest)), model },
    wanted: config === undefined || kindOf(config).takesAll !== undefined ? null : config.target_scenarios,
  });
}

/** The shards as they would be of the answers that are there, made where nothing else sees them. */
async function judge(
  session: GraphSession,
  engine: EngineOptions,
  parts: readonly Part[],
): Promise<Result<{ readonly lines: string; readonly summary: ShardSummary }, Problem>> {
  const outputs = new Set<TargetName>(parts.map(({ gated }) => gated.name));
  const shards = session.graph.targets.filter(
    (target) =>
      target.stage === "validation" &&
      Object.values(target.inputs).some((input) => input.kind === "target" && outputs.has(input.target)),
  );
  const scratch = join(engine.stagingRoot, `pilot-${process.pid}`);
  const options = { ...engine, stagingRoot: scratch, answers: partialAnswers(session.answers) };
  return preview(
    shards.map(({ name }) => name),
    options,
    (files) => ({
      lines: files.map(([shard]) => (shard === undefined ? "" : readFileSync(shard, "utf8"))).join(""),
      summary: files.reduce((sum, [, counts]) => {
        const read = counts === undefined ? undefined : readSummary(JSON.parse(readFileSync(counts, "utf8")));
        return read?.ok === true ? addSummaries(sum, read.value) : sum;
      }, emptySummary()),
    }),
  );
}

/** Replaces what an earlier pilot wrote, whole or not at all. */
function writePilot({ projectRoot, config }: GraphSession, task: string, lines: string): string {
  const file = `${config.dsgen.paths.pilot}/${task}.jsonl`;
  const path = join(projectRoot, file);
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, lines);
  renameSync(temporary, path);
  return file;
}
