import type { Output } from "./output.ts";
import type { Reporter } from "./reporter.ts";
import type { ResultLine } from "./result-line.ts";

/** `--json`: each event is one line of JSON, and nothing else is written there (docs/events.md). */
export function jsonReporter(out: Output): Reporter {
  return {
    event: (event) => out.write(`${JSON.stringify(event)}\n`),
    pause: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** One line of a command's result under `--json`. */
export function writeLine(out: Output, line: ResultLine): void {
  out.write(`${JSON.stringify(line)}\n`);
}
