import { defineRecipe } from "dsgen";

/** A scenario's rows stay together: a pair whose halves are in both parts would be no test. */
export default defineRecipe(async (context) => {
  const [train, test] = [context.output(0), context.output(1)];
  for await (const line of context.file("dataset").lines()) {
    const { scenario_id }: { scenario_id: number } = JSON.parse(line);
    await (scenario_id % 5 === 4 ? test : train).write(`${line}\n`);
  }
});
