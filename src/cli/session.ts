import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { JobBook } from "../batch/job-book.ts";
import type { AnswerService } from "../batch/service.ts";
import { findProject } from "../config/config-files.ts";
import { loadConfig } from "../config/load.ts";
import type { ProjectConfig } from "../config/project-config.ts";
import type { EngineOptions } from "../engine/build.ts";
import type { Emit } from "../engine/events.ts";
import { Modules } from "../engine/modules.ts";
import type { Graph } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { initialiseStore } from "../store/layout.ts";
import { acquireLock, type Lock } from "../store/lock.ts";
import { openStore, type Store } from "../store/store.ts";
import { Tokenizers } from "../tokenizers/tokenizers.ts";
import { answerService } from "./answers.ts";
import { systemClock } from "./clock.ts";
import { defaultGoals, findGoal, unknownTask } from "./goals.ts";
import { loadGraph } from "./load-graph.ts";
import { packageRoot } from "./package.ts";
import { partialGoal, partialProject } from "./partial-names.ts";
import { chooseProvider } from "./provider-choice.ts";

/*
 * The composition root: the one place that knows every part, and puts them together for one invocation.
 */

/** What the common options and the environment say. */
export interface GlobalOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly task?: string;
  readonly provider?: "auto" | "openai" | "simulator";
  readonly set: readonly string[];
  readonly configDir?: string;
  readonly cacheDir?: string;
  readonly jobs?: number;
  readonly maxCostUsd?: number;
  readonly lockTimeoutSeconds?: number;
  readonly pollSeconds?: number;
  readonly keepGoing?: boolean;
  readonly wait?: boolean;
  /** Datasets are made of what is there, under names of their own. */
  readonly partial?: boolean;
  /** With no key, and none ever used here: real answers all the same, without calling out (import). */
  readonly realWithoutKey?: boolean;
  readonly realtime?: boolean;
  /** Asks again for what the provider has refused. */
  readonly retryRefused?: boolean;
  /** The most requests a real-time build asks. */
  readonly limit?: number;
  /** What the lock's holder is called in messages: `dsgen build`. */
  readonly command?: string;
}

export interface Session {
  readonly projectRoot: string;
  readonly config: ProjectConfig;
  readonly graph: Graph;
  readonly store: Store;
  readonly answers: AnswerService;
  readonly tokenizers: Tokenizers;
  readonly simulated: boolean;
  /** Why the answers are simulated, in so many words; undefined when they are not. */
  readonly whySimulated: string | undefined;
  readonly providerLabel: string;
  engine(emit: Emit, signal: AbortSignal): EngineOptions;
  /** The datasets of the chosen task, or of the default tasks. */
  defaultGoals(): readonly TargetName[];
  /** A target by name, from the project root or the current folder. */
  goal(text: string): Result<TargetName, Problem>;
  close(): Promise<void>;
}

export async function openSession(
  options: GlobalOptions,
  mode: "read" | "write",
  emit: Emit,
  signal?: AbortSignal,
): Promise<Result<Session, readonly Problem[]>> {
  const found = findProject(options.cwd, options.configDir);
  if (!found.ok) return err([found.error]);
  const { root, configDir } = found.value;
  const config = loadConfig({ root, configDir, sets: options.set });
  if (!config.ok) return config;
  const unknown = unknownTask(options.task, config.value);
  if (unknown !== undefined) return err([unknown]);
  const cacheDir = resolve(options.cwd, options.cacheDir ?? join(root, ".dsgen-cache"));
  const lock = mode === "write" ? await lockCache(cacheDir, options, config.value, emit, signal) : ok(undefined);
  if (!lock.ok) return err([lock.error]);
  try {
    const session = await compose(options, root, cacheDir, config.value, emit, lock.value);
    if (!session.ok) lock.value?.release();
    return session;
  } catch (error) {
    lock.value?.release();
    if (error instanceof ProblemError) return err([error.problem]);
    throw error;
  }
}

async function compose(
  options: GlobalOptions,
  root: string,
  cacheDir: string,
  config: ProjectConfig,
  emit: Emit,
  lock: Lock | undefined,
): Promise<Result<Session, readonly Problem[]>> {
  if (lock !== undefined) {
    const made = initialiseStore(cacheDir);
    if (!made.ok) return err([made.error]);
  }
  const opened = openStore({ cacheDir, projectRoot: root });
  if (!opened.ok) return err([opened.error]);
  const store = opened.value;
  const book = new JobBook(store.journal);
  const tellWarnings = warningTeller(store, emit);
  tellWarnings();
  const choice = await chooseProvider({
    asked: options.provider ?? config.dsgen.provider,
    config: config.dsgen,
    env: options.env,
    stateDir: join(store.paths.version, "simulator"),
    known: knownNamespaces(store),
    realWithoutKey: options.realWithoutKey ?? false,
  });
  if (!choice.ok) return err([choice.error]);
  const modules = await Modules.open(root, packageRoot(), store.content);
  const partial = options.partial ?? false;
  const built = partial ? partialProject(config) : config;
  const graph = await loadGraph(root, modules, built, choice.value);
  if (!graph.ok) return graph;
  const tokenizers = new Tokenizers({
    projectRoot: root,
    tokenizers: config.tokenizers,
    content: store.content,
    environment: options.env,
  });
  const missing = await tokenizers.prepare(
    config.tasks.flatMap((task) => task.tokenizers),
    (_name, label) =>
      emit({ type: "notice", level: "info", code: "fetch-tokenizer", message: `fetching the tokenizer ${label}` }),
  );
  if (missing.length > 0) return err(missing);
  const clock = systemClock;
  const answers = answerService(options, config, choice.value, store, book, clock, emit);
  return ok({
    projectRoot: root,
    config,
    graph: graph.value,
    store,
    answers,
    tokenizers,
    simulated: choice.value.provider.simulated,
    whySimulated: choice.value.whySimulated,
    providerLabel: choice.value.label,
    engine: (sink, signal) => ({
      sources: {
        projectRoot: root,
        graph: graph.value,
        modules,
        tools: tokenizers,
        environment: options.env,
        content: store.content,
        workspace: store.workspace,
        actions: store.actions,
        blobs: store.blobs,
      },
      actions: store.actions,
      answers,
      clock,
      emit: sink,
      stagingRoot: mode(lock) === "write" ? store.paths.tmp : join(tmpdir(), `dsgen-plan-${process.pid}`),
      editedFolder: join(store.paths.cacheDir, "edited"),
      signal,
      keepGoing: options.keepGoing ?? false,
      wait: options.wait ?? false,
      ...(jobsOf(options, config) === null ? {} : { jobs: jobsOf(options, config) ?? 1 }),
    }),
    defaultGoals: () => defaultGoals(options.task, built),
    goal: (text) => {
      const meant = partial ? partialGoal(text, config, root, options.cwd) : text;
      return findGoal(meant, root, options.cwd, graph.value);
    },
    close: async () => {
      await choice.value.provider.close();
      tellWarnings();
      store.close();
      lock?.release();
    },
  });
}

/** Namespaces of the jobs and imports in the journal, in order. */
function knownNamespaces(store: Store): readonly string[] {
  return store.journal
    .records()
    .flatMap((record) => (typeof record["namespace"] === "string" ? [record["namespace"]] : []));
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

function mode(lock: Lock | undefined): "read" | "write" {
  return lock === undefined ? "read" : "write";
}

function jobsOf(options: GlobalOptions, config: ProjectConfig): number | null {
  return options.jobs ?? config.dsgen.jobs;
}

async function lockCache(
  cacheDir: string,
  options: GlobalOptions,
  config: ProjectConfig,
  emit: Emit,
  signal: AbortSignal | undefined,
): Promise<Result<Lock, Problem>> {
  const seconds = options.lockTimeoutSeconds ?? config.dsgen.lock_timeout_seconds;
  return acquireLock(cacheDir, {
    command: options.command ?? "dsgen build",
    timeoutMs: seconds * 1000,
    ...(signal === undefined ? {} : { signal }),
    onWait: (holder) =>
      emit({
        type: "notice",
        level: "info",
        code: "lock-wait",
        message: `waiting for ${holder === undefined ? "whoever holds the cache's lock" : `${holder.command} (process ${holder.pid})`}, up to ${seconds} s`,
      }),
  });
}
