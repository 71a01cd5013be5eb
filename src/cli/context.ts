import type { BuildEvent, Emit } from "../engine/events.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { writeLine } from "../report/json.ts";
import type { Output } from "../report/output.ts";
import { problemsText } from "../report/problems.ts";
import type { Verbosity } from "../report/reporter.ts";
import type { ResultLine } from "../report/result-line.ts";
import { type Style, styleFor } from "../report/style.ts";
import { EXIT, type ExitCode, exitCodeOfOpening } from "./exit-codes.ts";
import type { CommonFlags } from "./invocation.ts";
import type { SessionOpeners, Sessions } from "./session.ts";
import type { GlobalOptions } from "./session-options.ts";

/** What a command sees of the process. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Standard error as a stream, when it is a terminal that can be redrawn. */
  readonly terminal: NodeJS.WriteStream | undefined;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  now(): number;
}

/** One command at work. */
export interface CommandContext {
  readonly io: Io;
  readonly common: CommonFlags;
  readonly signal: AbortSignal;
  readonly verbosity: Verbosity;
  /** For standard output. */
  readonly style: Style;
  /** For standard error. */
  readonly errStyle: Style;
  /** Opens as much of the project as the command needs; problems are told, and the exit code they mean is the error. */
  open: Opening<ExitCode>;
  /** Like `open`, but leaves it to the caller to tell the problems. */
  tryOpen: Opening<readonly Problem[]>;
  /** A command's result: text for a person, or lines for a program under --json. */
  result(text: () => string, lines: () => Iterable<ResultLine>): void;
  /** Tells problems, to both kinds of reader. */
  problems(problems: readonly Problem[]): void;
  /** Tells what happens meanwhile: notices and warnings. */
  readonly emit: Emit;
}

type Opening<E> = <Name extends keyof Sessions>(
  what: Name,
  mode: "read" | "write",
  extra: SessionExtras,
  emit?: Emit,
) => Promise<Result<Sessions[Name], E>>;

/** Options of the session that only some commands have. */
export type SessionExtras = Pick<GlobalOptions, "command"> &
  Partial<
    Pick<
      GlobalOptions,
      | "realWithoutKey"
      | "jobs"
      | "maxCostUsd"
      | "lockTimeoutSeconds"
      | "pollSeconds"
      | "keepGoing"
      | "wait"
      | "partial"
      | "realtime"
      | "retryRefused"
      | "limit"
      | "beforeSending"
    >
  >;

/** @param openers loads the sessions, only for commands that need one: `inspect` and `simulate` start without */
export function createContext(
  io: Io,
  common: CommonFlags,
  signal: AbortSignal,
  openers: () => Promise<SessionOpeners>,
): CommandContext {
  const style = styleFor(common.color, io.stdout, io.env);
  const errStyle = styleFor(common.color, io.stderr, io.env);
  const problems = (found: readonly Problem[]) => {
    if (common.json) for (const problem of found) io.stdout.write(`${JSON.stringify({ type: "problem", problem })}\n`);
    io.stderr.write(problemsText(found, errStyle));
  };
  const emit = (event: BuildEvent) => {
    if (common.json) io.stdout.write(`${JSON.stringify(event)}\n`);
    if (event.type === "problem") io.stderr.write(problemsText([event.problem], errStyle));
    if (event.type !== "notice") return;
    if (event.level === "warning") io.stderr.write(`${errStyle.yellow("warning:")} ${event.message}\n`);
    else if (!common.quiet) io.stderr.write(`note: ${event.message}\n`);
  };
  const tryOpen: CommandContext["tryOpen"] = async (what, mode, extra, sink = emit) =>
    (await openers())[what]({ ...globalOptions(io, common), ...extra }, mode, sink, signal);
  return {
    io,
    common,
    signal,
    verbosity: common.quiet ? "quiet" : common.verbose ? "verbose" : "normal",
    style,
    errStyle,
    emit,
    problems,
    tryOpen,
    open: async (what, mode, extra, sink) => {
      const session = await tryOpen(what, mode, extra, sink);
      if (session.ok) return ok(session.value);
      if (signal.aborted) return err(EXIT.interrupted);
      problems(session.error);
      return err(exitCodeOfOpening(session.error));
    },
    result: (text, lines) => {
      if (!common.json) io.stdout.write(text());
      else for (const line of lines()) writeLine(io.stdout, line);
    },
  };
}

function globalOptions(io: Io, common: CommonFlags): GlobalOptions {
  const { set, task, provider, configDir, cacheDir, breakLock } = common;
  return {
    cwd: io.cwd,
    env: io.env,
    set,
    ...(task === undefined ? {} : { task }),
    ...(provider === undefined ? {} : { provider }),
    ...(configDir === undefined ? {} : { configDir }),
    ...(cacheDir === undefined ? {} : { cacheDir }),
    ...(breakLock === undefined ? {} : { breakLock }),
  };
}
