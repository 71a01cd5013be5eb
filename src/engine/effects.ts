import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { WaitingElsewhere } from "../graph/state.ts";
import type { Target } from "../graph/target.ts";
import type { Action, ActionSources, Artifact } from "./action.ts";
import { expected } from "./blocked-path.ts";
import type { DecideSources } from "./decide.ts";
import { describeAction, isPortable } from "./describe.ts";
import { makeAgain } from "./determinism.ts";
import type { Emit } from "./events.ts";
import { type ExecuteOptions, execute } from "./execute.ts";
import type { Execution, Executor, Work } from "./executor.ts";
import type { Answers, GateNeed, GateView } from "./gate.ts";
import type { Done, Job } from "./node.ts";
import { place } from "./place.ts";
import type { ActionCache, Clock, OutputBlob, Trace } from "./ports.ts";

export interface EngineOptions {
  readonly sources: ActionSources & DecideSources;
  readonly actions: ActionCache;
  readonly answers: Answers;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Where recipes stage their outputs: on the cache's file system for a build, a scratch folder for a plan. */
  readonly stagingRoot: string;
  readonly editedFolder: string;
  /** How many threads a recipe may use and how many run at once. */
  readonly jobs: number;
  readonly keepGoing?: boolean;
  /** Goes on looking until nothing waits any more. */
  readonly wait?: boolean;
  /** Makes everything that is free twice, and compares: see determinism.ts. */
  readonly twice?: boolean;
  readonly signal: AbortSignal;
  /** Makes what is made in this process. */
  readonly local: Executor;
  /** Makes what is worth another machine, where there is one. */
  readonly elsewhere?: {
    readonly executor: Executor;
    /** Of the actions that another process can make, those that it is to. */
    takes(action: Action): boolean;
  };
}

/** What is done about a decision: a build does it, a plan mostly does not. */
export interface Effects {
  /** False: this walk leaves the target as it is, and what depends on its bytes stays unknown. */
  makes(target: Target): boolean;
  /** @param made called when the recipe has ended, and what it made is left to be stored */
  build(
    action: Action,
    edited: readonly TargetName[],
    need: GateNeed | undefined,
    made: () => void,
  ): Promise<Result<Done, Problem>>;
  restore(action: Action, trace: Trace, edited: readonly TargetName[]): Promise<Result<Done, Problem>>;
  /** What is done about a target that is fresh, where something is. */
  again?(action: Action, artifacts: readonly Artifact[]): Promise<Result<Done, Problem>>;
  /** Undefined: this walk opens no gate. */
  readonly gate: GateEffects | undefined;
  /** What is done about decisions that are carried out elsewhere, where there is such a place. */
  readonly elsewhere?: ElsewhereEffects;
}

export interface ElsewhereEffects {
  takes(action: Action): boolean;
  /** Hands jobs over, or looks at them again; what was made is stored and put in place. Answers for each. */
  run(
    jobs: readonly Job[],
    more: boolean,
  ): Promise<ReadonlyMap<Job, Result<Done, Problem> | { readonly waiting: WaitingElsewhere }>>;
  nextLookMs(): number;
}

export interface GateEffects {
  open(needs: readonly GateNeed[]): Promise<ReadonlyMap<TargetName, GateView>>;
  poll(): Promise<boolean>;
  /** Takes in what has come; sends nothing. */
  look(): Promise<void>;
}

/** A build's: what is made is stored and put in place. */
export function buildEffects(options: EngineOptions, gate: GateEffects): Effects {
  const again: Effects["again"] = async (action, artifacts) => {
    const same = await sameAgain(action, artifacts, options);
    return same.ok ? ok({ artifacts, notes: {}, changed: false, durationMs: 0 }) : same;
  };
  return {
    makes: () => true,
    gate,
    build: (action, edited, need, made) => make(action, edited, need, made, options),
    restore: async (action, trace, edited) => {
      const here = await takeIn(action, trace, options);
      if (!here.ok) return here;
      const placed = await place(action, trace, edited, true, options);
      if (!placed.ok || options.twice !== true) return placed;
      const same = await sameAgain(action, placed.value.artifacts, options);
      return same.ok ? placed : same;
    },
    ...(options.twice === true ? { again } : {}),
    ...elsewhereEffects(options),
  };
}

function editedOf({ verdict }: Job): readonly TargetName[] {
  return verdict.kind === "build" ? verdict.edited : [];
}

function elsewhereEffects(options: EngineOptions): Pick<Effects, "elsewhere"> {
  const { elsewhere, sources, signal } = options;
  if (elsewhere === undefined) return {};
  const { executor } = elsewhere;
  const run: ElsewhereEffects["run"] = async (jobs, more) => {
    const works = jobs.map(({ action }) => workOf(action, undefined, options));
    const executions = await executor.run(works, { more, signal });
    const known = new Map<Job, Result<Done, Problem> | { readonly waiting: WaitingElsewhere }>();
    for (const job of jobs) {
      const execution = executions.get(job.action.key);
      if (execution === undefined) throw new Error(`${executor.name} said nothing of ${job.action.target.name}`);
      if (execution.state === "waiting") known.set(job, { waiting: execution.on });
      else if (execution.state === "failed") known.set(job, err(execution.problem));
      else known.set(job, await keep(job.action, execution, editedOf(job), { ...options, check: true }));
    }
    return known;
  };
  return {
    elsewhere: {
      takes: (action) => isPortable(action, sources) && elsewhere.takes(action),
      run,
      nextLookMs: () => executor.nextLookMs(),
    },
  };
}

/** A plan's: makes what `makes` says in a scratch folder, and takes what is known from the store. */
export function scratchEffects(options: EngineOptions, makes: Effects["makes"]): Effects {
  const { content, blobs } = options.sources;
  const artifact = ({ target }: Action, i: number, path: string) => {
    const digest = content.digest(path);
    if (digest === undefined) throw new Error(`${path} vanished from the scratch folder`);
    return { name: target.outputs[i] ?? target.name, digest, path };
  };
  return {
    makes,
    gate: undefined,
    build: async (action, _edited, need) => {
      const staged = await execute(action, executeOptions(options, need));
      if (!staged.ok) return staged;
      const { files, notes, durationMs } = staged.value;
      return ok({ artifacts: files.map((path, i) => artifact(action, i, path)), notes, changed: true, durationMs });
    },
    restore: async ({ target }, trace) => {
      const artifacts: Artifact[] = [];
      for (const [i, output] of trace.outputs.entries()) {
        const { digest } = output;
        let path = blobs.pathOf(digest);
        if (!blobs.has(digest)) {
          const content = await contentOf(trace, output, options);
          if (!content.ok) return content;
          mkdirSync(options.stagingRoot, { recursive: true });
          path = join(options.stagingRoot, digest);
          writeFileSync(path, content.value);
        }
        artifacts.push({ name: target.outputs[i] ?? target.name, digest, path });
      }
      return ok({ artifacts, notes: trace.notes, changed: false, durationMs: 0 });
    },
  };
}

function executeOptions(options: EngineOptions, need: GateNeed | undefined): ExecuteOptions {
  const { modules, tools } = options.sources;
  const { stagingRoot, signal } = options;
  const answers = need && options.answers.reader(need);
  return { modules, tools, stagingRoot, threads: options.jobs, signal, answers };
}

/**
 * Makes an action's outputs: the executor runs it and stores blobs, then comes the trace that names them, then the files. In
 * that order a crash at any point leaves either nothing new or a complete hit.
 */
async function make(
  action: Action,
  edited: readonly TargetName[],
  need: GateNeed | undefined,
  made: () => void,
  options: EngineOptions,
): Promise<Result<Done, Problem>> {
  const work = workOf(action, need && options.answers.reader(need), options);
  const execution = (await options.local.run([work], { more: false, signal: options.signal, made })).get(action.key);
  switch (execution?.state) {
    case "made":
      return keep(action, execution, edited, { ...options, need, check: false });
    case "failed":
      return err(execution.problem);
    default:
      throw new Error(`${options.local.name} left ${action.target.name} as it was`);
  }
}

/** An action to be made, for whoever makes it. */
function workOf(action: Action, answers: unknown, { sources, stagingRoot }: EngineOptions): Work {
  return { action, answers, describe: () => describeAction(action, { ...sources, stagingRoot }) };
}

interface KeepOptions extends EngineOptions {
  readonly need?: GateNeed | undefined;
  /** False for what this process has hashed while storing it. */
  readonly check: boolean;
}

/** The trace of what was made, and then its files, whoever made it. */
async function keep(
  action: Action,
  { outputs, notes, durationMs }: Extract<Execution, { state: "made" }>,
  edited: readonly TargetName[],
  options: KeepOptions,
): Promise<Result<Done, Problem>> {
  try {
    if (options.twice === true) {
      const files = outputs.map(({ digest }) => options.sources.blobs.pathOf(digest));
      const same = await makeAgain(action, files, executeOptions(options, options.need));
      if (!same.ok) return same;
    }
    const trace: Trace = { v: 1, key: action.key, outputs, durationMs: Math.round(durationMs), notes };
    await options.actions.put(action.manifest, trace);
    return await place(action, trace, edited, options.check, options);
  } catch (error) {
    return err(expected(error, action.target.name));
  }
}

/** Stores what others made, and who: from then on it is a result like one's own. */
async function takeIn(action: Action, trace: Trace, options: EngineOptions): Promise<Result<undefined, Problem>> {
  const { shared, blobs } = options.sources;
  if (shared?.trace(action.key) !== trace) return ok(undefined);
  try {
    for (const output of trace.outputs) {
      if (blobs.has(output.digest, output.size)) continue;
      const content = await shared.read(trace, output);
      if (!content.ok) return content;
      await blobs.put(content.value);
    }
    await options.actions.put(action.manifest, trace);
    return ok(undefined);
  } catch (error) {
    return err(expected(error, action.target.name));
  }
}

function contentOf(trace: Trace, output: OutputBlob, { sources }: EngineOptions) {
  const gone = {
    kind: "missing-input",
    where: output.digest,
    message: "this blob is not stored.",
    fix: "Run again.",
  } as const;
  return sources.shared?.read(trace, output) ?? Promise.resolve(err<Problem>(gone));
}

/**
 * Makes again what lies in place, and compares; nothing is placed or stored. Twice, as what a recipe leaves over shows in the
 * second run of a process only. What came from outside is left alone.
 */
async function sameAgain(
  action: Action,
  artifacts: readonly Artifact[],
  options: EngineOptions,
): Promise<Result<undefined, Problem>> {
  if (action.target.gate !== undefined) return ok(undefined);
  const paths = artifacts.map(({ path }) => path);
  const how = executeOptions(options, undefined);
  const first = await makeAgain(action, paths, how);
  return first.ok ? makeAgain(action, paths, how) : first;
}
