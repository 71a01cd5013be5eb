import {
  EXPORTS,
  type ExportFormat,
  made,
  name,
  type Project,
  type Target,
  type TargetName,
  type TaskConfig,
  type TokenizerConfig,
  target,
  value,
} from "../src/index.ts";
import { manifestFile } from "./manifest.ts";

/** Other forms of a dataset: `dataset.parquet` and so on, each made of the dataset and its manifest. */
export function exportTargets(task: TaskConfig, project: Project): readonly Target[] {
  // A partial dataset is for its maker to look at.
  if (project.partial === true) return [];
  return EXPORTS.map((format) => exportTarget(task, project, format));
}

function exportTarget(task: TaskConfig, project: Project, format: ExportFormat): Target {
  const file = (ending: string): TargetName => name(task.output.replace(/\.jsonl$/, ending));
  const { seed, validation, test } = task.exports;
  const common = {
    stage: "export",
    task: task.task_name,
    inputs: { dataset: made(task.output), manifest: made(manifestFile(task)) },
  };
  const split = value({ seed, validation, test }, `tasks/${task.task_name}.exports`);
  switch (format) {
    case "parquet":
      return target({ ...common, name: file(".parquet"), recipe: "dsgen/recipes/export-parquet" });
    case "csv":
      return target({ ...common, name: file(".csv"), recipe: "dsgen/recipes/export-csv" });
    case "splits":
      return target({
        ...common,
        name: file(".train.jsonl"),
        outputs: [file(".train.jsonl"), file(".validation.jsonl"), file(".test.jsonl")],
        recipe: "dsgen/recipes/export-splits",
        inputs: { ...common.inputs, split },
      });
    case "huggingface": {
      const inFolder = (path: string): TargetName => file(`.huggingface/${path}`);
      const outputs = [
        ...["README.md", "croissant.json"],
        ...["data/train.parquet", "data/validation.parquet", "data/test.parquet"],
      ].map(inFolder);
      return target({
        ...common,
        name: inFolder("README.md"),
        outputs,
        recipe: "dsgen/recipes/export-huggingface",
        inputs: { ...common.inputs, split, about: value(aboutOf(task, project), `tasks/${task.task_name}.exports`) },
      });
    }
  }
}

/** What a card tells that is not in the manifest. */
function aboutOf({ description, exports, tokenizers }: TaskConfig, project: Project) {
  const { license = null, creator = null, url = null, published = null } = exports;
  const sources = tokenizers.map((of) => [of, sourceOf(project.tokenizers[of]?.source)]);
  return { description, license, creator, url, published, tokenizers: Object.fromEntries(sources) };
}

function sourceOf(source: TokenizerConfig["source"] | undefined): string {
  switch (source?.kind) {
    case "npm":
      return source.package;
    case "hub":
      return source.repo;
    case "folder":
      return "a folder of the project";
    case undefined:
      return "unknown";
  }
}
