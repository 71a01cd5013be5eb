import { randomBytes } from "node:crypto";
import type { ActionDescriptor, Execution, Work } from "../../engine/executor.ts";
import { faultPoint } from "../../engine/fault-points.ts";
import type { ActionKey } from "../../graph/digest.ts";
import { canonicalJson, type JsonObject } from "../../graph/json.ts";
import type { Problem } from "../../graph/problem.ts";
import { err, type Result } from "../../graph/result.ts";
import { attempted } from "../../store/durable.ts";
import type { StorePaths } from "../../store/layout.ts";
import { type WorkHead, workFile, writeWork } from "../work-file.ts";
import type { ArrayId, ArrayJob } from "./array.ts";
import { writeFolder } from "./array-folder.ts";
import { cut, expectedOf, type Piece } from "./grouping.ts";
import { type Limits, readLimits } from "./limits.ts";
import { type ArrayContext, type NotSubmitted, submit } from "./submit.ts";
import type { Seen } from "./watch.ts";

export interface BeginOptions {
  readonly paths: StorePaths;
  /** Who this coordinator is: a worker that is another refuses. */
  readonly head: Pick<WorkHead, "build" | "node">;
  /** The command that makes a part of a descriptor file, but for `FILE --part N`. */
  readonly worker: readonly string[];
  /** How long the action's target took when it was last made here. */
  readonly lastTook: (work: Work) => number | undefined;
}

/** What beginning hangs on. */
export interface Surroundings {
  readonly seen: Seen;
  /** More may soon be handed over: what is less than a task may wait for it. */
  readonly more: boolean;
  /** Nodes to leave out. */
  readonly bad: readonly string[];
  readonly context: ArrayContext;
  /** Tasks of ours that the scheduler has. */
  readonly outstanding: number;
  /** Recipes of which something is under way. */
  readonly underWay: ReadonlySet<string>;
  /** How long actions of a recipe took, as far as this process has seen it. */
  readonly took: ReadonlyMap<string, readonly number[]>;
}

/** Works that ask for the same and are made by the same recipe. */
interface Group {
  readonly recipe: string;
  readonly resources: JsonObject;
  readonly works: Work[];
}

type NotSent = NotSubmitted | { readonly kind: "problem"; readonly problem: Problem };

/** Submits what nobody makes yet, as far as there is room, and says of the rest why it waits. */
export class Beginner {
  readonly #options: BeginOptions;
  readonly #heldSince = new Map<ActionKey, number>();
  #limits: Limits | undefined;
  /** Whether nodes may be left out: not where that leaves none. */
  #leavesOut = true;

  constructor(options: BeginOptions) {
    this.#options = options;
  }

  async begin(free: readonly Work[], surroundings: Surroundings, standings: Map<ActionKey, Execution>): Promise<void> {
    const { seen, context } = surroundings;
    const { clock, run, signal } = context;
    const hold = (works: readonly Work[], reason: string) => {
      for (const { action } of works) {
        const since = this.#heldSince.get(action.key) ?? clock.now();
        this.#heldSince.set(action.key, since);
        standings.set(action.key, waiting(null, reason, since));
      }
    };
    if (free.length === 0) return;
    if (seen.kind === "away") {
      if (seen.error.kind === "absent") fail(free, standings, seen.error.message);
      else hold(free, `the scheduler does not answer: ${seen.error.message}`);
      return;
    }
    this.#limits ??= await readLimits(run);
    let room = this.#limits.submitted - surroundings.outstanding;
    let why: string | undefined;
    for (const group of this.#groups(free, context)) {
      if (signal.aborted) why ??= "the build was interrupted before it was submitted";
      const pieces = this.#pieces(group, surroundings);
      if (surroundings.more && isSmall(pieces, context.settings.taskMs)) {
        hold(group.works, "held back, to be sent with what comes next");
        continue;
      }
      const byKey = new Map(group.works.map((work) => [work.action.key, work]));
      const worksOf = (keys: readonly ActionKey[]) => keys.flatMap((key) => byKey.get(key) ?? []);
      const cutting = { taskMs: context.settings.taskMs, arraySize: this.#limits.arraySize, room };
      const { arrays, later } = cut(pieces, cutting, surroundings.underWay.has(group.recipe));
      const full = "the cluster takes no more of yours now";
      hold(worksOf(later), room <= 0 ? full : "waits for the first ones to show how long they take");
      for (const tasks of arrays) {
        const works = worksOf(tasks.flat());
        if (why !== undefined) {
          hold(works, why);
          continue;
        }
        const sent = await this.#send(tasks, works, group.resources, arrays.length, surroundings);
        if (sent.ok) {
          room -= tasks.length;
          for (const { action } of works)
            standings.set(action.key, waiting(sent.value.slurm, "submitted", sent.value.intendedAt));
        } else why = this.#notSent(sent.error, works, surroundings, standings, hold);
      }
    }
  }

  /** What an array that was not taken means for its works, and why the others wait; undefined: they need not. */
  #notSent(
    notSent: NotSent,
    works: readonly Work[],
    { outstanding, bad }: Surroundings,
    standings: Map<ActionKey, Execution>,
    hold: (works: readonly Work[], reason: string) => void,
  ): string | undefined {
    switch (notSent.kind) {
      case "problem":
        for (const { action } of works) standings.set(action.key, { state: "failed", problem: notSent.problem });
        return undefined;
      case "refused":
        if (this.#leavesOut && bad.length > 0) {
          this.#leavesOut = false;
          hold(works, `it is tried again with ${bad.join(", ")}: ${notSent.error.message}`);
        } else fail(works, standings, notSent.error.message);
        return undefined;
      case "unknown": {
        const reason = `it is not known yet whether the scheduler took it (${notSent.why})`;
        hold(works, reason);
        return reason;
      }
      case "not-now": {
        // A limit that nobody could read shows itself.
        if (notSent.error.kind === "busy" && this.#limits !== undefined)
          this.#limits = { ...this.#limits, submitted: Math.max(1, outstanding) };
        const reason = `the scheduler takes no more now: ${notSent.error.message}`;
        hold(works, reason);
        return reason;
      }
    }
  }

  /** Descriptors and script first, then the intent, then sbatch: a crash in between leaves nothing that could run unseen. */
  async #send(
    tasks: readonly (readonly ActionKey[])[],
    works: readonly Work[],
    resources: JsonObject,
    planned: number,
    { context, bad }: Surroundings,
  ): Promise<Result<ArrayJob, NotSent>> {
    const { paths, head, worker } = this.#options;
    const { book, clock, settings, root } = context;
    const descriptors = new Map<ActionKey, ActionDescriptor>();
    for (const work of works) {
      const described = await work.describe();
      if (!described.ok) return err({ kind: "problem", problem: described.error });
      descriptors.set(work.action.key, described.value);
    }
    // Never seen before: another project of the same person's may have handed over the same actions.
    const id = randomBytes(16).toString("hex") as ArrayId;
    const { projectRoot, cacheDir } = paths;
    const parts = tasks.map((keys) => keys.flatMap((key) => descriptors.get(key) ?? []));
    const written = writeWork(paths, { attempt: id, ...head, projectRoot, cacheDir }, parts);
    if (!written.ok) return err({ kind: "problem", problem: written.error });
    const command = [...worker, workFile(paths, id), "--part"];
    const folder = attempted(root, () => writeFolder(root, id, command));
    if (!folder.ok) return err({ kind: "problem", problem: folder.error });
    const throttle = Math.max(1, Math.floor(settings.maxJobs / (book.open().length + planned)));
    const exclude = this.#leavesOut ? bad : [];
    faultPoint("cluster.intended.before");
    const intent = { tasks, resources, exclude, throttle: Math.min(throttle, tasks.length) };
    const array = book.record({ t: "array-intended", v: 1, array: id, ...intent, at: clock.now() });
    faultPoint("cluster.intended.after");
    return submit(array, context);
  }

  #groups(works: readonly Work[], { settings }: ArrayContext): Iterable<Group> {
    const groups = new Map<string, Group>();
    for (const work of works) {
      const { recipe, resources: asked } = work.action.target;
      const resources: JsonObject = { ...settings.resources, ...asked };
      const name = canonicalJson([recipe, resources]);
      const group = groups.get(name) ?? { recipe, resources, works: [] };
      groups.set(name, group);
      group.works.push(work);
    }
    return groups.values();
  }

  /** With how long each may take: what its own target took, or what such things usually do. */
  #pieces({ recipe, works }: Group, { took }: Surroundings): readonly Piece<ActionKey>[] {
    const known = works.map((work) => ({ key: work.action.key, expectedMs: this.#options.lastTook(work) }));
    const usual = expectedOf([...known.flatMap(({ expectedMs }) => expectedMs ?? []), ...(took.get(recipe) ?? [])]);
    return known.map(({ key, expectedMs }) => ({ key, expectedMs: expectedMs ?? usual }));
  }
}

export function waiting(job: string | null, reason: string, since: number, node?: string): Execution {
  return { state: "waiting", on: { executor: "slurm", job, reason, since, ...(node !== undefined && { node }) } };
}

/** Less than one task's worth: what comes next may go with it. */
function isSmall(pieces: readonly Piece<ActionKey>[], taskMs: number): boolean {
  return pieces.reduce((sum, { expectedMs }) => sum + (expectedMs ?? taskMs), 0) < taskMs;
}

function fail(works: readonly Work[], standings: Map<ActionKey, Execution>, message: string): void {
  for (const { action } of works) {
    const problem: Problem = {
      kind: "executor",
      where: action.target.name,
      message: `it could not be given to the cluster: ${message}.`,
      fix: "Mend what is under `executor:` in config/dsgen.yaml, or build it here with --executor local.",
    };
    standings.set(action.key, { state: "failed", problem });
  }
}
