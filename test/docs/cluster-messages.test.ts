import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Try } from "../../src/executors/slurm/array-book.ts";
import { problemOfTry } from "../../src/executors/slurm/task-end.ts";
import { TASK_ENDS } from "../../src/executors/slurm/task-state.ts";
import { REPOSITORY } from "../scenes/support/shipped.ts";

/* docs/cluster.md, "When something goes wrong": what it quotes is what dsgen says, and whatever a task may come to is there. */

const page = readFileSync(join(REPOSITORY, "docs/cluster.md"), "utf8").split("## When something goes wrong\n")[1] ?? "";
const quoted = [...page.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, words = ""]) => words),
);
const SLURMS_OWN = /^pending \(|^\(/;

test("every message that is quoted is one that the code has", () => {
  const folders = ["src/executors", "src/executors/slurm"].map((folder) => join(REPOSITORY, folder));
  const files = folders.flatMap((folder) =>
    readdirSync(folder).flatMap((name) => (name.endsWith(".ts") ? [join(folder, name)] : [])),
  );
  const code = [...files, join(REPOSITORY, "src/cli/cancel.ts")].map((path) => readFileSync(path, "utf8")).join("\n");
  const plain = code.replace(/there is no \$\{program\} here/, "there is no sbatch here");
  expect(quoted.length).toBeGreaterThan(20);
  expect(quoted.filter((words) => !SLURMS_OWN.test(words) && !plain.includes(words))).toEqual([]);
});

test.each(TASK_ENDS)("what a person is told of a task that ended so is on the page: %s", (end) => {
  const array = { id: "0", slurm: "7", resources: {} } as unknown as Try["array"];
  const { message } = problemOfTry("a", { array, task: 0, end, node: "n1", fast: false, done: 0 }, 1, "/nowhere");
  expect(quoted.filter((words) => message.includes(words))).toHaveLength(1);
});
