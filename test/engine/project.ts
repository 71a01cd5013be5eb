import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { build, plan, type WalkReport } from "../../src/engine/build.ts";
import type { EngineOptions } from "../../src/engine/effects.ts";
import { Modules } from "../../src/engine/modules.ts";
import type { BlobStore, Clock, Tools } from "../../src/engine/ports.ts";
import type { BuildEvent } from "../../src/events/schema.ts";
import { localExecutor } from "../../src/executors/local.ts";
import { Graph, type GraphDefinition } from "../../src/graph/graph.ts";
import type { TargetName } from "../../src/graph/names.ts";
import type { Problem } from "../../src/graph/problem.ts";
import type { StaleReason, TargetState } from "../../src/graph/state.ts";
import type { Target } from "../../src/graph/target.ts";
import { initialiseStore } from "../../src/store/layout.ts";
import { acquireLock } from "../../src/store/lock.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { FakeAnswers } from "./fake-answers.ts";
import type { FakeElsewhere } from "./fake-elsewhere.ts";

const PACKAGE_ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What one walk came to, by target name. */
export interface Outcome {
  readonly report: WalkReport;
  readonly events: readonly BuildEvent[];
  /** Targets whose recipe ran (a build) or would run (a plan), in name order; a plan's conditional ones are apart. */
  readonly built: readonly string[];
  readonly conditional: readonly string[];
  readonly restored: readonly string[];
  readonly fresh: readonly string[];
  readonly warnings: readonly string[];
  state(name: string): TargetState;
  reasons(name: string): readonly StaleReason[];
  problem(name: string): Problem;
}

export interface WalkSettings {
  readonly answers?: FakeAnswers;
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly wait?: boolean;
  readonly signal?: AbortSignal;
  readonly tools?: Tools;
  /** Where targets with `resources` are made. */
  readonly elsewhere?: FakeElsewhere;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly onEvent?: (event: BuildEvent) => void;
  /** Puts something between the engine and the store's blobs. */
  readonly blobs?: (blobs: BlobStore) => BlobStore;
}

/** A project in a folder of its own, with the real store. Every walk opens it as a new process would. */
export class TestProject {
  root: string;
  /** Where the test's recipes note that they ran. */
  readonly log: string;

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), "dsgen-engine-"));
    this.log = `${this.root}.log`;
    onTestFinished(() => this.dispose());
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
    rmSync(this.log, { force: true });
  }

  get cacheDir(): string {
    return join(this.root, ".dsgen-cache");
  }

  path(name: string): string {
    return join(this.root, name);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true, force: true });
  }

  /** Another modification time, the same bytes. */
  touch(name: string): void {
    utimesSync(this.path(name), new Date(), new Date(statSync(this.path(name)).mtimeMs + 3_600_000));
  }

  /** To another folder, where no module of the project was loaded yet: what a new process would see. */
  move(): void {
    const to = mkdtempSync(join(tmpdir(), "dsgen-moved-"));
    rmSync(to, { recursive: true });
    renameSync(this.root, to);
    this.root = to;
  }

  /** Every file below the root with the digest of its content. */
  listing(below = ""): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const entry of readdirSync(join(this.root, below), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const content = entry.isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : "folder";
      found.set(relative(this.root, path), content);
    }
    return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The one file under a folder of the cache (`v1/cas`) that satisfies the test. */
  cacheFile(folder: string, matches: (content: string) => boolean): string {
    for (const entry of readdirSync(join(this.cacheDir, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && matches(readFileSync(path, "utf8"))) return path;
    }
    throw new Error(`nothing such in ${folder}`);
  }

  async build(targets: readonly Target[], goals: readonly string[], settings: WalkSettings = {}): Promise<Outcome> {
    const lock = await acquireLock(this.cacheDir, { command: "test", timeoutMs: 0 });
    if (!lock.ok) throw new Error(lock.error.message);
    try {
      const made = initialiseStore(this.cacheDir);
      if (!made.ok) throw new Error(made.error.message);
      return await this.#walk("build", { targets, live: [] }, goals, settings);
    } finally {
      lock.value.release();
    }
  }

  /** Takes no lock and makes no cache, like every reading command. */
  plan(targets: readonly Target[], goals: readonly string[], settings: WalkSettings = {}): Promise<Outcome> {
    return this.#walk("plan", { targets, live: [] }, goals, settings);
  }

  async #walk(
    what: "build" | "plan",
    definition: GraphDefinition,
    goals: readonly string[],
    settings: WalkSettings,
  ): Promise<Outcome> {
    const graph = Graph.build(definition);
    if (!graph.ok) throw new Error(graph.error.map(({ where, message }) => `${where}: ${message}`).join("\n"));
    const opened = openStore({ cacheDir: this.cacheDir, projectRoot: this.root });
    if (!opened.ok) throw new Error(opened.error.message);
    const events: BuildEvent[] = [];
    const scratch = mkdtempSync(join(tmpdir(), "dsgen-scratch-"));
    try {
      const options = await this.#options(graph.value, opened.value, what === "build", scratch, settings, (event) => {
        events.push(event);
        settings.onEvent?.(event);
      });
      const names = goals.map((goal) => goal as TargetName);
      return outcomeOf(what === "build" ? await build(names, options) : await plan(names, options), events, what);
    } finally {
      opened.value.close();
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  async #options(
    graph: Graph,
    store: Store,
    writing: boolean,
    scratch: string,
    settings: WalkSettings,
    emit: (event: BuildEvent) => void,
  ): Promise<EngineOptions> {
    const modules = Modules.open(this.root, PACKAGE_ROOT, store.content);
    const { tools = noTools, jobs = 2 } = settings;
    const stagingRoot = writing ? store.paths.tmp : join(scratch, "plan");
    const { content } = store;
    const blobs = settings.blobs?.(store.blobs) ?? store.blobs;
    const local = localExecutor({ modules, tools, stagingRoot, threads: jobs, content, blobs });
    return {
      sources: {
        projectRoot: this.root,
        graph,
        modules,
        tools,
        environment: settings.environment ?? {},
        content: store.content,
        workspace: store.workspace,
        actions: store.actions,
        blobs,
      },
      actions: store.actions,
      answers: settings.answers ?? new FakeAnswers(),
      clock: testClock(),
      emit,
      stagingRoot,
      editedFolder: join(this.cacheDir, "edited"),
      jobs,
      local,
      ...settings.elsewhere?.over(local),
      keepGoing: settings.keepGoing ?? false,
      wait: settings.wait ?? false,
      signal: settings.signal ?? new AbortController().signal,
    };
  }
}

/** Time passes only when somebody waits for it. */
function testClock(): Clock {
  let now = 1_000_000;
  return {
    now: () => now,
    monotonic: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
  };
}

const noTools: Tools = {
  fingerprint: ({ name }) => ({
    ok: false,
    error: { kind: "tokenizer", where: name, message: "there is no such tool." },
  }),
  open: () => Promise.reject(new Error("there are no tools")),
};

function outcomeOf(report: WalkReport, events: readonly BuildEvent[], what: "build" | "plan"): Outcome {
  const standings = [...report.standings].sort(([a], [b]) => (a < b ? -1 : 1));
  const named = (wanted: (state: TargetState, conditional: boolean) => boolean) =>
    standings.filter(([, standing]) => wanted(standing.state, standing.conditional)).map(([name]) => name);
  const ran = events.flatMap((event) =>
    event.type === "target" && event.state.state === "building" ? [event.target] : [],
  );
  const state = (name: string): TargetState => {
    const standing = report.standings.get(name as TargetName);
    if (standing === undefined) throw new Error(`${name} is not among ${[...report.standings.keys()].join(", ")}`);
    return standing.state;
  };
  return {
    report,
    events,
    built:
      what === "build"
        ? [...ran].sort()
        : named((s, conditional) => s.state === "built" || (s.state === "stale" && !conditional)),
    conditional: named((_, conditional) => conditional),
    restored: named((s) => s.state === "restored"),
    fresh: named((s) => s.state === "fresh"),
    warnings: events.flatMap((event) => (event.type === "notice" && event.level === "warning" ? [event.message] : [])),
    state,
    reasons(name) {
      const found = state(name);
      if (found.state !== "stale") throw new Error(`${name} is ${found.state}, not stale`);
      return found.reasons;
    },
    problem(name) {
      const found = state(name);
      if (found.state !== "failed") throw new Error(`${name} is ${found.state}, not failed`);
      return found.problem;
    },
  };
}
