import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { JobBook } from "../batch/job-book.ts";
import type { Price } from "../batch/money.ts";
import { AnswerService } from "../batch/service.ts";
import { pricedName } from "../batch/spending.ts";
import { findProject } from "../config/config-files.ts";
import { loadConfig } from "../config/load.ts";
import type { Project } from "../config/project.ts";
import type { ModelConfig, ProjectConfig } from "../config/project-config.ts";
import type { EngineOptions } from "../engine/build.ts";
import type { Emit } from "../engine/events.ts";
import { Modules } from "../engine/modules.ts";
import type { Clock } from "../engine/ports.ts";
import type { Pipeline } from "../graph/declare.ts";
import { Graph, nearestName } from "../graph/graph.ts";
import { projectPath, type TargetName } from "../graph/names.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { initialiseStore } from "../store/layout.ts";
import { acquireLock, type Lock } from "../store/lock.ts";
import { openStore, type Store } from "../store/store.ts";
import { Tokenizers } from "../tokenizers/tokenizers.ts";
import { chooseProvider, type ProviderChoice } from "./provider-choice.ts";
import { tokenCounter } from "./token-counter.ts";

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
  /** With no key, and none ever used here: real answers all the same, without calling out (import). */
  readonly realWithoutKey?: boolean;
  readonly realtime?: boolean;
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
  const graph = await loadGraph(root, modules, config, choice.value);
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
    defaultGoals: () => defaultGoals(options.task, config),
    goal: (text) => findGoal(text, root, options.cwd, graph.value),
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

/** The project's own `targets/index`, compiled or not; dsgen's pipeline where it has none. */
async function loadGraph(
  root: string,
  modules: Modules,
  config: ProjectConfig,
  choice: ProviderChoice,
): Promise<Result<Graph, readonly Problem[]>> {
  const own = root === packageRoot() ? undefined : ownTargets(root);
  const path = own ?? packageTargets();
  const loaded = await modules.loadFile(path);
  if (!loaded.ok) return err([loaded.error]);
  const pipeline = loaded.value;
  if (!isPipeline(pipeline)) {
    return err([
      {
        kind: "graph",
        where: "targets/index",
        message: "its default export is not a function from the project to its targets.",
        fix: "Export `(project) => ({ targets: […], live: […] })`.",
      },
    ]);
  }
  const project: Project = {
    ...config,
    dsgen_version: packageVersion(),
    provider: { namespace: choice.provider.namespace.id, simulated: choice.provider.simulated },
  };
  return Graph.build(pipeline(project));
}

function isPipeline(value: unknown): value is Pipeline<Project> {
  return typeof value === "function";
}

function ownTargets(root: string): string | undefined {
  return ["index.ts", "index.mts", "index.js", "index.mjs"]
    .map((file) => join(root, "targets", file))
    .find((path) => existsSync(path));
}

/** dsgen's pipeline beside this module: compiled in an installation, TypeScript under the tests. */
function packageTargets(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const compiled = join(here, "..", "..", "targets", "index.js");
  return existsSync(compiled) ? compiled : join(here, "..", "..", "targets", "index.ts");
}

/** The folder of dsgen's own package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    if (folder === dirname(folder)) throw new Error("dsgen's own package.json is missing");
    folder = dirname(folder);
  }
  return folder;
}

export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  throw new Error("dsgen's own package.json has no version");
}

function answerService(
  options: GlobalOptions,
  config: ProjectConfig,
  choice: ProviderChoice,
  store: Store,
  book: JobBook,
  clock: Clock,
  emit: Emit,
): AnswerService {
  const { batch, budget, poll_seconds } = config.dsgen;
  const { simulated } = choice.provider;
  const poll =
    options.pollSeconds === undefined ? poll_seconds : { min: options.pollSeconds, max: options.pollSeconds };
  return new AnswerService({
    provider: choice.provider,
    book,
    responses: store.responses(choice.provider.namespace.id),
    blobs: store.blobs,
    clock,
    emit,
    // The simulator in this process lists what it has at once; the real listing may lag.
    patience: simulated
      ? { listingLagMs: 0, unansweredMs: 0, firstWaitMs: 50, tries: 5 }
      : {
          listingLagMs: batch.listing_lag_seconds * 1000,
          unansweredMs: batch.request_timeout_seconds * 1000,
          firstWaitMs: batch.retry_wait_seconds * 1000,
          tries: 5,
        },
    scratch: store.paths.tmp,
    maxRequestsPerFile: batch.max_requests_per_file,
    maxFileBytes: batch.max_file_bytes,
    maxAttempts: batch.max_attempts,
    resendLost: batch.resend_lost,
    enqueuedTokenLimits: new Map(
      Object.entries(config.models).flatMap(([name, { enqueued_token_limit }]) =>
        enqueued_token_limit === null ? [] : [[name, enqueued_token_limit]],
      ),
    ),
    priceOf: (name) => priceOf(config.models[pricedName(name, Object.keys(config.models)) ?? name]),
    countTokens: tokenCounter(config.models),
    limits: { budget, maxCost: options.maxCostUsd ?? null },
    realtime:
      options.realtime === true
        ? { concurrency: config.dsgen.realtime.concurrency, limit: options.limit ?? null }
        : null,
    journal: store.journal,
    poll:
      simulated && options.pollSeconds === undefined
        ? { minMs: 100, maxMs: 400 }
        : { minMs: poll.min * 1000, maxMs: poll.max * 1000 },
  });
}

function priceOf(model: ModelConfig | undefined): Price | undefined {
  if (model === undefined) return undefined;
  return {
    inputPerMtok: model.input_usd_per_mtok,
    cachedInputPerMtok: model.cached_input_usd_per_mtok,
    outputPerMtok: model.output_usd_per_mtok,
    batchFactor: 1 - model.batch_discount,
  };
}

function unknownTask(task: string | undefined, config: ProjectConfig): Problem | undefined {
  if (task === undefined || config.tasks.some(({ task_name }) => task_name === task)) return undefined;
  const names = config.tasks.map(({ task_name }) => task_name);
  const near = nearestName(task, names);
  return {
    kind: "usage",
    where: `--task ${task}`,
    message: `there is no such task; there ${names.length === 1 ? "is" : "are"} ${names.join(", ") || "none"}.`,
    fix: near === undefined ? "Name one of these, or add config/tasks/<task>.yaml." : `Did you mean ${near}?`,
  };
}

function defaultGoals(task: string | undefined, config: ProjectConfig): readonly TargetName[] {
  const names = task === undefined ? config.dsgen.default_tasks : [task];
  return config.tasks.filter(({ task_name }) => names.includes(task_name)).map(({ output }) => output as TargetName);
}

function findGoal(text: string, root: string, cwd: string, graph: Graph): Result<TargetName, Problem> {
  const fromHere = resolve(cwd, text).startsWith(`${root}/`) ? resolve(cwd, text).slice(root.length + 1) : undefined;
  for (const candidate of [text, fromHere]) {
    const path = candidate === undefined ? undefined : projectPath(candidate);
    if (path?.ok !== true) continue;
    const target = graph.target(path.value);
    if (target !== undefined) return ok(target.name);
    const live = graph.liveTarget(path.value);
    if (live !== undefined) return ok(live.name);
  }
  const path = projectPath(text);
  const near = graph.nearest(text);
  return err({
    kind: "usage",
    where: text,
    message: path.ok || fromHere !== undefined ? "no target makes this file." : `not a target's name: ${path.error}.`,
    fix: near === undefined ? "`dsgen graph` lists the targets." : `Did you mean ${near}?`,
  });
}

const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolvePromise) => {
      if (signal?.aborted === true) return resolvePromise();
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolvePromise();
      };
      const timer = setTimeout(finish, milliseconds);
      signal?.addEventListener("abort", finish);
    }),
};
