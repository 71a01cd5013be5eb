import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { modelEntry } from "../config/model-name.ts";
import type { ProjectConfig, TaskConfig } from "../config/project-config.ts";
import type { DoctorLine } from "../report/doctor-schema.ts";
import { count, countOf } from "../report/format.ts";
import { openContent } from "../store/content.ts";
import { storePaths } from "../store/layout.ts";
import { axisOfFile, combinationCount } from "../tasks/axes.ts";
import { compilationOf, type Encoder } from "../tokenizers/encoder.ts";
import { Tokenizers } from "../tokenizers/tokenizers.ts";
import type { CommandContext } from "./context.ts";
import { fault, git, looked, ok, type Patient, skipped, wrong } from "./doctor-finding.ts";
import { failingExamples, isHeldToTokens } from "./examples.ts";
import { encodersOf } from "./tokenizers.ts";

/* What `dsgen doctor` finds in the tasks: their models, tokenizers, examples and requests. */

type About = DoctorLine["about"];

/** What is wrong with the tasks, or could not be looked at. */
export async function tasksLines(patient: Patient): Promise<readonly DoctorLine[]> {
  return [
    ...(await looked("models", () => ofTasks("models", patient, models))),
    ...(await tokens(patient)),
    ...(await looked("requests", () => ofTasks("requests", patient, requests))),
  ];
}

/** What is asked of the tasks: nothing, while the config cannot be read whole. */
async function ofTasks(
  about: About,
  { context, root, read }: Patient,
  look: (tasks: readonly TaskConfig[], config: ProjectConfig, root: string) => Promise<readonly DoctorLine[]>,
): Promise<readonly DoctorLine[]> {
  if (read.whole === undefined) return [skipped(about, "not looked at: the config is to be mended first")];
  const { task } = context.common;
  const tasks = read.whole.tasks.filter(({ task_name }) => task === undefined || task_name === task);
  return look(tasks, read.whole, root);
}

async function models(
  tasks: readonly TaskConfig[],
  config: ProjectConfig,
  root: string,
): Promise<readonly DoctorLine[]> {
  const named = new Map(tasks.map(({ model, task_name }) => [model, task_name]));
  const known = Object.keys(config.models);
  const lines = [...named]
    .filter(([model]) => modelEntry(model, known) === undefined)
    .map(([model, task]) => {
      const message = `${model} (task ${task}) is not in models.yaml: what it costs is unknown.`;
      return fault("models", message, "Add its prices to models.yaml, or correct the name.");
    });
  const file = config.files.find(({ path }) => path.endsWith("models.yaml"))?.path;
  if (lines.length > 0 || file === undefined) return lines;
  return [ok("models", `${[...named.keys()].join(", ")}; prices as last changed on ${await changed(root, file)}`)];
}

/** The day of a file's last change: by git where it is as committed, else by its time. */
async function changed(root: string, file: string): Promise<string> {
  const clean = (await git(root, "diff", "--quiet", "HEAD", "--", file))?.code === 0;
  const day = clean ? (await git(root, "log", "-1", "--format=%cs", "--", file))?.stdout.trim() : "";
  return day || statSync(file).mtime.toISOString().slice(0, 10);
}

/** Tokenizers, and the examples that are held to them. */
async function tokens(patient: Patient): Promise<readonly DoctorLine[]> {
  const { context, root, cacheDir } = patient;
  const encoders = new Map<string, Encoder>();
  const loaded = await ofTasks("tokenizers", patient, async (tasks, config) => {
    const tokenizers = new Tokenizers({
      projectRoot: root,
      tokenizers: config.tokenizers,
      content: openContent(root, new Map()),
      tables: { folder: storePaths(cacheDir, root).tables, writable: false },
      environment: context.io.env,
    });
    const lines: DoctorLine[] = [];
    for (const name of new Set(tasks.flatMap((task) => task.tokenizers)))
      for (const line of await looked("tokenizers", () => tokenizer(name, tokenizers, context, encoders)))
        lines.push(line);
    return lines.length > 0 ? lines : [ok("tokenizers", "no task needs one")];
  });
  const examples = await ofTasks("examples", patient, async (tasks) => {
    const lines = tasks.filter(isHeldToTokens).flatMap((task) => examplesOf(task, encoders));
    return lines.length > 0 ? lines : [ok("examples", "none is held to a check of tokens")];
  });
  return [...loaded, ...examples];
}

async function tokenizer(
  name: string,
  tokenizers: Tokenizers,
  context: CommandContext,
  encoders: Map<string, Encoder>,
): Promise<readonly DoctorLine[]> {
  const missing = await tokenizers.prepare([name], (_, label) =>
    context.notice("info", "fetch-tokenizer", `fetching the tokenizer ${label}`),
  );
  if (missing.length > 0) return missing.map((problem) => wrong("tokenizers", problem));
  const opened = await encodersOf(tokenizers, [name]);
  if (!opened.ok) return opened.error.map((problem) => wrong("tokenizers", problem));
  for (const encoder of opened.value) encoders.set(name, encoder);
  if (encoders.get(name)?.compiled !== undefined) return [ok("tokenizers", `${name} is run by tables, which is fast`)];
  const located = tokenizers.locate(name);
  const compilation = located.ok ? compilationOf(located.value.folder) : undefined;
  const why = compilation?.ok === false ? compilation.why : "its tables cannot be made";
  return [ok("tokenizers", `${name} is run by its library, which is slow: ${why}`)];
}

function examplesOf(task: TaskConfig, encoders: ReadonlyMap<string, Encoder>): readonly DoctorLine[] {
  const missing = task.tokenizers.filter((name) => !encoders.has(name));
  if (missing.length > 0)
    return [skipped("examples", `${task.task_name}: not tried, for want of ${missing.join(", ")}`)];
  const failing = failingExamples(
    task,
    task.tokenizers.flatMap((name) => encoders.get(name) ?? []),
  );
  if (failing.length > 0)
    return failing.map((message) => fault("examples", `${message}.`, "Change the example, or leave it out."));
  return [ok("examples", `${task.task_name}: ${countOf(task.examples.length, "example")}, which pass its checks`)];
}

/** Requests that ask word for word the same: samples of one answer, which are worth their price only where answers vary. */
async function requests(
  tasks: readonly TaskConfig[],
  _config: ProjectConfig,
  root: string,
): Promise<readonly DoctorLine[]> {
  return tasks.map((task) => {
    const { task_name: name, sampling } = task;
    if (sampling === null) return skipped("requests", `${name}: its requests or texts come from files`);
    const all = task.max_batches * task.requests_per_batch;
    const axes = task.axes.map((axis) =>
      "values" in axis
        ? axis
        : axisOfFile(axis.axis, axis.file, readFileSync(join(root, axis.file), "utf8").split("\n")),
    );
    const different = sampling.seed === undefined ? Math.min(all, combinationCount(axes)) : all;
    const some = different === 1 ? "all alike" : `${count(different)} different`;
    const alike = different === all ? "no two alike" : some;
    const said = `${name}: ${countOf(all, "request")}, ${alike}`;
    if (different === all || (sampling.temperature !== 0 && sampling.top_p !== 0)) return ok("requests", said);
    const fix =
      "Give the task `axes` or a `seed`, or a temperature above 0: the rest are answered alike, and paid for.";
    return fault("requests", `${said}; and nothing varies the answers.`, fix);
  });
}
