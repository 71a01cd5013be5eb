import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { EXPORTS, type ExportFormat } from "../config/export-formats.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { count } from "../report/format.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { type PushPlace, placeOf, pushFolder } from "./export-push.ts";
import { exportTargets } from "./goals.ts";
import { isMadeUp } from "./made-up.ts";
import { makeOfAnswers } from "./make-of-answers.ts";
import { untoldOf } from "./makers-word.ts";
import { choice, flag, type Given, text } from "./options.ts";
import type { GraphSession } from "./session.ts";

const takes = {
  to: choice("<FORMAT>", "what to make of the dataset (default: what `exports` lists)", EXPORTS),
  push: text("<hub:ORG/NAME>", "make the folder for the Hugging Face hub and put it there (HF_TOKEN)"),
  public: flag("with --push, a repository that is made for it may be seen by anybody"),
  simulated: flag("with --push, also where the answers are made up"),
};
type Asked = Given<typeof takes>;

/** `dsgen export`: other forms of the datasets, of the answers that are there. Asks for nothing. */
export const exportDataset = command({
  name: "export",
  about: "make a dataset's other forms: Parquet, CSV, a split, a folder for the hub",
  examples: [
    ["dsgen export --to parquet", "dataset.parquet, typed, with the manifest's digest inside"],
    ["dsgen export --to splits", "dataset.train.jsonl, .validation.jsonl and .test.jsonl"],
    ["dsgen export --to huggingface", "a folder with its card, Croissant description and parts"],
    ["dsgen export --push hub:our-lab/refusals", "that folder on the hub, private, in one commit"],
    ["dsgen export --task trivia --to csv", "another task's dataset, for a spreadsheet"],
  ],
  takes,
  run: (context, asked) => {
    const place = asked.push === undefined ? undefined : placeOf(asked.push, context.io.env);
    const misuse = misuseOf(asked) ?? (place?.ok === false ? place.error : undefined);
    if (misuse !== undefined) return Promise.resolve(context.refuse([misuse]));
    const to = place === undefined ? asked.to : "huggingface";
    return context.with("graph", "write", async (session) => {
      const made = await makeExports(context, session, to, place !== undefined);
      return made.ok && place?.ok ? pushExports(context, session, made.value, place.value, asked) : codeOf(made);
    });
  },
});

function misuseOf({ to, push, public: open, simulated }: Asked): Problem | undefined {
  if (push !== undefined && to !== undefined && to !== "huggingface")
    return {
      kind: "usage",
      where: `--to ${to}`,
      message: "what --push sends is the folder for the hub.",
      fix: "Leave it out.",
    };
  if (push === undefined && (open || simulated))
    return {
      kind: "usage",
      where: open ? "--public" : "--simulated",
      message: "it goes with --push.",
      fix: "Say where to.",
    };
  return undefined;
}

function codeOf(made: Result<unknown, ExitCode>): ExitCode {
  return made.ok ? EXIT.upToDate : made.error;
}

async function makeExports(
  context: CommandContext,
  session: GraphSession,
  to: ExportFormat | undefined,
  one: boolean,
): Promise<Result<readonly TargetName[], ExitCode>> {
  const { graph, config, projectRoot } = session;
  const wanted = context.common.task === undefined ? config.dsgen.default_tasks : [context.common.task];
  const tasks = config.tasks.filter(({ task_name }) => wanted.includes(task_name));
  const goals = tasks.flatMap(({ task_name, exports }) =>
    (to === undefined ? exports.formats : [to]).flatMap((format) => exportTargets(graph, format, [task_name])),
  );
  if (goals.length === 0) return err(context.refuse([nothingNamed(to)]));
  if (one && goals.length > 1) return err(context.refuse([severalTasks(wanted)]));
  const made = await makeOfAnswers(context, session, goals);
  if (!made.ok) return made;
  for (const task of tasks) {
    const untold = untoldOf(task);
    const isTold = to === "huggingface" || (to === undefined && task.exports.formats.includes("huggingface"));
    if (untold !== undefined && isTold) context.notice("info", "export", untold);
  }
  const files = goals.flatMap((goal) => {
    const state = made.value.get(goal) ?? "fresh";
    const outputs = graph.target(goal)?.outputs ?? [];
    const simulated = isMadeUp(session, goal);
    return outputs.map((file) => ({ file, bytes: statSync(join(projectRoot, file)).size, state, simulated }));
  });
  context.result(
    () =>
      files
        .map(({ file, bytes, state }) => {
          const asItWas = state === "fresh" ? ", as it was" : "";
          return `${file}  ${count(Math.ceil(bytes / 1000))} kB${asItWas}\n`;
        })
        .join(""),
    () => files.map((file) => ({ type: "exported", ...file })),
  );
  return ok(goals);
}

async function pushExports(
  context: CommandContext,
  session: GraphSession,
  [goal]: readonly TargetName[],
  place: PushPlace,
  asked: Asked,
): Promise<ExitCode> {
  const { graph, config, projectRoot, store } = session;
  const target = goal === undefined ? undefined : graph.target(goal);
  const task = config.tasks.find(({ task_name }) => task_name === target?.task);
  const dataset = task === undefined ? undefined : store.content.digest(join(projectRoot, task.output));
  if (target === undefined || dataset === undefined) throw new Error("a folder was made of no dataset");
  const simulated = isMadeUp(session, target.name);
  if (simulated && !asked.simulated) return context.refuse([madeUp()]);
  const folder = dirname(target.name);
  const done = await pushFolder(projectRoot, folder, target.outputs, dataset, place, asked.public, context.signal);
  if (!done.ok) {
    context.problems([done.error]);
    return context.signal.aborted ? EXIT.interrupted : EXIT.failed;
  }
  const { sent, commit, created, bytes } = done.value;
  const files = target.outputs.length;
  context.result(
    () => {
      const made = created ? `, in a repository that ${asked.public ? "anybody may see" : "is private"}` : "";
      const how = `${count(files)} files, ${count(Math.ceil(bytes / 1000))} kB`;
      return sent
        ? `hub:${place.repo}  ${how} sent in one commit${made}\n`
        : `hub:${place.repo}  has these ${how} already; nothing was sent\n`;
    },
    () => [{ type: "pushed-to-hub", repo: place.repo, sent, commit, created, files, bytes, simulated }],
  );
  return EXIT.upToDate;
}

function severalTasks(tasks: readonly string[]): Problem {
  const message = `a place holds one dataset, and ${tasks.length} tasks are meant: ${tasks.join(", ")}.`;
  return { kind: "usage", where: "--push", message, fix: "Name one with --task. Nothing was sent." };
}

function madeUp(): Problem {
  const message = "the dataset is SIMULATED: its answers are made up.";
  const trial = "For a trial, --simulated pushes it as it is, marked in its card and in each row.";
  return { kind: "usage", where: "--push", message, fix: `Build it with real answers. ${trial} Nothing was sent.` };
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
