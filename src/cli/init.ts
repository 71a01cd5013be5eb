import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { findProject, namesIn } from "../config/config-files.ts";
import { isTaskName, TASK_NAME_WORDS } from "../config/schema-task.ts";
import { nearestName } from "../graph/graph.ts";
import type { Problem } from "../graph/problem.ts";
import { columns } from "../report/format.ts";
import { command } from "./command.ts";
import { answerTo, dialogueOf } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { EXIT } from "./exit-codes.ts";
import { putDown, unfitName } from "./new.ts";
import { flag, list, optionalOperand, text } from "./options.ts";
import {
  BEGINNING,
  type Beginning,
  installedPackage,
  isWithin,
  KIND_NAMES,
  nameOf,
  PARTS,
  repoFile,
  settingsFiles,
  taskFiles,
} from "./starters.ts";
import { packageRoot } from "./surroundings.ts";

/** What is to be made, once whatever was not said is decided. */
interface Choices {
  /** Undefined where there are tasks already and no more was asked for. */
  readonly task: { readonly beginning: Beginning; readonly name: string } | undefined;
  readonly without: readonly string[];
}

/** `dsgen init`: makes a folder a project, or fits one into a repo. What is there is left, or added to once. */
export const init = command({
  name: "init",
  about: "make a project here: config, a first task, and what a repo needs for it",
  examples: [
    ["dsgen init", "a pairs task here, asking what it needs to know"],
    ["dsgen init my-data --from refusal --yes", "in a new folder, beginning with a task that dsgen comes with"],
  ],
  takes: {
    folder: optionalOperand("[FOLDER]", "where (default: here)"),
    ...BEGINNING,
    name: text("<NAME>", "what the first task is called (default: as what it begins with)"),
    without: list("<PARTS>", `leave these out: ${PARTS.join(", ")}`),
    yes: flag("ask nothing; without --kind it is pairs", "y"),
  },
  run: async (context, { folder, kind, from, name, without, yes }) => {
    const root = resolve(context.io.cwd, folder ?? ".");
    const configDir = join(root, "config");
    const unfit = name !== undefined && !isTaskName(name) ? unfitName(name, configDir) : undefined;
    const wrong = [...misplaced(context, root, folder), ...unknownParts(without ?? []), ...(unfit ? [unfit] : [])];
    if (wrong.length > 0) return context.refuse(wrong);
    const beginning = from !== undefined ? { from } : kind !== undefined ? { kind } : undefined;
    const asked = yes ? undefined : dialogueOf(context);
    const say = (text: string) => context.io.stderr.write(text);
    const person = { dialogue: asked, say, signal: context.signal };
    const choices = await choose(person, configDir, beginning, name, without);
    if (choices === undefined) return context.signal.aborted ? EXIT.interrupted : EXIT.upToDate;
    const { task } = choices;
    const first = task && taskFiles(root, configDir, task.beginning, task.name);
    const parts = PARTS.filter((part) => !choices.without.includes(part));
    mkdirSync(root, { recursive: true });
    const files = [
      ...settingsFiles(root),
      ...(first?.files ?? []),
      ...parts.map((part) => repoFile(root, part, first?.output)),
    ];
    return putDown(context, root, configDir, files, nextSteps(context.io.cwd, root, first?.task));
  },
});

/** Whoever can be asked; `dialogue` is undefined where nobody can. */
interface Person {
  readonly dialogue: ReturnType<typeof dialogueOf>;
  say(text: string): void;
  readonly signal: AbortSignal;
}

/** What was not said is asked of whoever is there, and else taken as it comes. Undefined: the person left. */
export async function choose(
  { dialogue, say, signal }: Person,
  configDir: string,
  beginning: Beginning | undefined,
  name: string | undefined,
  without: readonly string[] | undefined,
): Promise<Choices | undefined> {
  const hasTasks = namesIn(join(configDir, "tasks")).some((file) => file.endsWith(".yaml"));
  if (hasTasks && beginning === undefined && name === undefined) return { task: undefined, without: without ?? [] };
  const ask = async (question: string, usual: string, fault: (answer: string) => string | undefined) => {
    if (dialogue === undefined) return usual;
    for (;;) {
      const answer = await answerTo(dialogue, `${question} [${usual}]`, signal);
      if (answer === undefined) return undefined;
      const wrong = answer === "" ? undefined : fault(answer);
      if (wrong === undefined) return answer === "" ? usual : answer;
      say(`It must be ${wrong}.\n`);
    }
  };
  const kindAsked = beginning ?? (await ask(`What is it to make: ${KIND_NAMES.join(", ")}?`, "pairs", kindFault));
  if (kindAsked === undefined) return undefined;
  const begun = typeof kindAsked === "string" ? { kind: kindAsked } : kindAsked;
  const called = name ?? (await ask("What is it called?", nameOf(begun), nameFault));
  if (called === undefined) return undefined;
  const left = without ?? (await ask(`Leave out any of ${PARTS.join(", ")}?`, "none", partsFault));
  if (left === undefined) return undefined;
  return { task: { beginning: begun, name: called }, without: typeof left === "string" ? partsIn(left) : left };
}

function kindFault(answer: string): string | undefined {
  return KIND_NAMES.includes(answer) ? undefined : `one of ${KIND_NAMES.join(", ")}`;
}

function nameFault(answer: string): string | undefined {
  return isTaskName(answer) ? undefined : TASK_NAME_WORDS;
}

function partsFault(answer: string): string | undefined {
  return unknownParts(partsIn(answer)).length === 0 ? undefined : `none, or some of ${PARTS.join(", ")}`;
}

function partsIn(answer: string): readonly string[] {
  return answer === "none" ? [] : answer.split(/[\s,]+/);
}

function unknownParts(given: readonly string[]): Problem[] {
  return given
    .filter((part) => !PARTS.some((one) => one === part))
    .map((part) => {
      const near = nearestName(part, PARTS);
      const fix = near === undefined ? `Name some of ${PARTS.join(", ")}.` : `Did you mean ${near}?`;
      return { kind: "usage", where: `--without ${part}`, message: "there is no such part.", fix };
    });
}

/** A project inside another is made only where that is said. */
function misplaced({ common }: CommandContext, root: string, folder: string | undefined): Problem[] {
  if (common.configDir !== undefined) {
    const message = "a new project's configuration is its folder config/.";
    return [{ kind: "usage", where: "--config-dir", message, fix: "Leave it out; name the project's folder." }];
  }
  const above = folder === undefined ? findProject(dirname(root)) : undefined;
  if (above?.ok !== true || existsSync(join(root, "config"))) return [];
  const message = `it lies in the project ${above.value.root}.`;
  const fix = "Add a task there with dsgen new task NAME; or, for a project of its own, dsgen init .";
  return [{ kind: "usage", where: root, message, fix }];
}

function nextSteps(cwd: string, root: string, task: string | undefined): readonly string[] {
  const installed = installedPackage(root) !== undefined || isWithin(root, packageRoot());
  return [
    ...(resolve(root) === resolve(cwd) ? [] : [`cd ${root}`]),
    ...columns([
      ...(installed ? [] : [["npm install --save-dev dsgen", "dsgen itself is not installed here yet"]]),
      ["npx dsgen plan", "what would be made and paid; sends nothing"],
      ["npx dsgen build --wait", "without a key the answers are made up"],
    ]),
    ...(task === undefined ? [] : [`then edit ${task} and build again`]),
  ];
}
