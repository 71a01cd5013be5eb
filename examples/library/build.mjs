// Plans, builds and reads a dataset from a program. Run it in a project: node build.mjs trivia.jsonl
import { openProject, ProjectError } from "dsgen";

const [target = "dataset.jsonl"] = process.argv.slice(2);
try {
  const project = await openProject();
  const { total } = await project.plan([target]);
  process.stdout.write(`would send ${total.requests} requests for about ${total.costUsd ?? "unknown"} dollars\n`);
  for await (const event of project.build([target], { wait: true, maxCost: 5 })) {
    if (event.type === "job") process.stdout.write(`${event.requestFile}: ${event.status}\n`);
    if (event.type === "build-finished") process.stdout.write(`${event.outcome}\n`);
  }
  let rows = 0;
  for await (const _row of project.readDataset(target)) rows++;
  const manifest = await project.readManifest(target);
  const { jobs } = await project.status();
  process.stdout.write(`${rows} rows of ${manifest.dataset.file}, from ${jobs.length} batch jobs\n`);
} catch (error) {
  if (!(error instanceof ProjectError)) throw error;
  for (const { where, message, fix = "" } of error.problems) process.stderr.write(`${where}: ${message} ${fix}\n`);
  process.exitCode = 1;
}
