import {
  made,
  name,
  type Project,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  tokenizer,
  tool,
  value,
} from "../src/index.ts";
import { manifestFile } from "./manifest.ts";
import { enoughShards } from "./shards.ts";

/** `report.html`: the datasets of the default tasks to look at. Where there are several tasks, each has a page of its own too. */
export function reportTargets(project: Project): readonly Target[] {
  const { tasks, dsgen } = project;
  const whole = tasks.filter(({ task_name }) => dsgen.default_tasks.includes(task_name));
  const own = tasks.length > 1 ? tasks.map((task) => reportTarget(reportFile(task), [task], project)) : [];
  const file = name(
    project.partial === true ? dsgen.paths.report.replace(/html$/, "partial.html") : dsgen.paths.report,
  );
  return whole.length === 0 ? own : [reportTarget(file, whole, project), ...own];
}

/** `dataset.report.html` for the task whose dataset is `dataset.jsonl`. */
function reportFile(task: TaskConfig): TargetName {
  return name(task.output.replace(/\.jsonl$/, ".report.html"));
}

/** A page about some tasks: made of what their datasets are made of, of their batch jobs, and of the graph. */
function reportTarget(file: TargetName, tasks: readonly TaskConfig[], project: Project): Target {
  const about = tasks.map(({ task_name, kind, fields, dedupe, template_order, templates }) => ({
    ...{ task: task_name, names: { kind, fields }, dedupe },
    variants: template_order.map((of) => ({ name: of, prefix: "", suffix: "", ...templates[of] })),
  }));
  const tokenizers = [...new Set(tasks.flatMap((task) => task.tokenizers))];
  return target({
    name: file,
    recipe: "dsgen/recipes/write-report",
    stage: "report",
    ...(tasks.length === 1 && tasks[0] !== undefined ? { task: tasks[0].task_name } : {}),
    inputs: {
      tasks: value(about, "tasks"),
      graph: tool("graph", file),
      ...Object.fromEntries(
        tasks.flatMap((task) => [
          [`manifest ${task.task_name}`, made(manifestFile(task))],
          ...Object.entries(
            enoughShards(task, project, {
              [`shards ${task.task_name}`]: "shards",
              [`summaries ${task.task_name}`]: "summaries",
            }),
          ),
          [`jobs ${task.task_name}`, tool("jobs", task.task_name)],
        ]),
      ),
      ...Object.fromEntries(tokenizers.map((of) => [`tokenizer ${of}`, tokenizer(of)])),
    },
  });
}
