import { kindOf, name, type Project, type Target, type TaskConfig, target, value } from "../src/index.ts";
import { manifestFile } from "./manifest.ts";
import { enoughShards } from "./shards.ts";

/** `dataset.jsonl`: the first `target_scenarios` valid, distinct scenarios, as rows. */
export function datasetTarget(task: TaskConfig, project: Project): Target {
  const at = `tasks/${task.task_name}`;
  return target({
    name: name(task.output),
    recipe: "dsgen/recipes/assemble-dataset",
    stage: "dataset",
    task: task.task_name,
    companions: [manifestFile(task)],
    inputs: {
      ...enoughShards(task, project, { shards: "shards", summaries: "summaries" }),
      task: value(task.task_name, `${at}.task_name`),
      names: value({ kind: task.kind, fields: task.fields }, `${at}.${kindOf(task).namesAt}`),
      target_scenarios: value(task.target_scenarios, `${at}.target_scenarios`),
      dedupe: value(task.dedupe, `${at}.dedupe`),
      on_short: value(task.on_short, `${at}.on_short`),
      ...kindOf(task).inputs.dataset(task),
    },
  });
}
