import type { BuildEvent } from "../events/schema.ts";
import { unreachable } from "../graph/result.ts";
import { standingsText } from "./elsewhere.ts";
import { columns, count, countOf, duration } from "./format.ts";
import { progressText } from "./jobs.ts";
import type { Output } from "./output.ts";
import { askText } from "./plan.ts";
import { problemKey, problemsText } from "./problems.ts";
import { RESTORED } from "./reasons.ts";
import type { Reporter, Verbosity } from "./reporter.ts";
import { StageBoard } from "./stage-board.ts";
import type { Style } from "./style.ts";
import { setIn } from "./visible.ts";

/** So many targets of a stage, or batches of a status, get a line of their own; after that only round counts do. */
const LINES_OF_A_KIND = 20;

/**
 * Plain lines for a pipe or a CI log: one for each target that was made, none for a fresh one, and bounded for a graph
 * of any size. `verbose` names every target, `quiet` leaves warnings and problems.
 * @param stages in the order in which they are summed up; others follow as they are met
 */
export function textReporter(
  out: Output,
  style: Style,
  verbosity: Verbosity,
  now: () => number,
  stages: readonly string[] = [],
): Reporter {
  return new TextReporter(out, style, verbosity, now, stages);
}

/** While nothing happens but that counts grow, so often a line says how far they are. */
const COUNTS_EVERY_MS = 60_000;

/** Nothing is said of what is made in less; of what takes longer a line, and another each minute. */
const PATIENCE_MS = 10_000;
const STILL_EVERY_MS = 60_000;

type TargetEvent = Extract<BuildEvent, { type: "target" }>;
type Color = "green" | "red" | "cyan" | "dim";
type JobEvent = Extract<BuildEvent, { type: "job" }>;

class TextReporter implements Reporter {
  readonly #out: Output;
  readonly #style: Style;
  readonly #verbosity: Verbosity;
  readonly #board: StageBoard;
  readonly #lines = new Map<string, number>();
  readonly #problems = new Set<string>();
  readonly #now: () => number;
  #elsewhereTold: { readonly at: number; readonly text: string } | undefined;
  #countsToldAt: number | undefined;
  #still: NodeJS.Timeout | undefined;

  constructor(out: Output, style: Style, verbosity: Verbosity, now: () => number, stages: readonly string[]) {
    this.#board = new StageBoard(stages);
    this.#out = out;
    this.#style = style;
    this.#verbosity = verbosity;
    this.#now = now;
  }

  event(event: BuildEvent): void {
    const job = event.type === "job" ? this.#board.job(event.jobId) : undefined;
    this.#board.event(event, this.#now());
    switch (event.type) {
      case "target":
        this.#target(event);
        return;
      case "job":
        this.#job(event, job?.status);
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
      case "look":
        this.#tellElsewhere();
        return;
      case "stage":
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
    clearTimeout(this.#still);
    return Promise.resolve();
  }

  #target(event: TargetEvent): void {
    const took = event.durationMs === null ? "" : this.#style.dim(`  ${duration(event.durationMs)}`);
    switch (event.state.state) {
      case "fresh":
        if (this.#verbosity === "verbose") this.#progress(`${this.#label("fresh", "dim")} ${event.target}`);
        return;
      case "building":
        this.#still ??= setTimeout(() => this.#tellStill(), PATIENCE_MS).unref();
        if (this.#verbosity === "verbose") this.#progress(`${this.#label("building", "cyan")} ${event.target}`);
        return;
      case "built": {
        const same = event.state.changed ? "" : this.#style.dim("  (the same as before)");
        this.#made(event.stage, `${this.#label("built", "green")} ${event.target}${took}${same}`);
        return;
      }
      case "restored": {
        const why = this.#style.dim(`  (${RESTORED[event.state.reason]})`);
        this.#made(event.stage, `${this.#label("restored", "green")} ${event.target}${why}`);
        return;
      }
      case "failed":
        // A limit that a person set: one decision about many targets, told once as a problem.
        if (event.state.problem.kind === "budget") return;
        this.#bounded(`failed ${event.stage}`, `${this.#label("failed", "red")} ${event.target}`, (times) =>
          this.#sum("failed", "red", event.stage, times),
        );
        return;
      case "stale":
      case "waiting":
      case "blocked":
        return;
      default:
        unreachable(event.state);
    }
  }

  #made(stage: string, line: string): void {
    this.#bounded(`made ${stage}`, line, (times) => this.#sum("built", "green", stage, times));
  }

  #sum(word: string, color: Color, what: string, times: number): string {
    return `${this.#label(word, color)} ${what}: ${count(times)} so far`;
  }

  #bounded(kind: string, line: string, sum: (times: number) => string): void {
    const times = (this.#lines.get(kind) ?? 0) + 1;
    this.#lines.set(kind, times);
    if (times <= LINES_OF_A_KIND || this.#verbosity === "verbose") this.#progress(line);
    else if (isRound(times)) this.#progress(sum(times));
  }

  /** A line for each status a job goes through, as bounded as targets; of counts that grow, one sum a minute. */
  #job({ requestFile, status, progress }: JobEvent, before: string | undefined): void {
    if (before === status) {
      this.#tellCounts();
      return;
    }
    const line = `${this.#label("batch", "cyan")} ${requestFile}: ${status}  ${progressText(progress)}`;
    this.#bounded(`batch ${status}`, line, (times) => this.#sum("batch", "cyan", status, times));
  }

  #tellCounts(): void {
    const now = this.#now();
    this.#countsToldAt ??= now;
    if (now - this.#countsToldAt < COUNTS_EVERY_MS) return;
    this.#countsToldAt = now;
    const waiting = this.#board.waiting();
    if (waiting.length === 0) return;
    const progress = { total: 0, completed: 0, failed: 0 };
    for (const one of waiting) {
      progress.total += one.progress.total;
      progress.completed += one.progress.completed;
      progress.failed += one.progress.failed;
    }
    const batches = countOf(waiting.length, "batch", "batches");
    this.#progress(`${this.#label("waiting", "cyan")} ${batches}: ${progressText(progress)}`);
  }

  /** How what other machines make stands: at the first look, and then every so often, where that has changed. */
  #tellElsewhere(): void {
    const [told, now] = [this.#elsewhereTold, this.#now()];
    const waiting = this.#board.elsewhere();
    const [first] = waiting;
    if (first === undefined || (told !== undefined && now - told.at < COUNTS_EVERY_MS)) return;
    const text = standingsText(waiting);
    if (text === told?.text) return;
    this.#elsewhereTold = { at: now, text };
    this.#progress(`${this.#label("waiting", "cyan")} ${first.executor}: ${text}`);
  }

  /** A build that is silent for long is at work all the same. */
  #tellStill(): void {
    const [longest, ...more] = this.#board.longRunning(PATIENCE_MS, this.#now());
    if (longest !== undefined) {
      const others = more.length === 0 ? "" : `, and ${count(more.length)} more`;
      this.#progress(`${this.#label("building", "cyan")} ${longest.target}  ${duration(longest.ms)} so far${others}`);
    }
    const next = longest === undefined ? PATIENCE_MS : STILL_EVERY_MS;
    this.#still = this.#board.finished === null ? setTimeout(() => this.#tellStill(), next).unref() : undefined;
  }

  #notice(level: "info" | "warning", message: string): void {
    if (level === "warning") this.#out.write(`${this.#style.yellow("warning:")} ${setIn(message)}\n`);
    else this.#progress(`note: ${setIn(message)}`);
  }

  /** What was left out line by line, in one line per stage; nothing when there is only that, as after a null build. */
  #finished(durationMs: number): void {
    const stages = this.#board.stages().map((stage) => this.#board.row(stage));
    if (stages.every(({ made }) => made === 0) && this.#verbosity !== "verbose") return;
    const rows = stages
      .filter(({ made, fresh }) => made + fresh > 0)
      .map(({ stage, made, fresh }) => [`  ${stage}`, `${count(made)} made`, `${count(fresh)} fresh`]);
    for (const line of columns(rows, [1, 2])) this.#progress(line);
    this.#progress(`  took ${duration(durationMs)}`);
  }

  #label(word: string, color: Color): string {
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
