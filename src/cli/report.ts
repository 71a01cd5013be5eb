import { statSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../graph/problem.ts";
import { count } from "../report/format.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { isMadeUp } from "./made-up.ts";
import { makeOfAnswers } from "./make-of-answers.ts";
import { flag } from "./options.ts";
import type { GraphSession } from "./session.ts";

/** `dsgen report`: makes the page about the default tasks, or about one, of the answers that are there. Asks for nothing. */
export const report = command({
  name: "report",
  about: "make report.html, a page to look at, of the answers that are there",
  examples: [
    ["dsgen report", "report.html, when the answers are in"],
    ["dsgen report --partial", "a page of what is there while batches are under way"],
  ],
  takes: { partial: flag("make report.partial.html of dataset.partial.jsonl, whatever is still under way") },
  run: (context, { partial }) =>
    context.with("graph", "write", (session) => makeReport(context, session, partial), { partial }),
});

async function makeReport(context: CommandContext, session: GraphSession, partial: boolean): Promise<ExitCode> {
  const { common } = context;
  const page = session.graph.targets.find(
    ({ recipe, task }) =>
      recipe === "dsgen/recipes/write-report" && (common.task === undefined || task === common.task),
  );
  if (page === undefined) return context.refuse([noPage(common.task)]);
  const made = await makeOfAnswers(context, session, [page.name], partial);
  if (!made.ok) return made.error;
  const { size } = statSync(join(session.projectRoot, page.name));
  const state = made.value.get(page.name) ?? "fresh";
  context.result(
    () => `${page.name}  ${count(Math.ceil(size / 1000))} kB${state === "fresh" ? ", as it was" : ""}\n`,
    () => [{ type: "report", file: page.name, bytes: size, state, simulated: isMadeUp(session, page.name) }],
  );
  return EXIT.upToDate;
}

function noPage(task: string | undefined): Problem {
  return {
    kind: "usage",
    where: task === undefined ? "dsgen report" : `--task ${task}`,
    message: "no target makes a page about it.",
    fix: "The targets of this project are its own: give one of them this recipe: dsgen/recipes/write-report.",
  };
}
