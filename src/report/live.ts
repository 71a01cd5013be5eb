import type { ListrDefaultRendererTaskOptions, ListrTaskWrapper } from "listr2";
import type { BuildEvent } from "../engine/events.ts";
import { waitingText } from "./jobs.ts";
import { memoryOutput, type Output } from "./output.ts";
import type { Reporter, Verbosity } from "./reporter.ts";
import { shorten } from "./shorten.ts";
import { StageBoard, stageText } from "./stage-board.ts";
import type { Style } from "./style.ts";
import { textReporter } from "./text.ts";

/** The row under which batches are shown; no stage may be called so by accident, hence the blank. */
const BATCHES = "on the provider";
const SHOWN_BATCHES = 12;

export interface LiveOptions {
  /** The terminal, standard error as a rule: results go to standard output. */
  readonly stream: NodeJS.WriteStream;
  readonly style: Style;
  readonly verbosity: Verbosity;
  /** Every stage that may come, in the order of the pipeline. */
  readonly stages: readonly string[];
  readonly now: () => number;
}

/**
 * One line a stage and the batches that are waited for, redrawn in place. Nothing is drawn, and nothing loaded, until there
 * is something to show: after a null build the terminal holds the result alone.
 */
export function liveReporter(options: LiveOptions): Reporter {
  return new LiveReporter(options);
}

type Task = ListrTaskWrapper<unknown, typeof import("listr2").DefaultRenderer, typeof import("listr2").SimpleRenderer>;

interface Display {
  readonly rows: ReadonlyMap<string, Task>;
  finish(): Promise<void>;
}

class LiveReporter implements Reporter {
  readonly #options: LiveOptions;
  readonly #board = new StageBoard();
  /** Warnings and problems: a redrawn display would overwrite them, so they come when it has ended. */
  #kept = memoryOutput();
  readonly #text: Reporter;
  #display: Display | undefined;
  #opening: Promise<void> | undefined;
  #closed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    const kept: Output = { ...memoryOutput(), write: (text) => this.#kept.write(text) };
    this.#text = textReporter(kept, options.style, "quiet");
  }

  event(event: BuildEvent): void {
    this.#text.event(event);
    this.#board.event(event, this.#options.now());
    if (this.#opening === undefined) this.#tellKept();
    if (this.#closed || !this.#board.active) return;
    this.#opening ??= this.#open();
    this.#draw();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#opening;
    await this.#display?.finish();
    this.#tellKept();
  }

  #tellKept(): void {
    const kept = this.#kept.text();
    this.#kept = memoryOutput();
    if (kept !== "") this.#options.stream.write(kept);
  }

  async #open(): Promise<void> {
    const display = await openDisplay([...this.#options.stages, BATCHES], this.#options.stream);
    this.#display = display;
    this.#draw();
  }

  #draw(): void {
    const display = this.#display;
    if (display === undefined) return;
    const width = Math.max(BATCHES.length, ...this.#board.stages().map((stage) => stage.length));
    for (const stage of this.#board.stages()) {
      const row = display.rows.get(stage);
      if (row !== undefined) row.title = stageText(this.#board.row(stage), width);
    }
    this.#drawBatches(display.rows.get(BATCHES), width);
  }

  #drawBatches(row: Task | undefined, width: number): void {
    const { total, over } = this.#board.jobs();
    if (row === undefined || total === 0) return;
    row.title = `${BATCHES.padEnd(width)}  ${over}/${total}  batches`;
    const waiting = this.#board.waiting();
    const columns = Math.max(20, (this.#options.stream.columns ?? 80) - 8);
    const lines = waitingText(waiting.slice(0, SHOWN_BATCHES), this.#options.now()).split("\n");
    const more = waiting.length > SHOWN_BATCHES ? [`and ${waiting.length - SHOWN_BATCHES} more`] : [];
    const shown = [...lines.map((line) => line.trim()).filter((line) => line !== ""), ...more];
    row.output = shown.map((line) => shorten(line, columns, this.#options.style.marks.ellipsis)).join("\n");
  }
}

/** A listr2 list whose tasks end when the build does; a task without a title yet takes no line. */
async function openDisplay(stages: readonly string[], stream: NodeJS.WriteStream): Promise<Display> {
  const { DefaultRenderer, Listr, ListrLogger, ProcessOutput } = await import("listr2");
  /** listr2 asks whether standard *output* is a terminal; this display goes to another stream, which is one. */
  class StreamRenderer extends DefaultRenderer {
    static override nonTTY = true;
  }
  const rows = new Map<string, Task>();
  let start: () => void = () => undefined;
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const rendererOptions: ListrDefaultRendererTaskOptions = { outputBar: 1, bottomBar: false, persistentOutput: false };
  const list = new Listr<unknown, typeof StreamRenderer, "simple">(
    stages.map((stage) => ({
      title: "",
      rendererOptions,
      task: async (_context, task) => {
        rows.set(stage, task);
        if (rows.size === stages.length) start();
        await finished;
      },
    })),
    {
      concurrent: true,
      renderer: StreamRenderer,
      rendererOptions: {
        formatOutput: "truncate",
        logger: new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(stream, stream) }),
      },
      // Ctrl-C is ours: listr2 would end the process while answers are being written.
      registerSignalListeners: false,
    },
  );
  const running = list.run();
  // A build may be over before listr2 has begun: its last state is still to be shown.
  await started;
  return {
    rows,
    finish: async () => {
      finish();
      await running;
    },
  };
}
