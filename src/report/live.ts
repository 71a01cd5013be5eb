import type { BuildEvent } from "../events/schema.ts";
import type { TargetState } from "../graph/state.ts";
import { elsewhereText, farText } from "./elsewhere.ts";
import { expectedEnd, type YieldSoFar, yieldText } from "./expected-end.ts";
import { age, count, duration, fitted, money } from "./format.ts";
import { waitingText } from "./jobs.ts";
import { type Display, openDisplay, type Task } from "./live-display.ts";
import { memoryOutput, type Output } from "./output.ts";
import { askText } from "./plan.ts";
import type { Reporter } from "./reporter.ts";
import { shorten } from "./shorten.ts";
import { StageBoard, type StageRow, stageText } from "./stage-board.ts";
import type { Style } from "./style.ts";
import { textReporter } from "./text.ts";
import { printed } from "./visible.ts";

/** Rows that are no stage; no stage may be called so by accident, hence the blanks. */
const BATCHES = "on the provider";
const CLUSTER = "on the cluster";
const CLOCK = "the clock";
const END = "expected end";
const YIELD = "valid";
const TROUBLE = "trouble";
/** A file in any other state may be an earlier build's. */
const CURRENT: ReadonlySet<string> = new Set(["fresh", "built", "restored"] satisfies TargetState["state"][]);
const SHOWN_BATCHES = 12;
const SHOWN_STANDINGS = 4;
/** Ages and clocks grow while nothing happens. */
const REDRAW_MS = 1000;
/** What takes longer is shown, whatever it is. */
const PATIENCE_MS = 2000;

export interface LiveOptions {
  /** The terminal, standard error as a rule: results go to standard output. */
  readonly stream: NodeJS.WriteStream;
  readonly style: Style;
  /** Every stage that may come, in the order of the pipeline. */
  readonly stages: readonly string[];
  readonly now: () => number;
  /** How long batches of this project took that are over, in milliseconds. Asked once. */
  readonly history?: () => readonly number[];
  /** What these shards hold, which are as this build wants them. Asked when there is another. */
  readonly yielded?: (shards: ReadonlySet<string>) => YieldSoFar | undefined;
  /** US dollars of this project, null being unknown; undefined when nothing is paid. Asked when a batch has moved. */
  readonly spending?: () => { readonly spentUsd: number | null; readonly inFlightUsd: number | null };
}

/**
 * One line a stage, the batches that are waited for, and the clock, redrawn in place. Nothing is drawn, and nothing loaded,
 * until there is something to show: after a null build the terminal holds the result alone.
 */
export function liveReporter(options: LiveOptions): Reporter {
  return new LiveReporter(options);
}

class LiveReporter implements Reporter {
  readonly #options: LiveOptions;
  readonly #board: StageBoard;
  /** Warnings and problems: a redrawn display would overwrite them, so they come when it has ended. */
  #kept = memoryOutput();
  readonly #text: Reporter;
  #display: Display | undefined;
  #opening: Promise<void> | undefined;
  #redraw: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #spending: ReturnType<NonNullable<LiveOptions["spending"]>> | undefined;
  readonly #shards = new Set<string>();
  #yield: YieldSoFar | undefined;
  #history: readonly number[] | undefined;
  /** What keeps the provider from being looked at, since when. */
  #trouble: { readonly message: string; readonly since: number } | undefined;
  #paused = false;
  #closed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    const kept: Output = { ...memoryOutput(), write: (text) => this.#kept.write(text) };
    this.#board = new StageBoard(options.stages);
    this.#text = textReporter(kept, options.style, "quiet", options.now);
  }

  event(event: BuildEvent): void {
    this.#text.event(event);
    this.#board.event(event, this.#options.now());
    if (event.type === "asking") this.#tellCost(event);
    if (event.type === "job" || event.type === "asked") this.#spending = this.#options.spending?.();
    if (event.type === "target" && event.stage === "validation" && CURRENT.has(event.state.state)) {
      this.#shards.add(event.target);
      this.#yield = this.#options.yielded?.(this.#shards);
    }
    if (event.type === "notice" && event.code === "poll")
      this.#trouble ??= { message: event.message, since: this.#options.now() };
    if (event.type === "job" || (event.type === "notice" && event.code === "poll-again")) this.#trouble = undefined;
    if (this.#opening === undefined) this.#tellKept();
    if (!this.#board.active) this.#patience ??= setTimeout(() => this.#show(), PATIENCE_MS).unref();
    else this.#show();
  }

  #show(): void {
    if (this.#closed || this.#paused) return;
    this.#opening ??= this.#open();
    this.#draw();
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.#opening;
    for (const row of this.#display?.rows.values() ?? []) row.title = "";
    await this.#end();
    this.#paused = false;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#text.close();
    await this.#end();
  }

  /** Ends the display; the next event begins another below. */
  async #end(): Promise<void> {
    await this.#opening;
    clearInterval(this.#redraw);
    clearTimeout(this.#patience);
    this.#patience = undefined;
    if (!this.#paused) this.#draw(true);
    await this.#display?.finish();
    this.#display = undefined;
    this.#opening = undefined;
    this.#tellKept();
  }

  /** What is about to be sent and what it may cost stays on the terminal, above the display. */
  #tellCost(event: Extract<BuildEvent, { type: "asking" }>): void {
    this.#kept.write(`${askText(event)}\n`);
  }

  #tellKept(): void {
    const kept = this.#kept.text();
    this.#kept = memoryOutput();
    const { stream } = this.#options;
    if (kept !== "") stream.write(printed(fitted(kept, stream.columns ?? 80)));
  }

  async #open(): Promise<void> {
    const display = await openDisplay(
      [...this.#options.stages, BATCHES, CLUSTER, END, YIELD, TROUBLE, CLOCK],
      this.#options.stream,
    );
    this.#display = display;
    this.#redraw = setInterval(() => this.#draw(), REDRAW_MS);
    this.#redraw.unref();
    this.#draw();
  }

  #draw(last = false): void {
    const display = this.#display;
    if (display === undefined) return;
    const width = Math.max(BATCHES.length, ...this.#board.stages().map((stage) => stage.length));
    const { style, stream, now } = this.#options;
    const long = last ? [] : this.#board.longRunning(PATIENCE_MS, now());
    for (const stage of this.#board.stages()) {
      const row = display.rows.get(stage);
      if (row === undefined) continue;
      const standing = this.#board.row(stage);
      const longest = long.find((one) => one.stage === stage);
      const since = longest === undefined ? "" : `: ${longest.target} ${age(longest.ms)}`;
      const text = shorten(`${stageText(standing, width)}${since}`, (stream.columns ?? 80) - 2, style.marks.ellipsis);
      row.title = printed(`${this.#markOf(standing)} ${text}`);
    }
    this.#drawBatches(display.rows.get(BATCHES), width);
    this.#drawFar(display.rows.get(CLUSTER), width, last);
    this.#drawFacts(display.rows, width);
    const clock = display.rows.get(CLOCK);
    if (clock !== undefined) clock.title = last ? "" : this.#clockText();
  }

  /** A check mark only at the end of a build that came to its goals: until then there may be more to a stage. */
  #markOf({ running, failed, refused }: StageRow): string {
    const { marks, red, green, yellow } = this.#options.style;
    if (failed > 0) return red(marks.failed);
    if (refused > 0) return yellow(marks.warning);
    if (running > 0) return yellow(marks.waiting);
    return this.#board.finished === "up-to-date" ? green(marks.done) : "-";
  }

  #drawBatches(row: Task | undefined, width: number): void {
    const { total, over, requests, answered } = this.#board.jobs();
    if (row === undefined || total === 0) return;
    const { style, stream, now } = this.#options;
    const mark = over === total ? style.green(style.marks.done) : style.yellow(style.marks.waiting);
    const standing = `${count(over)}/${count(total)} batches over, ${count(answered)}/${count(requests)} answered`;
    row.title = printed(`${mark} ${BATCHES.padEnd(width)}  ${standing}`);
    const waiting = this.#board.waiting();
    // Beside the other rows, and those of a cluster.
    const others = 6 + (this.#board.far(now()) === undefined ? 0 : SHOWN_STANDINGS + 2);
    const room = Math.max(1, Math.min(SHOWN_BATCHES, (stream.rows ?? 24) - this.#board.stages().length - others));
    this.#list(row, waitingText(waiting.slice(0, room), now()), waiting.length - room);
  }

  /** What other machines make: how far they are, and below it how it stands, by job. */
  #drawFar(row: Task | undefined, width: number, last: boolean): void {
    const { style, now } = this.#options;
    const far = this.#board.far(now());
    if (row === undefined || far === undefined) return;
    const over = far.waiting.length === 0;
    const mark = over ? style.green(style.marks.done) : style.yellow(style.marks.waiting);
    row.title = printed(`${mark} ${CLUSTER.padEnd(width)}  ${farText(far)}`);
    const lines = last
      ? []
      : elsewhereText(far.waiting, now(), SHOWN_STANDINGS)
          .split("\n")
          .filter((line) => line !== "");
    this.#list(row, lines.slice(0, SHOWN_STANDINGS).join("\n"), lines.length - SHOWN_STANDINGS);
  }

  /** Lines below a row, and how many there are besides. */
  #list(row: Task, text: string, besides: number): void {
    const { style, stream } = this.#options;
    const columns = Math.max(20, (stream.columns ?? 80) - 8);
    const lines = text.split("\n").map((line) => line.trim());
    const shown = [...lines.filter((line) => line !== ""), ...(besides > 0 ? [`and ${count(besides)} more`] : [])];
    row.output = shown.map((line) => shorten(line, columns, style.marks.ellipsis)).join("\n");
  }

  #drawFacts(rows: Display["rows"], width: number): void {
    const { style, now } = this.#options;
    const yields = rows.get(YIELD);
    if (yields !== undefined && this.#yield !== undefined)
      yields.title = printed(`- ${YIELD.padEnd(width)}  ${yieldText(this.#yield)}`);
    const end = rows.get(END);
    this.#history ??= this.#options.history?.() ?? [];
    const range = expectedEnd(this.#board.waiting(), this.#history, now());
    if (end !== undefined) end.title = range === undefined ? "" : printed(`- ${END.padEnd(width)}  ${range}`);
    const trouble = rows.get(TROUBLE);
    if (trouble === undefined) return;
    const since = this.#trouble === undefined ? "" : age(now() - this.#trouble.since);
    trouble.title =
      this.#trouble === undefined
        ? ""
        : printed(
            `${style.yellow(style.marks.warning)} out of reach for ${since}: ${this.#trouble.message.replace(/^\S+: /, "")}`,
          );
  }

  /** `12 min 3 s; next look in 42 s; spent $1.20, in flight at most $3.40`. */
  #clockText(): string {
    const { startedAt, nextLookAt } = this.#board;
    const now = this.#options.now();
    const elapsed = now - (startedAt ?? now);
    const parts = [elapsed < 60_000 ? age(elapsed) : duration(elapsed)];
    const where = this.#board.waiting().length === 0 && this.#board.elsewhere().length > 0 ? "cluster" : "provider";
    if (nextLookAt !== null)
      parts.push(nextLookAt > now ? `next look in ${age(nextLookAt - now + 999)}` : `looking at the ${where}`);
    if (this.#spending !== undefined) {
      const { spentUsd, inFlightUsd } = this.#spending;
      parts.push(`spent ${money(spentUsd)}, in flight at most ${money(inFlightUsd)}`);
    }
    return parts.join("; ");
  }
}
