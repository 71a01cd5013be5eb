import type { Emit } from "../../engine/events.ts";
import type { Execution, Executor, RunOptions, Work } from "../../engine/executor.ts";
import type { BlobStore, Clock, Journal } from "../../engine/ports.ts";
import type { ActionKey } from "../../graph/digest.ts";
import type { Problem } from "../../graph/problem.ts";
import { type FoundResult, readResult } from "../results.ts";
import { sharedFolders } from "../shared-folder.ts";
import type { ArrayJob } from "./array.ts";
import { ArrayBook, type Try } from "./array-book.ts";
import { Beginner, type BeginOptions, waiting } from "./begin.ts";
import type { RunSlurm } from "./commands.ts";
import type { SlurmSettings } from "./settings.ts";
import { type ArrayContext, oddWords, reconcile } from "./submit.ts";
import { isTriedAgain, problemOfTry } from "./task-end.ts";
import { isNamed, lookAtArrays, type ResultState, type Seen, Watch } from "./watch.ts";

export interface SlurmOptions extends BeginOptions {
  readonly journal: Journal;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly run: RunSlurm;
  readonly settings: SlurmSettings;
  readonly emit: Emit;
}

/** Nodes are mended; what they did a day ago says little. */
const SUSPECTED_MS = 86_400_000;
/** How many durations of a recipe are kept in mind. */
const MOST_SEEN = 101;

/** Where an action is, in an open array. */
type Placed = ReturnType<ArrayBook["underWay"]>;

/** Makes actions in job arrays of a Slurm cluster, whose nodes share the cache's file system. */
export function slurmExecutor(options: SlurmOptions): Executor {
  return new SlurmExecutor(options);
}

class SlurmExecutor implements Executor {
  readonly name = "slurm";
  readonly #options: SlurmOptions;
  readonly #book: ArrayBook;
  readonly #beginner: Beginner;
  readonly #submits: ArrayContext["submits"];
  readonly #took = new Map<string, readonly number[]>();
  readonly #said = new Set<string>();
  #watch: Watch | undefined;
  /** What this look has found of results, or need not look for: thousands of actions are asked for more than once a look. */
  #looked = new Map<string, FoundResult>();

  constructor(options: SlurmOptions) {
    this.#options = options;
    this.#book = new ArrayBook(options.journal);
    this.#beginner = new Beginner(options);
    this.#submits = { startedAt: options.clock.monotonic(), ended: new Map() };
  }

  nextLookMs(): number {
    return this.#options.settings.pollMs;
  }

  async run(works: readonly Work[], { more, signal }: RunOptions): Promise<ReadonlyMap<ActionKey, Execution>> {
    const { clock, run, settings, paths } = this.#options;
    const book = this.#book;
    const root = sharedFolders(paths).folder;
    const context: ArrayContext = { book, run, clock, settings, root, signal, submits: this.#submits };
    for (const warning of book.warnings) this.#warn("cluster-journal", warning);
    for (const array of book.open()) if (array.state === "intended") await reconcile(array, context);
    const seen = await lookAtArrays(context);
    this.#looked = new Map();
    if (seen.kind === "seen" && seen.odd.length > 0)
      this.#warn("cluster-queue", `${oddWords(seen.odd)}: nothing is concluded from what is not listed`);
    const wanted = new Map(works.map((work) => [work.action.key, work]));
    const placed = new Map(works.map(({ action: { key } }) => [key, book.underWay(key)]));
    this.#watch ??= new Watch(context);
    const resultOf = (key: ActionKey, array: ArrayJob) => this.#resultState(key, array, wanted.get(key));
    const notYet = (key: ActionKey, array: ArrayJob) => this.#looked.set(nameOf(key, array), { state: "absent" });
    const outstanding = await this.#watch.conclude(seen, resultOf, notYet);
    const bad = book.badNodes(clock.now() - SUSPECTED_MS, this.#watch.good);
    for (const node of bad)
      this.#warn("cluster-node", `tasks on ${node} end at once with nothing to show: it is left out`);
    const standings = new Map<ActionKey, Execution>();
    const free: Work[] = [];
    const told: Try[] = [];
    const underWay = new Set<string>();
    for (const work of works) {
      const { key, target } = work.action;
      const standing = this.#standing(work, placed.get(key), seen);
      if (standing?.state === "waiting") underWay.add(target.recipe);
      const tries = book.triesOf(key);
      const last = tries.at(-1);
      if (standing !== undefined) standings.set(key, standing);
      else if (last === undefined || isTriedAgain(tries, bad, settings.tries)) free.push(work);
      else {
        told.push(last);
        standings.set(key, { state: "failed", problem: this.#problemOf(work, last, tries.length) });
      }
    }
    this.#tell(told);
    const surroundings = { seen, more, bad, context, outstanding, underWay, took: this.#took };
    await this.#beginner.begin(free, surroundings, standings);
    return standings;
  }

  /**
   * What is known of an action without beginning anything; undefined: nothing is under way for it.
   * @param placed where it was before this look was concluded from
   */
  #standing(work: Work, placed: Placed, seen: Seen): Execution | undefined {
    const { key } = work.action;
    if (placed !== undefined) {
      const result = this.#result(work, placed.array);
      if (result.state === "failed") return { state: "failed", problem: result.problem };
    }
    const now = this.#book.underWay(key);
    // Its task has been given up in this look: what came since then still counts.
    if (placed !== undefined && now === undefined) this.#looked.delete(nameOf(key, placed.array));
    // A late result of an earlier attempt is as good as any: it names the same bytes.
    for (const array of this.#book.attemptsOf(key)) {
      const result = this.#result(work, array);
      if (result.state === "made") return this.#made(work, result);
    }
    if (now === undefined) return undefined;
    const queued = seen.kind === "seen" ? seen.tasks.get(now.array.id)?.get(now.task) : undefined;
    const node = queued?.phase.kind === "running" ? queued.node : undefined;
    return waiting(now.array.slurm, reasonOf(now.array, now.task, seen), now.array.intendedAt, node);
  }

  #made({ action }: Work, { outputs, notes, durationMs }: Extract<FoundResult, { state: "made" }>): Execution {
    const { recipe } = action.target;
    this.#took.set(recipe, [...(this.#took.get(recipe) ?? []), durationMs].slice(-MOST_SEEN));
    return { state: "made", outputs, notes, durationMs };
  }

  #result(work: Work, array: ArrayJob): FoundResult {
    const name = nameOf(work.action.key, array);
    const found = this.#looked.get(name) ?? readResult(this.#options, work.action, array.id);
    this.#looked.set(name, found);
    return found;
  }

  #resultState(key: ActionKey, array: ArrayJob, work: Work | undefined): ResultState {
    if (work === undefined) return isNamed(this.#options.paths, key, array) ? "there" : "absent";
    const result = this.#result(work, array);
    switch (result.state) {
      case "made":
      case "failed":
        return "there";
      case "refused":
        return "refused";
      case "damaged":
        this.#warn(
          "cluster-result",
          `a result of ${work.action.target.name} is damaged (${result.why}): it is made again`,
        );
        return "absent";
      case "absent":
        return "absent";
    }
  }

  #problemOf(work: Work, last: Try, tries: number): Problem {
    const problem = problemOfTry(work.action.target.name, last, tries, sharedFolders(this.#options.paths).folder);
    const result = this.#result(work, last.array);
    // The worker itself has said why, better than its log does.
    return result.state === "refused" ? { ...result.problem, fix: problem.fix ?? "" } : problem;
  }

  #tell(told: readonly Try[]): void {
    for (const { array, task } of told) {
      if (this.#book.get(array.id)?.told.has(task) === true) continue;
      this.#book.record({ t: "array-told", array: array.id, task, at: this.#options.clock.now() });
    }
  }

  #warn(code: string, message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#options.emit({ type: "notice", level: "warning", code, message });
  }
}

function nameOf(key: ActionKey, { id }: ArrayJob): string {
  return `${key} ${id}`;
}

/** Why an action is not made yet, for people. */
function reasonOf(array: ArrayJob, task: number, seen: Seen): string {
  if (array.state === "intended") return "it is not known yet whether the scheduler took it";
  if (seen.kind === "away") return `the scheduler does not answer: ${seen.error.message}`;
  const queued = seen.tasks.get(array.id)?.get(task);
  const ended = "it has ended; its result is not seen yet";
  if (queued === undefined) return array.over.has(task) ? ended : "submitted";
  switch (queued.phase.kind) {
    case "pending":
      return `pending (${queued.reason})`;
    case "running":
      return `running on ${queued.node ?? "a node"}`;
    case "unknown":
      return `in a state that this dsgen does not know (${queued.phase.word})`;
    case "over":
      return ended;
  }
}
