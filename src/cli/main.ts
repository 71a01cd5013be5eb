import { CommanderError } from "commander";
import { problemOfSystem } from "../engine/blocked-path.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { styleFor } from "../report/style.ts";
import { type Command, commandName, createProgram } from "./command.ts";
import { CommandContext, type Io, tellProblems } from "./context.ts";
import { EXIT, type ExitCode, exitCodeOfProblem } from "./exit-codes.ts";
import type { SessionOpeners } from "./session.ts";
import { packageVersion } from "./surroundings.ts";

/** Every command, in the order of the help; loaded when it is the one that is run. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import("./init.ts")).init,
  new: async () => (await import("./new.ts")).newTask,
  build: async () => (await import("./build.ts")).build,
  plan: async () => (await import("./plan.ts")).plan,
  status: async () => (await import("./status.ts")).status,
  explain: async () => (await import("./explain.ts")).explain,
  tokenize: async () => (await import("./tokenize.ts")).tokenize,
  graph: async () => (await import("./graph.ts")).graph,
  validate: async () => (await import("./validate.ts")).validate,
  inspect: async () => (await import("./inspect.ts")).inspect,
  simulate: async () => (await import("./simulate.ts")).simulate,
  clean: async () => (await import("./clean.ts")).clean,
  report: async () => (await import("./report.ts")).report,
  export: async () => (await import("./export.ts")).exportDataset,
  cost: async () => (await import("./cost.ts")).cost,
  cancel: async () => (await import("./cancel.ts")).cancel,
  recover: async () => (await import("./recover.ts")).recover,
  import: async () => (await import("./import.ts")).importAnswers,
  push: async () => (await import("./push.ts")).push,
  pull: async () => (await import("./pull.ts")).pull,
  remote: async () => (await import("./remote.ts")).remote,
  gc: async () => (await import("./gc.ts")).gc,
  fsck: async () => (await import("./fsck.ts")).fsck,
  completion: async () => (await import("./completion.ts")).completion,
  doctor: async () => (await import("./doctor.ts")).doctor,
  worker: async () => (await import("./worker.ts")).worker,
};

/** Every command: what a help page that lists them needs, and what their published reference is made from. */
export async function allCommands(): Promise<readonly Command[]> {
  const commands: Command[] = [];
  // One after another: a loader that is at work on a module twice at once may hand it out half done.
  for (const load of Object.values(COMMANDS)) commands.push(await load());
  return commands;
}

/**
 * One invocation of dsgen: reads the command line, runs the command, tells what went wrong.
 * @param argv the arguments after `dsgen`
 * @param signal aborted when a person interrupts
 * @returns the exit code; never throws
 */
export async function main(
  argv: readonly string[],
  io: Io,
  signal: AbortSignal,
  opener = loadSession,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.upToDate;
  try {
    const output = { writeOut: io.stdout.write, writeErr: io.stderr.write };
    // Of no help page: what the scripts of `dsgen completion` call.
    if (argv[0] === "complete" && argv[1] === "--")
      return await (await import("./complete.ts")).complete(argv.slice(2), await allCommands(), io, signal, opener);
    const load = COMMANDS[commandName(argv) ?? ""];
    const commands = load === undefined ? await allCommands() : [await load()];
    const program = createProgram(packageVersion(), output, commands, async (command, given, common) => {
      code = await command.run(new CommandContext(io, `dsgen ${command.name}`, common, signal, opener), given);
    });
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return ended(error, argv, io, signal);
  }
}

async function loadSession(): Promise<SessionOpeners> {
  return (await import("./session.ts")).sessionOpeners;
}

/** How an invocation ends that did not end by itself: help, wrong usage, a problem, an interruption, a bug. */
function ended(error: unknown, argv: readonly string[], io: Io, signal: AbortSignal): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.upToDate;
    // `dsgen` alone: the help has been written, and nothing was done.
    if (error.code !== "commander.help") tell(usageProblem(error, argv), argv, io);
    return EXIT.usage;
  }
  const problem = error instanceof ProblemError ? error.problem : problemOfSystem(error, pathOf(error));
  if (problem !== undefined) {
    tell(problem, argv, io);
    return signal.aborted ? EXIT.interrupted : exitCodeOfProblem(problem);
  }
  if (signal.aborted && error instanceof Error && error.name === "AbortError") return EXIT.interrupted;
  io.stderr.write(bugText(error));
  return EXIT.bug;
}

/** How the process ends for an error that nobody caught: a project's code may throw in a timer of its own. */
export function uncaught(error: unknown, argv: readonly string[], io: Io): ExitCode {
  if (error instanceof ProblemError) {
    tell(error.problem, argv, io);
    return EXIT.failed;
  }
  io.stderr.write(bugText(error));
  return EXIT.bug;
}

/** The only place where a stack is shown: whoever reads it is asked to pass it on. */
function bugText(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  return `error: this is a bug in dsgen, not in your project. Please report it with what follows.\n${stack}\n`;
}

function tell(problem: Problem, argv: readonly string[], io: Io): void {
  tellProblems([problem], argv.includes("--json"), io, styleFor("auto", io.stderr, io.env));
}

/** Commander's `error: unknown option '--wiat'\n(Did you mean --wait?)` as a Problem. */
function usageProblem(error: CommanderError, argv: readonly string[]): Problem {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /\((Did you mean .*\?)\)/.exec(rest.join(" "))?.[1];
  const command = argv.find((word) => !word.startsWith("-"));
  const where = command === undefined || error.code === "commander.unknownCommand" ? "dsgen" : `dsgen ${command}`;
  return {
    kind: "usage",
    where,
    message: first.endsWith(".") ? first : `${first}.`,
    fix: suggestion ?? `See ${where} --help.`,
  };
}

function pathOf(error: unknown): string {
  return error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : "dsgen";
}
