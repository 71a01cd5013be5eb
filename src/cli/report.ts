import { statSync } from "node:fs";
import { join } from "node:path";
import { partialAnswers, storedAnswers } from "../batch/partial.ts";
import { build } from "../engine/build.ts";
import type { Problem } from "../graph/problem.ts";
import { count } from "../report/format.ts";
import { waitingText } from "../report/jobs.ts";
import { groupProblems } from "../report/problems.ts";
import { textReporter } from "../report/text.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, EXIT_OF_OUTCOME, type ExitCode } from "./exit-codes.ts";
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
  const { io, common, signal, emit, errStyle, verbosity } = context;
  const page = session.graph.targets.find(
    ({ recipe, task }) =>
      recipe === "dsgen/recipes/write-report" && (common.task === undefined || task === common.task),
  );
  if (page === undefined) return context.refuse([noPage(common.task)]);
  const engine = await session.engine([page.name], emit, signal);
  if (!engine.ok) return context.refuse(engine.error);
  const reporter = textReporter(io.stderr, errStyle, verbosity === "verbose" ? "verbose" : "quiet", io.now, []);
  const { outcome, standings } = await build([page.name], {
    ...engine.value,
    answers: partial ? partialAnswers(session.answers) : storedAnswers(session.answers),
    emit: (event) => reporter.event(event),
  });
  await reporter.close();
  const states = [...standings.values()].map(({ state }) => state);
  const problems = groupProblems(states.flatMap((state) => (state.state === "failed" ? [state.problem] : [])));
  if (problems.length > 0) {
    context.problems(problems.map(({ problem }) => problem));
    return EXIT.failed;
  }
  const waiting = states.flatMap((state) => (state.state === "waiting" ? state.on : []));
  if (waiting.length > 0) {
    const head = `${page.name} waits for answers. \`dsgen build\` takes in what has come;\n`;
    const rest = "`dsgen report --partial` shows what is there already:\n";
    io.stderr.write(`${head}${rest}${waitingText(waiting, io.now())}`);
    return EXIT_OF_OUTCOME[outcome];
  }
  if (outcome !== "up-to-date") return EXIT_OF_OUTCOME[outcome];
  const { size } = statSync(join(session.projectRoot, page.name));
  const { state } = standings.get(page.name)?.state ?? { state: "fresh" };
  context.result(
    () => `${page.name}  ${count(Math.ceil(size / 1000))} kB${state === "fresh" ? ", as it was" : ""}\n`,
    () => [{ type: "report", file: page.name, bytes: size, state, simulated: session.simulated }],
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
