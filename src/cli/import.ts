import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type ImportReport, importFiles, importFolder } from "../batch/import.ts";
import type { Problem } from "../graph/problem.ts";
import { err, type Result } from "../graph/result.ts";
import { countOf } from "../report/format.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { type Given, optionalOperand, several, text } from "./options.ts";
import type { JobsSession } from "./session.ts";
import { writeViews } from "./views.ts";

const takes = {
  folder: optionalOperand("[FOLDER]", "where scripts left requests/<task> and batch_outputs/<task>"),
  input: several("<FILE>", "a Batch API input file (repeatable)"),
  output: several("<FILE>", "a downloaded output file that answers one (repeatable)"),
  fromNamespace: text("<NAME>", "answers in this cache of the same provider under another address or organisation"),
};

type Asked = Given<typeof takes>;

/**
 * `dsgen import`: takes in answers that were paid for elsewhere, from a folder made by hand-run scripts or from a
 * downloaded output file and its input file. Never changes what it imports from.
 */
export const importAnswers = command({
  name: "import",
  about: "take in answers that were paid for elsewhere",
  examples: [
    ["dsgen import ../old-scripts", "a folder with requests/ and batch_outputs/"],
    ["dsgen import --input request_batch0.jsonl --output output_batch0.jsonl", "two files that belong together"],
  ],
  takes,
  run: async (context, asked) => {
    const misuse = misuseOf(asked);
    if (misuse !== undefined) return context.refuse([misuse]);
    // Imported answers are real ones, whether or not a key is set now.
    const real = { realWithoutKey: true };
    return context.with("jobs", "write", (session) => runImport(context, session, asked), real);
  },
});

function misuseOf({ folder, input, output, fromNamespace }: Asked): Problem | undefined {
  const files = input.length > 0 || output.length > 0;
  const both = input.length > 0 && output.length > 0;
  const sources = [folder !== undefined, files, fromNamespace !== undefined].filter(Boolean).length;
  if (sources === 1 && (both || !files)) return undefined;
  return {
    kind: "usage",
    where: "dsgen import",
    message: "it takes one of these: a folder, at least one --output with the --input it answers, or --from-namespace.",
    fix: "For example: dsgen import ../old-scripts, or dsgen import --input request_batch0.jsonl --output output_batch0.jsonl.",
  };
}

const NOT_SIMULATED: Problem = {
  kind: "usage",
  where: "dsgen import",
  message: "imported answers are real ones, and the provider asked for is the simulator.",
  fix: "Leave out --provider simulator (and provider: simulator in config/dsgen.yaml); no key is needed. Nothing was imported.",
};

async function runImport(context: CommandContext, session: JobsSession, asked: Asked): Promise<ExitCode> {
  if (session.simulated) return context.refuse([NOT_SIMULATED]);
  if (asked.fromNamespace !== undefined) return takeFromNamespace(context, session, asked.fromNamespace);
  const report = await take(context, session, asked);
  if (!report.ok) return context.refuse([report.error], EXIT.usage);
  session.answers.ledger.settle();
  await writeViews(session, context.emit);
  for (const note of report.value.notes) context.notice("warning", "import", note);
  context.result(
    () => importText(report.value),
    () => [{ type: "imported", ...report.value }],
  );
  const nothing = whyNothing(report.value, asked);
  return nothing === undefined ? EXIT.upToDate : context.refuse([nothing], EXIT.failed);
}

function takeFromNamespace(context: CommandContext, session: JobsSession, from: string): ExitCode {
  const report = session.answers.others.takeOver(from);
  if (!report.ok) return context.refuse([report.error], EXIT.usage);
  const { namespace } = session.answers;
  const { taken, known, simulated } = report.value;
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
  { folder, input, output }: Asked,
): Promise<Result<ImportReport, Problem>> {
  const ports = session.answers.importPorts(context.signal);
  const here = (path: string) => resolve(context.io.cwd, path);
  const paths = [...(folder === undefined ? [] : [folder]), ...input, ...output];
  const missing = paths.find((path) => !existsSync(here(path)));
  if (missing !== undefined) {
    return err({
      kind: "missing-input",
      where: missing,
      message: "there is no such file or folder.",
      fix: "Correct the path; nothing was imported.",
    });
  }
  if (folder === undefined) return importFiles(input.map(here), output.map(here), ports);
  const task = context.common.task ?? (session.taskNames.length === 1 ? session.taskNames[0] : undefined);
  const chosen = task ?? session.settings.dsgen.default_tasks[0];
  if (chosen === undefined) {
    return err({
      kind: "usage",
      where: "dsgen import",
      message: "there are several tasks, and none was named.",
      fix: "Say --task NAME.",
    });
  }
  return importFolder(here(folder), chosen, ports);
}

/** The problem that an import in vain is, with everything that it found instead; undefined when it was not in vain. */
function whyNothing(report: ImportReport, { folder, output }: Asked): Problem | undefined {
  if (report.taken + report.known + report.adopted.length + report.watched > 0) return undefined;
  const unplaced = Object.values(report.unplaced).reduce((sum, lines) => sum + lines, 0);
  const found = [
    report.outputs === 0 ? "there is no output file" : "",
    report.simulated > 0 ? `${countOf(report.simulated, "answer")} simulated` : "",
    report.failed > 0 ? `${countOf(report.failed, "line")} of error` : "",
    unplaced > 0 ? `${countOf(unplaced, "line")} for requests that are not in the input files` : "",
    report.notes.length > 0 ? "what the warnings above say" : "",
  ].filter((part) => part !== "");
  return {
    kind: "missing-input",
    where: folder ?? output.join(", "),
    message: `nothing was imported: ${found.length === 0 ? "the output files are empty" : found.join("; ")}.`,
    fix: "Name the input files whose requests the outputs answer, and outputs of the real provider.",
  };
}

function importText(report: ImportReport): string {
  const lines = [
    `${countOf(report.taken, "answer")} taken, ${countOf(report.known, "answer")} here already, of ${countOf(report.requests, "request")}.`,
    report.failed > 0 ? `${countOf(report.failed, "error line")}: nothing to take; a build asks these again.` : "",
    simulatedText(report.simulated).trimEnd(),
    ...report.adopted.map((batch) => `batch ${batch} is still running and is watched from now on.`),
    ...Object.entries(report.unplaced).map(
      ([file, count]) => `${file}: ${countOf(count, "line")} answer none of the requests; not taken.`,
    ),
    report.taken + report.known > 0 ? REUSE : "",
  ];
  return lines.map((line) => (line === "" ? "" : `${line}\n`)).join("");
}

const REUSE =
  "A task that asks exactly these requests pays for none of them. For requests as they are in files, see requests_from in docs/config.md.";
