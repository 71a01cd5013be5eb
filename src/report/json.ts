import type { BuildEvent } from "../events/schema.ts";
import type { Output } from "./output.ts";
import type { Reporter } from "./reporter.ts";
import type { ResultLine } from "./result-schema.ts";

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
