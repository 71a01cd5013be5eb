import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type ImportReport, importFiles, importFolder } from "../batch/import.ts";
import type { TakenOver } from "../batch/other-namespaces.ts";
import type { Problem } from "../graph/problem.ts";
import { err, type Result } from "../graph/result.ts";
import { countOf } from "../report/format.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";
import type { JobsSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * `dsgen import`: takes in answers that were paid for elsewhere, from a folder made by hand-run scripts or from a
 * downloaded output file and its input file. Never changes what it imports from.
 */
export async function runImport(context: CommandContext, asked: InvocationOf<"import">): Promise<ExitCode> {
  const end = (code: ExitCode, problem: Problem | undefined): ExitCode => {
    if (problem !== undefined) context.problems([problem]);
    return problem === undefined ? EXIT.upToDate : code;
  };
  const misuse = misuseOf(asked);
  if (misuse !== undefined) return end(EXIT.usage, misuse);
  // Imported answers are real ones, whether or not a key is set now.
  const opened = await context.open("jobs", "write", { command: "dsgen import", realWithoutKey: true });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    if (session.simulated) return end(EXIT.usage, SIMULATED);
    if (asked.fromNamespace !== undefined) {
      const report = session.answers.others.takeOver(asked.fromNamespace);
      return report.ok ? tellTakenOver(context, session, report.value) : end(EXIT.usage, report.error);
    }
    const imported = await take(context, session, asked);
    if (!imported.ok) return end(EXIT.usage, imported.error);
    const report = imported.value;
    session.answers.ledger.settle();
    await writeViews(session, context.emit);
    for (const message of report.notes) context.emit({ type: "notice", level: "warning", code: "import", message });
    context.result(
      () => importText(report),
      () => [{ type: "imported", ...report }],
    );
    return end(EXIT.failed, whyNothing(report, asked));
  } finally {
    await session.close();
  }
}

const SIMULATED: Problem = {
  kind: "usage",
  where: "dsgen import",
  message: "imported answers are real ones, and the provider asked for is the simulator.",
  fix: "Leave out --provider simulator (and provider: simulator in config/dsgen.yaml); no key is needed. Nothing was imported.",
};

function misuseOf(asked: InvocationOf<"import">): Problem | undefined {
  const files = asked.inputs.length > 0 || asked.outputs.length > 0;
  const both = asked.inputs.length > 0 && asked.outputs.length > 0;
  const sources = [asked.folder !== undefined, files, asked.fromNamespace !== undefined].filter(Boolean).length;
  if (sources === 1 && (both || !files)) return undefined;
  return {
    kind: "usage",
    where: "dsgen import",
    message: "it takes one of these: a folder, at least one --output with the --input it answers, or --from-namespace.",
    fix: "For example: dsgen import ../old-scripts, or dsgen import --input request_batch0.jsonl --output output_batch0.jsonl.",
  };
}

function tellTakenOver(context: CommandContext, session: JobsSession, report: TakenOver): ExitCode {
  const { namespace } = session.answers;
  const { namespace: from, taken, known, simulated } = report;
  context.result(
    () =>
      `${countOf(taken, "answer")} of ${from} taken over, ${countOf(known, "answer")} here already. They count as answers of ${namespace} from now on; nothing was asked or paid.\n${simulatedText(simulated)}`,
    () => [{ type: "taken-over", from, namespace, taken, known, simulated }],
  );
  return taken + known > 0 ? EXIT.upToDate : EXIT.failed;
}

function simulatedText(simulated: number): string {
  if (simulated === 0) return "";
  return `${countOf(simulated, "simulated answer")} not taken: made-up answers are never taken for real ones.\n`;
}

async function take(
  context: CommandContext,
  session: JobsSession,
  { folder, inputs, outputs }: InvocationOf<"import">,
): Promise<Result<ImportReport, Problem>> {
  const ports = session.answers.importPorts(context.signal);
  const here = (path: string) => resolve(context.io.cwd, path);
  const missing = [...(folder === undefined ? [] : [folder]), ...inputs, ...outputs].find(
    (at) => !existsSync(here(at)),
  );
  if (missing !== undefined) {
    return err({
      kind: "missing-input",
      where: missing,
      message: "there is no such file or folder.",
      fix: "Correct the path; nothing was imported.",
    });
  }
  if (folder === undefined) return importFiles(inputs.map(here), outputs.map(here), ports);
  const [only, ...others] = session.taskNames;
  const task = context.common.task ?? (others.length === 0 ? only : undefined);
  const chosen = task ?? session.settings.dsgen.default_tasks[0];
  if (chosen !== undefined) return importFolder(here(folder), chosen, ports);
  return err({
    kind: "usage",
    where: "dsgen import",
    message: "there are several tasks, and none was named.",
    fix: "Say --task NAME.",
  });
}

/** The problem that an import in vain is, with everything that it found instead; undefined when it was not in vain. */
function whyNothing(report: ImportReport, asked: InvocationOf<"import">): Problem | undefined {
  if (report.taken + report.known + report.adopted.length + report.watched > 0) return undefined;
  const unplaced = Object.values(report.unplaced).reduce((sum, lines) => sum + lines, 0);
  const found = [
    ...(report.outputs === 0 ? ["there is no output file"] : []),
    ...(report.simulated > 0 ? [`${countOf(report.simulated, "answer")} simulated`] : []),
    ...(report.failed > 0 ? [`${countOf(report.failed, "line")} of error`] : []),
    ...(unplaced > 0 ? [`${countOf(unplaced, "line")} for requests that are not in the input files`] : []),
    ...(report.notes.length > 0 ? ["what the warnings above say"] : []),
  ];
  return {
    kind: "missing-input",
    where: asked.folder ?? asked.outputs.join(", "),
    message: `nothing was imported: ${found.length === 0 ? "the output files are empty" : found.join("; ")}.`,
    fix: "Name the input files whose requests the outputs answer, and outputs of the real provider.",
  };
}

function importText({ adopted, failed, known, requests, simulated, taken, unplaced }: ImportReport): string {
  const lines = [
    `${countOf(taken, "answer")} taken, ${countOf(known, "answer")} here already, of ${countOf(requests, "request")}.\n`,
    failed === 0 ? "" : `${countOf(failed, "error line")}: nothing to take; a build asks these again.\n`,
    simulatedText(simulated),
    ...adopted.map((batch) => `batch ${batch} is still running and is watched from now on.\n`),
    ...Object.entries(unplaced).map(
      ([file, count]) => `${file}: ${countOf(count, "line")} answer none of the requests; not taken.\n`,
    ),
    taken + known === 0 ? "" : REUSE,
  ];
  return lines.join("");
}

const REUSE =
  "A task that asks exactly these requests pays for none of them. For requests as they are in files, see requests_from in docs/config.md.\n";
