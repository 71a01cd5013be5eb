import type { BuildEvent } from "../events/schema.ts";
import type { StateName, WaitingElsewhere } from "../graph/state.ts";
import type { Far } from "./elsewhere.ts";
import { count } from "./format.ts";
import { jobStanding } from "./jobs.ts";
import type { WaitingOn } from "./result-schema.ts";

/** What is counted of a stage; `refused`: not asked for, because a limit or a person forbids it. */
const COUNTS = ["made", "fresh", "running", "failed", "refused"] as const;

/** How one stage of a running build stands. */
export interface StageRow extends Record<(typeof COUNTS)[number], number> {
  readonly stage: string;
  /** How many targets the stage is known to have, when the engine has said so. */
  total: number | null;
}

const COUNTED_AS: Readonly<Partial<Record<StateName, (typeof COUNTS)[number]>>> = {
  fresh: "fresh",
  building: "running",
  built: "made",
  restored: "made",
  failed: "failed",
};

/** A rate is that of so long. */
const RATE_OVER_MS = 600_000;

/** What a display shows of a build, as a fold over the events. */
export class StageBoard {
  readonly #stages = new Map<string, StageRow>();
  readonly #order: readonly string[];
  /** Since when. */
  readonly #running = new Map<string, { readonly stage: string; readonly since: number }>();
  readonly #jobs = new Map<string, WaitingOn>();
  readonly #elsewhere = new Map<string, readonly WaitingElsewhere[]>();
  /** Every target that other machines were to make, and when those were made that are. */
  readonly #sent = new Set<string>();
  #sentAt: number | undefined;
  readonly #made: number[] = [];
  /** True once anything was made, sent or failed: until then there is nothing worth a display. */
  active = false;
  /** When the build began, and when the provider is looked at again: null while something else is to be done. */
  startedAt: number | null = null;
  nextLookAt: number | null = null;
  finished: Extract<BuildEvent, { type: "build-finished" }>["outcome"] | null = null;

  /** @param order the stages as a person reads them, from first to last; others follow as they are met */
  constructor(order: readonly string[] = []) {
    this.#order = order;
  }

  event(event: BuildEvent, now: number): void {
    this.startedAt ??= now;
    this.nextLookAt = event.type === "look" ? now + event.inMs : null;
    if (event.type === "target") this.#target(event, now);
    if (event.type === "stage") this.row(event.stage).total = event.total;
    if (event.type === "build-finished") this.finished = event.outcome;
    if (event.type === "asked" || event.type === "job") this.active = true;
    if (event.type === "job") {
      const { type: _, ...job } = event;
      this.#jobs.set(event.jobId, { ...job, since: this.#jobs.get(event.jobId)?.since ?? now });
    }
  }

  row(stage: string): StageRow {
    const row = this.#stages.get(stage) ?? {
      stage,
      made: 0,
      fresh: 0,
      running: 0,
      failed: 0,
      refused: 0,
      total: null,
    };
    this.#stages.set(stage, row);
    return row;
  }

  stages(): readonly string[] {
    const known = this.#order.filter((stage) => this.#stages.has(stage));
    return [...new Set([...known, ...this.#stages.keys()])];
  }

  job(jobId: string): WaitingOn | undefined {
    return this.#jobs.get(jobId);
  }

  /** The batch jobs that are still under way. */
  waiting(): readonly WaitingOn[] {
    return [...this.#jobs.values()].filter((job) => jobStanding(job.status) === "waiting");
  }

  /** Where targets stand that other machines are to make, one for each. */
  elsewhere(): readonly WaitingElsewhere[] {
    return [...this.#elsewhere.values()].flat();
  }

  /** How far other machines have come; undefined where they are asked for nothing. */
  far(now: number): Far | undefined {
    if (this.#sentAt === undefined) return undefined;
    const window = Math.min(RATE_OVER_MS, now - this.#sentAt);
    const late = this.#made.filter((at) => at > now - window).length;
    // A rate of the first moments says nothing of the next.
    const perMinute = window < 60_000 || late === 0 ? undefined : (late * 60_000) / window;
    return { sent: this.#sent.size, made: this.#made.length, perMinute, waiting: this.elsewhere() };
  }

  /** How many batch jobs there were, how many are over, and how many of their requests are answered. */
  jobs(): { readonly total: number; readonly over: number; readonly requests: number; readonly answered: number } {
    const all = [...this.#jobs.values()];
    return {
      total: all.length,
      over: all.length - this.waiting().length,
      requests: all.reduce((sum, { progress }) => sum + progress.total, 0),
      answered: all.reduce((sum, { progress }) => sum + progress.completed, 0),
    };
  }

  /** What is being made for so many milliseconds or longer, the longest first. */
  longRunning(
    ms: number,
    now: number,
  ): readonly { readonly target: string; readonly stage: string; readonly ms: number }[] {
    return [...this.#running]
      .map(([target, { stage, since }]) => ({ target, stage, ms: now - since }))
      .filter((one) => one.ms >= ms)
      .sort((a, b) => b.ms - a.ms);
  }

  #target({ target, stage, state }: Extract<BuildEvent, { type: "target" }>, now: number): void {
    const row = this.row(stage);
    if (this.#running.delete(target)) row.running--;
    this.#elsewhere.delete(target);
    if (state.state === "waiting" && state.elsewhere !== undefined) {
      this.#elsewhere.set(target, state.elsewhere);
      this.#sent.add(target);
      this.#sentAt ??= now;
      this.active = true;
    }
    if (state.state === "built" && this.#sent.has(target)) this.#made.push(now);
    const counted = COUNTED_AS[state.state];
    if (counted === undefined) return;
    if (counted === "running") this.#running.set(target, { stage, since: now });
    if (counted !== "fresh") this.active = true;
    row[state.state === "failed" && state.problem.kind === "budget" ? "refused" : counted]++;
  }
}

/** `validation  7/10: 3 made, 4 fresh, 2 running`; without a known total, the counts alone. */
export function stageText(row: StageRow, nameWidth: number): string {
  const parts = COUNTS.flatMap((name) => (row[name] > 0 ? [`${count(row[name])} ${name}`] : []));
  const progress = row.total === null ? [] : [`${count(row.made + row.fresh)}/${count(row.total)}`];
  return `${row.stage.padEnd(nameWidth)}  ${[...progress, ...(parts.length > 0 ? [parts.join(", ")] : [])].join(": ")}`.trimEnd();
}
