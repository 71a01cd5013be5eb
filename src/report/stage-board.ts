import type { BuildEvent } from "../events/schema.ts";
import { unreachable } from "../graph/result.ts";
import { count } from "./format.ts";
import { jobStanding } from "./jobs.ts";
import type { WaitingOn } from "./result-schema.ts";

/** How one stage of a running build stands. */
export interface StageRow {
  readonly stage: string;
  readonly made: number;
  readonly fresh: number;
  readonly running: number;
  readonly failed: number;
  /** Not asked for, because a limit or a person forbids it. */
  readonly refused: number;
  /** How many targets the stage is known to have, when the engine has said so. */
  readonly total: number | null;
}

interface Counts {
  made: number;
  fresh: number;
  failed: number;
  refused: number;
  total: number | null;
}

/** What a live display shows, as a fold over the events. */
export class StageBoard {
  readonly #stages = new Map<string, Counts>();
  readonly #running = new Map<string, string>();
  readonly #jobs = new Map<string, WaitingOn>();
  /** True once anything was made, sent or failed: until then there is nothing worth a display. */
  active = false;
  /** When the build began, and when the provider is looked at again: null while something else is to be done. */
  startedAt: number | null = null;
  nextLookAt: number | null = null;
  finished: Extract<BuildEvent, { type: "build-finished" }>["outcome"] | null = null;

  event(event: BuildEvent, now: number): void {
    this.startedAt ??= now;
    this.nextLookAt = event.type === "look" ? now + event.inMs : null;
    switch (event.type) {
      case "target":
        this.#target(event);
        return;
      case "stage": {
        this.#stage(event.stage).total = event.total;
        return;
      }
      case "job": {
        const { jobId, requestFile, batchId, status, progress } = event;
        const since = this.#jobs.get(jobId)?.since ?? now;
        this.#jobs.set(jobId, { jobId, requestFile, batchId, status, progress, since });
        this.active = true;
        return;
      }
      case "asked":
        this.active = true;
        return;
      case "build-finished":
        this.finished = event.outcome;
        return;
      case "asking":
      case "build-started":
      case "look":
      case "notice":
      case "problem":
      case "summary":
      case "pilot":
        return;
      default:
        unreachable(event);
    }
  }

  row(stage: string): StageRow {
    const { made, fresh, failed, refused, total } = this.#stage(stage);
    const running = [...this.#running.values()].filter((one) => one === stage).length;
    return { stage, made, fresh, failed, refused, running, total };
  }

  stages(): readonly string[] {
    return [...this.#stages.keys()];
  }

  /** The batch jobs that are still under way. */
  waiting(): readonly WaitingOn[] {
    return [...this.#jobs.values()].filter((job) => jobStanding(job.status) === "waiting");
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

  #target(event: Extract<BuildEvent, { type: "target" }>): void {
    const stage = this.#stage(event.stage);
    this.#running.delete(event.target);
    switch (event.state.state) {
      case "building":
        this.#running.set(event.target, event.stage);
        this.active = true;
        return;
      case "built":
      case "restored":
        stage.made++;
        this.active = true;
        return;
      case "fresh":
        stage.fresh++;
        return;
      case "failed":
        if (event.state.problem.kind === "budget") stage.refused++;
        else stage.failed++;
        this.active = true;
        return;
      case "stale":
      case "waiting":
      case "blocked":
        return;
      default:
        unreachable(event.state);
    }
  }

  #stage(name: string): Counts {
    const known = this.#stages.get(name);
    if (known !== undefined) return known;
    const stage = { made: 0, fresh: 0, failed: 0, refused: 0, total: null };
    this.#stages.set(name, stage);
    return stage;
  }
}

/** `validation  7/10: 3 made, 4 fresh, 2 running`; without a known total, the counts alone. */
export function stageText(row: StageRow, nameWidth: number): string {
  const done = row.made + row.fresh;
  const parts = [
    row.made > 0 ? `${count(row.made)} made` : "",
    row.fresh > 0 ? `${count(row.fresh)} fresh` : "",
    row.running > 0 ? `${count(row.running)} running` : "",
    row.failed > 0 ? `${count(row.failed)} failed` : "",
    row.refused > 0 ? `${count(row.refused)} refused` : "",
  ].filter((part) => part !== "");
  const progress = row.total === null ? "" : `${count(done)}/${count(row.total)}: `;
  return `${row.stage.padEnd(nameWidth)}  ${progress}${parts.join(", ")}`.trimEnd();
}
