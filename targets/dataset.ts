import { name, recipe, type Target, type TaskConfig, target, value } from "../src/index.ts";
import { manifestFile } from "./manifest.ts";
import { enoughShards, shardFile, templatesOf } from "./shards.ts";

/** `dataset.jsonl`: the first `target_scenarios` valid, distinct scenarios, four rows each. */
export function datasetTarget(task: TaskConfig): Target {
  const at = `tasks/${task.task_name}`;
  return target({
    name: name(task.output),
    recipe: recipe("dsgen/recipes/assemble-dataset"),
    stage: "dataset",
    task: task.task_name,
    companions: [manifestFile(task)],
    inputs: {
      shards: enoughShards(task, (i) => [shardFile(task, i)]),
      task: value(task.task_name, `${at}.task_name`),
      pair: value(task.pair, `${at}.pair`),
      templates: value(templatesOf(task), `${at}.templates`),
      target_scenarios: value(task.target_scenarios, `${at}.target_scenarios`),
      dedupe: value(task.dedupe, `${at}.dedupe`),
      on_short: value(task.on_short, `${at}.on_short`),
    },
  });
}
