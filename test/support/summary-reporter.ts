import { stripVTControlCharacters } from "node:util";
import type { Reporter, TestCase, TestModule } from "vitest/node";

/** Of a failed test's message: enough to see what differed, where only the end of an output is kept. */
const SHOWN_LINES = 30;

/** Ends the run with what failed and why, in short, and one plain line that any CI can read. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let passed = 0;
    let failed = 0;
    let skipped = 0;
    for (const module of modules) {
      if (module.errors().length > 0) failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed++;
        else if (state === "failed") failed++;
        else skipped++;
        if (state === "failed") process.stdout.write(`\n${whyFailed(test)}\n`);
      }
    }
    process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
  }
}

function whyFailed(test: TestCase): string {
  const errors = (test.result().errors ?? []).map(({ message, diff }) => {
    const text = stripVTControlCharacters(diff ?? message);
    const lines = text.split("\n").filter((line) => diff === undefined || /^\s*[-+] /.test(line));
    return [message.split("\n")[0] ?? "", ...lines.slice(0, SHOWN_LINES)].map((line) => `  ${line}`).join("\n");
  });
  return [`failed: ${test.module.relativeModuleId} > ${test.fullName}`, ...errors].join("\n");
}
