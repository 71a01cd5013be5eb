import { file, made, type Pipeline, type Project, target } from "dsgen";
import pipeline from "dsgen/targets";

/**
 * Before the dataset: axes/topics.txt from topics.csv. A task takes its values with `axes: { topic: { file: axes/topics.txt } }`;
 * the requests, which would read a file of a person's, are made from the target instead.
 */
const withTopics: Pipeline<Project> = (project) => {
  const { targets, live } = pipeline(project);
  const topics = target({
    name: "axes/topics.txt",
    recipe: "targets/recipes/topics.ts",
    inputs: { table: file("topics.csv") },
  });
  const values = made("axes/topics.txt");
  const own = targets.map((each) =>
    each.inputs["axis topic"] === undefined ? each : { ...each, inputs: { ...each.inputs, "axis topic": values } },
  );
  return { targets: [topics, ...own], live };
};

export default withTopics;
