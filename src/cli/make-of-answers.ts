import { partialAnswers, storedAnswers } from "../batch/partial.ts";
import { build } from "../engine/build.ts";
import type { TargetName } from "../graph/names.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { StateName } from "../graph/state.ts";
import { waitingText } from "../report/jobs.ts";
import { groupProblems } from "../report/problems.ts";
import { textReporter } from "../report/text.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, EXIT_OF_OUTCOME, type ExitCode } from "./exit-codes.ts";
import type { GraphSession } from "./session.ts";

/**
 * Makes targets of the answers that are there and asks for none.
 * @param partial what is still under way is done without
 * @returns how each goal ended; or the exit code, why they are not all there having been told
 */
export async function makeOfAnswers(
  context: CommandContext,
  session: GraphSession,
  goals: readonly TargetName[],
  partial = false,
): Promise<Result<ReadonlyMap<TargetName, StateName>, ExitCode>> {
  const { io, signal, emit, errStyle, verbosity } = context;
  const engine = await session.engine(goals, emit, signal);
  if (!engine.ok) return err(context.refuse(engine.error));
  const reporter = textReporter(io.stderr, errStyle, verbosity === "verbose" ? "verbose" : "quiet", io.now, []);
  const { outcome, standings } = await build(goals, {
    ...engine.value,
    answers: partial ? partialAnswers(session.answers) : storedAnswers(session.answers),
    emit: (event) => reporter.event(event),
  });
  await reporter.close();
  const states = [...standings.values()].map(({ state }) => state);
  const problems = groupProblems(states.flatMap((state) => (state.state === "failed" ? [state.problem] : [])));
  if (problems.length > 0) {
    context.problems(problems.map(({ problem }) => problem));
    return err(EXIT.failed);
  }
  const waiting = states.flatMap((state) => (state.state === "waiting" ? state.on : []));
  if (waiting.length > 0) {
    const head = `${goals.join(", ")} waits for answers. \`dsgen build\` takes in what has come;\n`;
    const rest = "`dsgen report --partial` shows what is there already:\n";
    io.stderr.write(`${head}${rest}${waitingText(waiting, io.now())}`);
    return err(EXIT_OF_OUTCOME[outcome]);
  }
  if (outcome !== "up-to-date") return err(EXIT_OF_OUTCOME[outcome]);
  return ok(new Map(goals.map((goal) => [goal, standings.get(goal)?.state.state ?? "fresh"])));
}
