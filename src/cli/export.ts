import { statSync } from "node:fs";
import { join } from "node:path";
import { EXPORTS, type ExportFormat } from "../config/export-formats.ts";
import { count } from "../report/format.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { exportTargets } from "./goals.ts";
import { makeOfAnswers } from "./make-of-answers.ts";
import { choice } from "./options.ts";
import type { GraphSession } from "./session.ts";

const takes = { to: choice("<FORMAT>", "what to make of the dataset (default: what `exports` lists)", EXPORTS) };

/** `dsgen export`: other forms of the datasets, of the answers that are there. Asks for nothing. */
export const exportDataset = command({
  name: "export",
  about: "make a dataset's other forms: Parquet, CSV, a split, a folder for the hub",
  examples: [
    ["dsgen export --to parquet", "dataset.parquet, typed, with the manifest's digest inside"],
    ["dsgen export --to splits", "dataset.train.jsonl, .validation.jsonl and .test.jsonl"],
    ["dsgen export --to huggingface", "a folder with its card, Croissant description and parts"],
    ["dsgen export --task trivia --to csv", "another task's dataset, for a spreadsheet"],
  ],
  takes,
  run: (context, { to }) => context.with("graph", "write", (session) => makeExports(context, session, to)),
});

async function makeExports(
  context: CommandContext,
  session: GraphSession,
  to: ExportFormat | undefined,
): Promise<ExitCode> {
  const { graph, config, projectRoot, simulated } = session;
  const wanted = context.common.task === undefined ? config.dsgen.default_tasks : [context.common.task];
  const tasks = config.tasks.filter(({ task_name }) => wanted.includes(task_name));
  const goals = tasks.flatMap(({ task_name, exports }) =>
    (to === undefined ? exports.formats : [to]).flatMap((format) => exportTargets(graph, format, [task_name])),
  );
  if (goals.length === 0) return context.refuse([nothingNamed(to)]);
  const made = await makeOfAnswers(context, session, goals);
  if (!made.ok) return made.error;
  const files = goals.flatMap((goal) => {
    const state = made.value.get(goal) ?? "fresh";
    const outputs = graph.target(goal)?.outputs ?? [];
    return outputs.map((file) => ({ file, bytes: statSync(join(projectRoot, file)).size, state }));
  });
  context.result(
    () =>
      files
        .map(({ file, bytes, state }) => {
          const asItWas = state === "fresh" ? ", as it was" : "";
          return `${file}  ${count(Math.ceil(bytes / 1000))} kB${asItWas}\n`;
        })
        .join(""),
    () => files.map((file) => ({ type: "exported", ...file, simulated })),
  );
  return EXIT.upToDate;
}

function nothingNamed(to: ExportFormat | undefined) {
  const own = `The targets of this project are its own: give one of them this recipe: dsgen/recipes/export-${to}.`;
  return {
    kind: "usage" as const,
    where: to === undefined ? "dsgen export" : `--to ${to}`,
    message: to === undefined ? "no task lists a format under `exports`." : "no target makes it.",
    fix: to === undefined ? `Name one: --to ${EXPORTS.join(", --to ")}.` : own,
  };
}
