import type { BuildEvent } from "../events/schema.ts";
import type { Output } from "./output.ts";
import type { ResultLine } from "./result-schema.ts";

/** How much a person wants to see: `--quiet` keeps problems and warnings, `--verbose` names every target. */
export type Verbosity = "quiet" | "normal" | "verbose";

/** Follows one build. Everything that is shown while it runs comes through here. */
export interface Reporter {
  event(event: BuildEvent): void;
  /** Makes room for something else on the terminal; what comes next is shown below it. */
  pause(): Promise<void>;
  /** Ends the display; what it held back is written. Safe to call twice. */
  close(): Promise<void>;
}

/** Every reporter gets every event. */
export function allReporters(reporters: readonly Reporter[]): Reporter {
  return {
    event: (event) => {
      for (const reporter of reporters) reporter.event(event);
    },
    pause: async () => {
      for (const reporter of reporters) await reporter.pause();
    },
    close: async () => {
      for (const reporter of reporters) await reporter.close();
    },
  };
}

/** `--json`: each event is one line of JSON, and nothing else is written there (docs/events.md). */
export function jsonReporter(out: Output): Reporter {
  return {
    event: (event) => writeLine(out, event),
    pause: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** One line under `--json`. */
export function writeLine(out: Output, line: ResultLine | BuildEvent): void {
  out.write(`${JSON.stringify(line)}\n`);
}
