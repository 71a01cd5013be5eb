import { made, type Pipeline, type Project, target } from "dsgen";
import pipeline from "dsgen/targets";

/** After the dataset: train.jsonl and test.jsonl, one scenario in five going to the test. */
const split: Pipeline<Project> = (project) => {
  const { targets, live } = pipeline(project);
  const parts = target({
    name: "train.jsonl",
    outputs: ["train.jsonl", "test.jsonl"],
    recipe: "targets/recipes/split.ts",
    inputs: { dataset: made("dataset.jsonl") },
  });
  return { targets: [...targets, parts], live };
};

export default split;
