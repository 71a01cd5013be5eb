import {
  kindOf,
  made,
  name,
  type Project,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  tokenizer,
  value,
} from "../src/index.ts";
import { datasetCounts, scenarioSources } from "./sources.ts";

export function manifestFile(task: TaskConfig): TargetName {
  return name(task.output.replace(/\.jsonl$/, ".manifest.json"));
}

/** `dataset.manifest.json`: what the dataset is made of, what it cost, and where each scenario came from. */
export function manifestTarget(task: TaskConfig, project: Project): Target {
  const at = `tasks/${task.task_name}`;
  const { model, sampling } = task;
  const asked = { ...kindOf(task).asked(task), axes: task.axes, requests_from: task.requests_from ?? null };
  return target({
    name: manifestFile(task),
    recipe: "dsgen/recipes/write-manifest",
    stage: "dataset",
    task: task.task_name,
    inputs: {
      dataset: made(task.output),
      sources: made(scenarioSources(task)),
      counts: made(datasetCounts(task)),
      task: value(task.task_name, `${at}.task_name`),
      output: value(task.output, `${at}.output`),
      names: value({ kind: task.kind, fields: task.fields }, `${at}.${kindOf(task).namesAt}`),
      dedupe: value(task.dedupe, `${at}.dedupe`),
      model: value({ name: model, sampling }, `${at}.model`),
      prompt: value(asked, at),
      provider: value(project.provider, "provider"),
      dsgen: value(project.dsgen_version, "dsgen version"),
      tokenizers: value(task.tokenizers, `${at}.tokenizers`),
      ...Object.fromEntries(task.tokenizers.map((of) => [`tokenizer ${of}`, tokenizer(of)])),
    },
  });
}
