import { existsSync } from "node:fs";
import { join } from "node:path";
import { findProject } from "../config/config-files.ts";
import { loadConfig } from "../config/load.ts";
import { isTaskName, TASK_NAME_WORDS } from "../config/schema-task.ts";
import { problemOfSystem } from "../engine/blocked-path.ts";
import type { Problem } from "../graph/problem.ts";
import { putText } from "../report/put.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { operand } from "./options.ts";
import { type Given, type Put, putFile } from "./put-file.ts";
import { BEGINNING, ignoredOutput, taskFiles } from "./starters.ts";

/** `dsgen new task NAME`: one more dataset in a project. */
export const newTask = command({
  name: "new",
  about: "add a task to the project: one more dataset",
  examples: [["dsgen new task capitals --kind records", "config/tasks/capitals.yaml, to fill in"]],
  takes: {
    what: { ...operand("<task>", "the word `task`"), choices: ["task"] },
    name: operand("<NAME>", "what it is called, and its file"),
    ...BEGINNING,
  },
  run: async (context, { what, name, kind = "pairs", from }) => {
    if (what !== "task") return context.refuse([notATask(what)]);
    const found = findProject(context.io.cwd, context.common.configDir);
    if (!found.ok) return context.refuse([found.error]);
    const { root, configDir } = found.value;
    const unfit = unfitName(name, configDir);
    if (unfit !== undefined) return context.refuse([unfit]);
    const { files, output, task } = taskFiles(root, configDir, from === undefined ? { kind } : { from }, name);
    if (existsSync(join(root, ".gitignore"))) {
      files.push({ file: ".gitignore", text: ignoredOutput(output), as: "lines" });
    }
    return putDown(context, root, configDir, files, [`edit ${task}`, `npx dsgen build --wait ${output}`]);
  },
});

function notATask(what: string): Problem {
  const message = `what can be made new is a task; found ${JSON.stringify(what)}.`;
  return { kind: "usage", where: "dsgen new", message, fix: "Write dsgen new task NAME." };
}

/** Why a new task cannot be called so, or undefined. */
export function unfitName(name: string, configDir: string): Problem | undefined {
  const where = `task ${name}`;
  if (!isTaskName(name)) {
    const message = `its name must be ${TASK_NAME_WORDS}; found ${JSON.stringify(name)}.`;
    return { kind: "usage", where, message, fix: "Choose another name." };
  }
  if (!existsSync(join(configDir, "tasks", `${name}.yaml`))) return undefined;
  const message = `its file must be a new one; found ${join(configDir, "tasks", `${name}.yaml`)}.`;
  return { kind: "usage", where, message, fix: "Choose another name, or edit that file." };
}

/**
 * Puts files down, says of each what became of it, and reads the config as a build will. What was put down before something
 * failed stays, and the next run leaves it as it is.
 * @param next what to do now, a line each
 */
export function putDown(
  context: CommandContext,
  root: string,
  configDir: string,
  files: readonly Given[],
  next: readonly string[],
): ExitCode {
  const done: Put[] = [];
  const problems: Problem[] = [];
  for (const given of files) {
    try {
      done.push(putFile(root, given));
    } catch (error) {
      const problem = problemOfSystem(error, given.file);
      if (problem === undefined) throw error;
      problems.push(problem);
      break;
    }
  }
  if (problems.length === 0) {
    const read = loadConfig({ root, configDir, sets: [] });
    if (!read.ok) for (const problem of read.error) problems.push(problem);
  }
  context.result(
    () => putText(done, problems.length > 0 ? [] : next),
    () => done.map((one) => ({ type: "put", ...one })),
  );
  if (problems.length === 0) return EXIT.upToDate;
  return context.refuse(problems, EXIT.failed);
}
