import type { BuildEvent } from "../events/schema.ts";
import { unreachable } from "../graph/result.ts";
import { columns, count, countOf, duration } from "./format.ts";
import { jobStanding, progressText } from "./jobs.ts";
import type { Output } from "./output.ts";
import { askText } from "./plan.ts";
import { problemKey, problemsText } from "./problems.ts";
import { RESTORED } from "./reasons.ts";
import type { Reporter, Verbosity } from "./reporter.ts";
import type { Style } from "./style.ts";
import { setIn } from "./visible.ts";

/** So many targets of a stage, or batches of a status, get a line of their own; after that only round counts do. */
const LINES_OF_A_KIND = 20;

/**
 * Plain lines for a pipe or a CI log: one for each target that was made, none for a fresh one, and bounded for a graph
 * of any size. `verbose` names every target, `quiet` leaves warnings and problems.
 */
export function textReporter(out: Output, style: Style, verbosity: Verbosity, now: () => number): Reporter {
  return new TextReporter(out, style, verbosity, now);
}

/** While nothing happens but that counts grow, so often a line says how far they are. */
const COUNTS_EVERY_MS = 60_000;

type TargetEvent = Extract<BuildEvent, { type: "target" }>;
type JobEvent = Extract<BuildEvent, { type: "job" }>;

class TextReporter implements Reporter {
  readonly #out: Output;
  readonly #style: Style;
  readonly #verbosity: Verbosity;
  readonly #made = new Map<string, number>();
  readonly #lines = new Map<string, number>();
  readonly #fresh = new Map<string, number>();
  readonly #jobs = new Map<string, JobEvent>();
  readonly #problems = new Set<string>();
  readonly #now: () => number;
  #countsToldAt: number | undefined;

  constructor(out: Output, style: Style, verbosity: Verbosity, now: () => number) {
    this.#out = out;
    this.#style = style;
    this.#verbosity = verbosity;
    this.#now = now;
  }

  event(event: BuildEvent): void {
    switch (event.type) {
      case "target":
        this.#target(event);
        return;
      case "job":
        this.#job(event);
        return;
      case "asking":
        this.#progress(`${this.#label("asking", "cyan")} ${countOf(event.files, "request file")}: ${askText(event)}`);
        return;
      case "asked":
        if (this.#verbosity === "verbose") {
          this.#progress(`${this.#label("asking", "cyan")} ${event.target}: ${askText(event.ask)}`);
        }
        return;
      case "notice":
        this.#notice(event.level, event.message);
        return;
      case "problem": {
        const key = problemKey(event.problem);
        if (this.#problems.has(key)) return;
        this.#problems.add(key);
        this.#out.write(problemsText([event.problem], this.#style));
        return;
      }
      case "build-finished":
        this.#finished(event.durationMs);
        return;
      case "build-started":
      case "stage":
      case "look":
      case "summary":
      case "pilot":
        return;
      default:
        unreachable(event);
    }
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #target(event: TargetEvent): void {
    const took = event.durationMs === null ? "" : this.#style.dim(`  ${duration(event.durationMs)}`);
    switch (event.state.state) {
      case "fresh":
        this.#fresh.set(event.stage, (this.#fresh.get(event.stage) ?? 0) + 1);
        if (this.#verbosity === "verbose") this.#progress(`${this.#label("fresh", "dim")} ${event.target}`);
        return;
      case "building":
        if (this.#verbosity === "verbose") this.#progress(`${this.#label("building", "cyan")} ${event.target}`);
        return;
      case "built": {
        const same = event.state.changed ? "" : this.#style.dim("  (the same as before)");
        this.#finishedOne(event.stage, `${this.#label("built", "green")} ${event.target}${took}${same}`);
        return;
      }
      case "restored": {
        const why = this.#style.dim(`  (${RESTORED[event.state.reason]})`);
        this.#finishedOne(event.stage, `${this.#label("restored", "green")} ${event.target}${why}`);
        return;
      }
      case "failed":
        // A limit that a person set: one decision about many targets, told once as a problem.
        if (event.state.problem.kind === "budget") return;
        this.#bounded(`failed ${event.stage}`, `${this.#label("failed", "red")} ${event.target}`, (times) => {
          return `${this.#label("failed", "red")} ${event.stage}: ${count(times)} so far`;
        });
        return;
      case "stale":
      case "waiting":
      case "blocked":
        return;
      default:
        unreachable(event.state);
    }
  }

  #finishedOne(stage: string, line: string): void {
    this.#made.set(stage, (this.#made.get(stage) ?? 0) + 1);
    this.#bounded(
      `made ${stage}`,
      line,
      (times) => `${this.#label("built", "green")} ${stage}: ${count(times)} so far`,
    );
  }

  #bounded(kind: string, line: string, sum: (times: number) => string): void {
    const times = (this.#lines.get(kind) ?? 0) + 1;
    this.#lines.set(kind, times);
    if (times <= LINES_OF_A_KIND || this.#verbosity === "verbose") this.#progress(line);
    else if (isRound(times)) this.#progress(sum(times));
  }

  /** A line for each status a job goes through, as bounded as targets; of counts that grow, one sum a minute. */
  #job(event: JobEvent): void {
    const known = this.#jobs.get(event.jobId);
    this.#jobs.set(event.jobId, event);
    if (known?.status === event.status) {
      this.#tellCounts();
      return;
    }
    const line = `${event.requestFile}: ${event.status}  ${progressText(event.progress)}`;
    this.#bounded(`batch ${event.status}`, `${this.#label("batch", "cyan")} ${line}`, (times) => {
      return `${this.#label("batch", "cyan")} ${event.status}: ${count(times)} so far`;
    });
  }

  #tellCounts(): void {
    const now = this.#now();
    this.#countsToldAt ??= now;
    if (now - this.#countsToldAt < COUNTS_EVERY_MS) return;
    this.#countsToldAt = now;
    const waiting = [...this.#jobs.values()].filter(({ status }) => jobStanding(status) === "waiting");
    if (waiting.length === 0) return;
    const sum = (of: (job: JobEvent) => number) => waiting.reduce((total, job) => total + of(job), 0);
    const progress = {
      total: sum((job) => job.progress.total),
      completed: sum((job) => job.progress.completed),
      failed: sum((job) => job.progress.failed),
    };
    const batches = countOf(waiting.length, "batch", "batches");
    this.#progress(`${this.#label("waiting", "cyan")} ${batches}: ${progressText(progress)}`);
  }

  #notice(level: "info" | "warning", message: string): void {
    if (level === "warning") this.#out.write(`${this.#style.yellow("warning:")} ${setIn(message)}\n`);
    else this.#progress(`note: ${setIn(message)}`);
  }

  /** What was left out line by line, in one line per stage; nothing when there is only that, as after a null build. */
  #finished(durationMs: number): void {
    if (this.#made.size === 0 && this.#verbosity !== "verbose") return;
    const stages = [...new Set([...this.#fresh.keys(), ...this.#made.keys()])];
    const rows = stages.map((stage) => [
      `  ${stage}`,
      `${count(this.#made.get(stage) ?? 0)} made`,
      `${count(this.#fresh.get(stage) ?? 0)} fresh`,
    ]);
    for (const line of columns(rows, [1, 2])) this.#progress(line);
    this.#progress(`  took ${duration(durationMs)}`);
  }

  #label(word: string, color: "green" | "red" | "cyan" | "dim"): string {
    return this.#style[color](word.padEnd(LABEL_WIDTH));
  }

  #progress(line: string): void {
    if (this.#verbosity !== "quiet") this.#out.write(`${line}\n`);
  }
}

const LABEL_WIDTH = "restored".length;

/** 50, 100, 200, 500, 1,000 and so on: a line each time the count has about doubled. */
function isRound(value: number): boolean {
  const leading = value / 10 ** Math.floor(Math.log10(value));
  return value >= 50 && (leading === 1 || leading === 2 || leading === 5);
}
