import { CommanderError } from "commander";
import { problemOfSystem } from "../engine/blocked-path.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";
import { problemsText } from "../report/problems.ts";
import { styleFor } from "../report/style.ts";
import { type CommandContext, createContext, type Io } from "./context.ts";
import { EXIT, type ExitCode, exitCodeOfProblem } from "./exit-codes.ts";
import type { Invocation } from "./invocation.ts";
import { createProgram } from "./program.ts";
import type { SessionOpeners } from "./session.ts";
import { versionText } from "./version.ts";

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
    const program = createProgram(
      output,
      async (invocation, common) => {
        code = await run(createContext(io, common, signal, opener), invocation);
      },
      { version: versionText(), faults: argv.includes("simulate") ? await faultLines() : [] },
    );
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return ended(error, argv, io, signal);
  }
}

async function run(context: CommandContext, invocation: Invocation): Promise<ExitCode> {
  switch (invocation.command) {
    case "build":
      return (await import("./build.ts")).runBuild(context, invocation);
    case "plan":
      return (await import("./plan.ts")).runPlan(context, invocation);
    case "status":
      return (await import("./status.ts")).runStatus(context);
    case "explain":
      return (await import("./explain.ts")).runExplain(context, invocation);
    case "graph":
      return (await import("./graph.ts")).runGraph(context, invocation);
    case "validate":
      return (await import("./validate.ts")).runValidate(context, invocation);
    case "inspect":
      return (await import("./inspect.ts")).runInspect(context, invocation);
    case "simulate":
      return (await import("./simulate.ts")).runSimulate(context, invocation);
    case "clean":
      return (await import("./clean.ts")).runClean(context, invocation);
    case "cost":
      return (await import("./cost.ts")).runCost(context);
    case "cancel":
      return (await import("./cancel.ts")).runCancel(context, invocation);
    case "recover":
      return (await import("./recover.ts")).runRecover(context, invocation);
    case "import":
      return (await import("./import.ts")).runImport(context, invocation);
    case "gc":
      return (await import("./gc.ts")).runGc(context, invocation);
    case "fsck":
      return (await import("./fsck.ts")).runFsck(context, invocation);
    default:
      return unreachable(invocation);
  }
}

async function loadSession(): Promise<SessionOpeners> {
  return (await import("./session.ts")).sessionOpeners;
}

async function faultLines(): Promise<readonly string[]> {
  const { faultHelp } = await import("./fault-help.ts");
  return faultHelp();
}

/** How an invocation ends that did not end by itself: help, wrong usage, a problem, an interruption, a bug. */
function ended(error: unknown, argv: readonly string[], io: Io, signal: AbortSignal): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.upToDate;
    // `dsgen` alone: the help has been written, and nothing was done.
    if (error.code === "commander.help") return EXIT.usage;
    tell([usageProblem(error, argv)], argv, io);
    return EXIT.usage;
  }
  const problem = error instanceof ProblemError ? error.problem : problemOfSystem(error, pathOf(error));
  if (problem !== undefined) {
    tell([problem], argv, io);
    return signal.aborted ? EXIT.interrupted : exitCodeOfProblem(problem);
  }
  if (signal.aborted && error instanceof Error && error.name === "AbortError") return EXIT.interrupted;
  io.stderr.write(bugText(error));
  return EXIT.bug;
}

/** How the process ends for an error that nobody caught: a project's code may throw in a timer of its own. */
export function uncaught(error: unknown, argv: readonly string[], io: Io): ExitCode {
  if (error instanceof ProblemError) {
    tell([error.problem], argv, io);
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

function tell(problems: readonly Problem[], argv: readonly string[], io: Io): void {
  if (argv.includes("--json")) {
    for (const problem of problems) io.stdout.write(`${JSON.stringify({ type: "problem", problem })}\n`);
  }
  io.stderr.write(problemsText(problems, styleFor("auto", io.stderr, io.env)));
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
