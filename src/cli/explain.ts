import type { Graph } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import { explainText, explain as explanation } from "../report/explain.ts";
import { tracedJobText, traceText } from "../report/trace.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { operand } from "./options.ts";
import { numbered } from "./pairs-file.ts";
import { planGoals } from "./plan.ts";
import type { GraphSession } from "./session.ts";
import { jobNamed, requestNamed, Tracer } from "./trace.ts";

/** `dsgen explain TARGET`: why it is fresh, or what changed. Asks nothing and makes nothing. */
export const explain = command({
  name: "explain",
  about: "say why a target is stale, or where a row, request or job comes from",
  examples: [
    ["dsgen explain dataset.jsonl", "why it is made again, down to the line of a prompt that changed"],
    ["dsgen explain dataset.jsonl#42", "scenario 42: its request, batch, answer, checks and tokens"],
    ["dsgen explain dataset.jsonl#42 --verbose", "the same, with the whole prompt and every token"],
  ],
  takes: {
    target: {
      ...operand("<TARGET>", "a file that dsgen makes, FILE#N (a scenario, or a line), a request or a job"),
      names: "targets" as const,
    },
  },
  run: (context, { target }) =>
    context.with("graph", "read", async (session) => {
      const traced = await explainOther(context, session, target);
      if (traced !== undefined) return traced;
      const goals = session.goals([target]);
      if (!goals.ok) return context.refuse(goals.error);
      const [live] = goals.value.flatMap((goal) => session.graph.liveTarget(goal) ?? []);
      // A view has no state of its own: what can be explained is the request files it speaks of.
      const names = live === undefined ? goals.value : live.requests;
      // A request file itself is free: what it costs is told by what is made of its answers.
      const askedBy = (name: TargetName) => askersOf(name, session.graph);
      const planned = await planGoals(context, session, [...names, ...names.flatMap(askedBy)]);
      if (context.signal.aborted) return EXIT.interrupted;
      if (!planned.ok) return context.refuse(planned.error);
      const explanations = names.flatMap((name) => explanation(name, planned.value, askedBy(name)) ?? []);
      const { columns } = context.io.stdout;
      const view = live === undefined ? "" : `${live.name}: a view of the batch jobs, written anew by every build.\n`;
      context.result(
        () => view + explainText(explanations, context.io.now(), columns, context.style),
        () => explanations,
      );
      return EXIT.upToDate;
    }),
});

/** What is no target: a row, a line, a job, a request. Undefined for anything else, which a target may be. */
async function explainOther(
  context: CommandContext,
  session: GraphSession,
  name: string,
): Promise<ExitCode | undefined> {
  const { io, style, verbosity } = context;
  const page = { width: io.stdout.columns, style, full: verbosity === "verbose" };
  const job = jobNamed(name, session);
  if (job !== undefined) {
    const cameTo = { jobId: job.jobId, ...session.answers.cameTo(job.jobId) };
    context.result(
      () => tracedJobText(job, cameTo, io.now(), page),
      () => [job, { type: "trace", of: name, row: null, candidates: [], request: null, job: cameTo }],
    );
    return EXIT.upToDate;
  }
  const line = numbered(name);
  const id = requestNamed(name);
  const tracer = new Tracer(context, session);
  const goals = line === undefined || session.graph.target(name) !== undefined ? undefined : session.goals([line.file]);
  if (goals?.ok === false) return context.refuse(goals.error);
  const [goal] = goals?.value ?? [];
  const traced =
    goal !== undefined && line !== undefined
      ? await tracer.line(name, goal, line.number)
      : id === undefined
        ? undefined
        : await tracer.request(name, id);
  if (traced?.ok === false) return context.refuse(traced.error);
  if (traced === undefined) return undefined;
  context.result(
    () => traceText(traced.value, page),
    () => [traced.value],
  );
  return EXIT.upToDate;
}

/** The targets that are made of the answers to this one's requests. */
function askersOf(requests: TargetName, graph: Graph): readonly TargetName[] {
  return graph.targets.flatMap(({ name, gate }) => (gate?.requests === requests ? [name] : []));
}
