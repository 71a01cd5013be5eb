import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Colleagues } from "../batch/colleagues.ts";
import { JobBook } from "../batch/job-book.ts";
import type { AnswerService } from "../batch/service.ts";
import { findProject } from "../config/config-files.ts";
import type { ReadConfig } from "../config/config-sources.ts";
import { LOCK_TIMEOUT_SECONDS } from "../config/lock-timeout.ts";
import type { ProjectConfig, Settings } from "../config/project-config.ts";
import { readConfig } from "../config/read-config.ts";
import { carriedBuild } from "../engine/carried.ts";
import type { EngineOptions } from "../engine/effects.ts";
import { Modules } from "../engine/modules.ts";
import type { Kept, SharedResults } from "../engine/ports.ts";
import type { Emit } from "../events/schema.ts";
import { localExecutor } from "../executors/local.ts";
import type { Graph } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { Allowance } from "../remote/allowance.ts";
import { openKept } from "../store/kept.ts";
import { initialiseStore, storePaths } from "../store/layout.ts";
import { acquireLock, type Lock } from "../store/lock.ts";
import { openStore, type Store } from "../store/store.ts";
import type { Tokenizers } from "../tokenizers/tokenizers.ts";
import { answerService, pricesIn } from "./answers.ts";
import { chooseExecutor } from "./executor-choice.ts";
import { defaultGoals, findGoals, partialGoal, partialProject, unknownTask } from "./goals.ts";
import { loadGraph, outputsInCache } from "./load-graph.ts";
import type { SessionOptions } from "./options.ts";
import { projectTools } from "./project-tools.ts";
import { chooseProvider, knownNamespaces } from "./provider-choice.ts";
import type { ReadAnswers } from "./remote-pull.ts";
import { packageRoot, systemClock } from "./surroundings.ts";
import { fetched, tokenizersIn, tokenizersOf } from "./tokenizers.ts";

/*
 * The composition root: the one place that knows every part, and puts them together for one invocation. A command opens
 * what it needs and no more: jobs that run must be reachable whatever else of the project is broken just then.
 */

type Problems = readonly Problem[];

/** The cache alone: whatever the config says, it can be checked. */
export interface StoreSession {
  readonly projectRoot: string;
  readonly store: Store;
  close(): Promise<void>;
}

/** The jobs and answers. Of the config, only `dsgen.yaml` must be right. */
export interface JobsSession extends StoreSession {
  readonly settings: Settings;
  /** Every task that has a file, readable or not. */
  readonly taskNames: readonly string[];
  readonly answers: AnswerService;
  readonly simulated: boolean;
  /** Why the answers are simulated, in so many words; undefined when they are not. */
  readonly whySimulated: string | undefined;
  readonly providerLabel: string;
  /** What others made and share; undefined where nobody is asked. */
  readonly resultsOfOthers: (() => Promise<SharedResults>) | undefined;
  /** What is made from what, read when it is first asked for. Problems: all of the config's, and the graph's. */
  loadGraph(): Promise<Result<LoadedGraph, Problems>>;
}

/** The whole project. Tokenizers are looked for when the engine is. */
export interface GraphSession extends JobsSession {
  readonly config: ProjectConfig;
  readonly graph: Graph;
  /** Targets by name, from the project root or the current folder; of none, the datasets of the chosen or default tasks. */
  goals(names: readonly string[]): Result<readonly TargetName[], Problems>;
  /** The project's tokenizers, those that these goals may need fetched. */
  tokenizers(goals: readonly TargetName[], emit: Emit): Promise<Result<Tokenizers, Problems>>;
  /** What builds these goals. Fetches the tokenizers that they may need; problems: those that are not to be had. */
  engine(goals: readonly TargetName[], emit: Emit, signal: AbortSignal): Promise<Result<EngineOptions, Problems>>;
}

export interface LoadedGraph {
  readonly config: ProjectConfig;
  /** What the graph was made of: a partial build's datasets have names of their own. */
  readonly built: ProjectConfig;
  readonly graph: Graph;
  readonly modules: Modules;
}

/** What a command can open, by name; each has all that the one before it has. */
export interface Sessions {
  readonly store: StoreSession;
  readonly jobs: JobsSession;
  readonly graph: GraphSession;
}

/** How much of a project is opened, and for what. */
interface Opening {
  readonly options: SessionOptions;
  /** Who writes holds the lock. */
  readonly mode: "read" | "write";
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export type SessionOpeners = {
  readonly [Name in keyof Sessions]: (opening: Opening) => Promise<Result<Sessions[Name], Problems>>;
};

export const sessionOpeners: SessionOpeners = {
  store: (opening) => openStoreSession(opening, () => []),
  // A config that is broken in places may still say who answers, and under which limits.
  jobs: (opening) => openJobs(opening, (read) => (read.settings === undefined ? read.problems : [])),
  graph: async (opening) => {
    const jobs = await openJobs(opening, (read) => read.problems);
    return jobs.ok ? closedOnFailure(jobs.value, () => withGraph(jobs.value, opening)) : jobs;
  },
};

interface Base extends StoreSession {
  readonly read: ReadConfig;
  readonly kept: Kept;
  tellWarnings(): void;
}

/** @param fatal the problems of the config that the command cannot do with: told before the lock is waited for */
async function openStoreSession(
  opening: Opening,
  fatal: (read: ReadConfig) => Problems,
): Promise<Result<Base, Problems>> {
  const { options, mode, emit } = opening;
  const found = findProject(options.cwd, options.configDir);
  if (!found.ok) return err([found.error]);
  const { root, configDir } = found.value;
  const cacheDir = resolve(options.cwd, options.cacheDir ?? join(root, ".dsgen-cache"));
  const kept = openKept(storePaths(cacheDir, root), carriedBuild());
  const read = await readConfig({ root, configDir, sets: options.set }, kept);
  const problems = fatal(read);
  if (problems.length > 0) return err(problems);
  const unknown = unknownTask(options.task, read.taskNames);
  if (unknown !== undefined) return err([unknown]);
  const lock = mode === "write" ? await lockCache(cacheDir, read.settings, opening) : ok(undefined);
  if (!lock.ok) return err([lock.error]);
  const opened = openedStore(cacheDir, root, mode);
  if (!opened.ok) {
    lock.value?.release();
    return err([opened.error]);
  }
  const store = opened.value;
  const tellWarnings = warningTeller(store, emit);
  return ok({
    projectRoot: root,
    read,
    kept,
    store,
    tellWarnings,
    close: () => {
      tellWarnings();
      store.close();
      if (mode === "write") kept.flush();
      lock.value?.release();
      return Promise.resolve();
    },
  });
}

function openedStore(cacheDir: string, projectRoot: string, mode: "read" | "write"): Result<Store, Problem> {
  const made = mode === "write" ? initialiseStore(cacheDir) : ok(undefined);
  return made.ok ? openStore({ cacheDir, projectRoot, writable: mode === "write" }) : made;
}

async function openJobs(
  opening: Opening,
  fatal: (read: ReadConfig) => Problems,
): Promise<Result<JobsSession, Problems>> {
  const base = await openStoreSession(opening, fatal);
  return base.ok ? closedOnFailure(base.value, () => withJobs(base.value, opening)) : base;
}

async function withJobs(base: Base, { options, emit, signal }: Opening): Promise<Result<JobsSession, Problems>> {
  const { store, read, projectRoot } = base;
  const { settings, whole } = read;
  if (settings === undefined) return err(read.problems);
  const asked = options.provider ?? settings.dsgen.provider;
  const reads = options.readShared === true && asked !== "simulator";
  const { remote } = settings.dsgen;
  const allowance = new Allowance((remote?.timeout_seconds ?? 0) * 1000);
  const shared: ReadAnswers = reads
    ? await readShared({ ...base, env: options.env, priceOf: pricesIn(settings) }, remote, allowance, emit, signal)
    : { namespaces: [], failed: new Set() };
  const book = new JobBook(store.journal);
  // The journal has been read by now: what is wrong with it is said before anything is done about it.
  base.tellWarnings();
  for (const problem of read.problems) emit(passedOver(problem));
  const choice = await chooseProvider({
    asked,
    config: settings.dsgen,
    env: options.env,
    stateDir: join(store.paths.version, "simulator"),
    known: [...knownNamespaces(store), ...shared.namespaces],
    realWithoutKey: options.realWithoutKey ?? false,
  });
  if (!choice.ok) return err([choice.error]);
  const { provider, label, whySimulated } = choice.value;
  const colleagues = provider.simulated
    ? undefined
    : await colleaguesOf(base, book, provider.namespace.id, shared, pricesIn(settings), options, emit);
  if (reads) await colleagues?.refresh(signal);
  const load = async (): Promise<Result<LoadedGraph, Problems>> => {
    if (whole === undefined) return err(read.problems);
    const modules = Modules.open(projectRoot, packageRoot(), store.content, base.kept);
    const built = options.partial === true ? partialProject(whole) : whole;
    const graph = await loadGraph(projectRoot, modules, built, choice.value);
    if (!graph.ok) return graph;
    const misplaced = outputsInCache(graph.value, projectRoot, store.paths.cacheDir);
    return misplaced.length > 0 ? err(misplaced) : ok({ config: whole, built, graph: graph.value, modules });
  };
  let loaded: ReturnType<typeof load> | undefined;
  return ok({
    ...base,
    settings,
    taskNames: read.taskNames,
    answers: answerService(options, settings, choice.value, store, book, systemClock, emit, colleagues),
    simulated: provider.simulated,
    whySimulated,
    providerLabel: label,
    resultsOfOthers:
      reads && remote !== null && !provider.simulated
        ? async () => {
            const { resultsOfOthers } = await import("./shared-results.ts");
            const { failed } = shared;
            return resultsOfOthers({ config: remote, projectRoot, env: options.env, emit, signal, allowance, failed });
          }
        : undefined,
    loadGraph: () => {
      loaded ??= load();
      return loaded;
    },
    close: async () => {
      await provider.close();
      await base.close();
    },
  });
}

/** Before it is known who answers: a project without a key or an answer of its own goes on with those that it is given. */
async function readShared(
  base: Base & Pick<SessionOptions, "env"> & { readonly priceOf: ReturnType<typeof pricesIn> },
  config: Settings["dsgen"]["remote"],
  allowance: Allowance,
  emit: Emit,
  signal: AbortSignal,
): Promise<ReadAnswers> {
  if (config?.share !== "answers") return { namespaces: [], failed: new Set() };
  const { readAnswers } = await import("./remote-pull.ts");
  return readAnswers(config, base, emit, signal, allowance);
}

/** Others of this project, where it shares what was paid for. Nothing is asked of them yet. */
async function colleaguesOf(
  { read, store, projectRoot }: Base,
  book: JobBook,
  namespace: string,
  { failed }: ReadAnswers,
  priceOf: ReturnType<typeof pricesIn>,
  { env, buyAgain = false }: SessionOptions,
  emit: Emit,
): Promise<Colleagues | undefined> {
  const config = read.settings?.dsgen.remote ?? null;
  if (config?.share !== "answers") return undefined;
  const { colleaguesIn } = await import("./colleagues.ts");
  return colleaguesIn({ config, projectRoot, store, book, env, namespace, failed, priceOf, buyAgain, emit });
}

function passedOver(problem: Problem) {
  const message = `${problem.where}: ${problem.message} It is passed over here; dsgen plan names all that is wrong.`;
  return { type: "notice" as const, level: "warning" as const, code: "config", message };
}

async function withGraph(jobs: JobsSession, { options, mode }: Opening): Promise<Result<GraphSession, Problems>> {
  const loaded = await jobs.loadGraph();
  if (!loaded.ok) return loaded;
  const { config, built, graph, modules } = loaded.value;
  const { projectRoot, store, answers, resultsOfOthers } = jobs;
  const tokenizers = (goals: readonly TargetName[], emit: Emit) =>
    fetched(tokenizersIn(projectRoot, config, store, options.env), tokenizersOf(goals, graph), emit);
  const threads = options.jobs ?? config.dsgen.jobs;
  return ok({
    ...jobs,
    config,
    graph,
    tokenizers,
    goals: (names) => {
      if (names.length === 0) return ok(defaultGoals(options.task, built, graph));
      const { cwd } = options;
      const meant = options.partial === true ? names.map((name) => partialGoal(name, config, projectRoot, cwd)) : names;
      return findGoals(meant, projectRoot, cwd, graph);
    },
    engine: async (goals, emit, signal) => {
      const fetchedTools = await tokenizers(goals, emit);
      if (!fetchedTools.ok) return fetchedTools;
      const { content, workspace, actions, blobs } = store;
      const tools = projectTools(fetchedTools.value, answers, graph);
      const stagingRoot = mode === "write" ? store.paths.tmp : join(tmpdir(), `dsgen-plan-${process.pid}`);
      const jobs = threads ?? availableParallelism();
      const shared = await resultsOfOthers?.();
      const known = { content, workspace, actions, blobs, ...(shared === undefined ? {} : { shared }) };
      const { executor: asked, env } = options;
      // Who only looks hands nothing over.
      const chosen = mode === "read" ? ok({}) : await chooseExecutor({ asked, config, graph, store, env, emit });
      if (!chosen.ok) return err([chosen.error]);
      return ok({
        sources: { projectRoot, graph, modules, tools, environment: options.env, ...known },
        actions: store.actions,
        answers,
        clock: systemClock,
        emit,
        stagingRoot,
        editedFolder: join(store.paths.cacheDir, "edited"),
        signal,
        keepGoing: options.keepGoing ?? false,
        wait: options.wait ?? false,
        jobs,
        local: localExecutor({ modules, tools, stagingRoot, threads: jobs, content, blobs }),
        ...chosen.value,
      });
    },
  });
}

/** What was opened is closed again when what goes on top of it fails; a lock that stays would lock out its own repair. */
async function closedOnFailure<S>(
  opened: StoreSession,
  compose: () => Promise<Result<S, Problems>>,
): Promise<Result<S, Problems>> {
  try {
    const composed = await compose();
    if (!composed.ok) await opened.close();
    return composed;
  } catch (error) {
    await opened.close();
    if (error instanceof ProblemError) return err([error.problem]);
    throw error;
  }
}

/** Tells what the store has worked around since it was last asked: its files are read when they are first needed. */
function warningTeller(store: Store, emit: Emit): () => void {
  let told = 0;
  return () => {
    for (const message of store.warnings.slice(told))
      emit({ type: "notice", level: "warning", code: "store", message });
    told = store.warnings.length;
  };
}

async function lockCache(
  cacheDir: string,
  settings: Settings | undefined,
  { options, emit, signal }: Opening,
): Promise<Result<Lock, Problem>> {
  const seconds = options.lockTimeout ?? settings?.dsgen.lock_timeout_seconds ?? LOCK_TIMEOUT_SECONDS;
  return acquireLock(cacheDir, {
    command: options.command,
    breakLock: options.breakLock,
    timeoutMs: seconds * 1000,
    signal,
    onWait: (holder) =>
      emit({
        type: "notice",
        level: "info",
        code: "lock-wait",
        message: `waiting for ${holder === undefined ? "whoever holds the cache's lock" : `${holder.command} (process ${holder.pid})`}, up to ${seconds} s`,
      }),
  });
}
