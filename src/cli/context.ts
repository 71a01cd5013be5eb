import type { BuildEvent, Emit } from "../events/schema.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Output } from "../report/output.ts";
import { problemsText } from "../report/problems.ts";
import { type Verbosity, writeLine } from "../report/reporter.ts";
import type { ResultLine } from "../report/result-schema.ts";
import { type Style, styleFor } from "../report/style.ts";
import type { StorePaths } from "../store/layout.ts";
import { EXIT, type ExitCode, exitCodeOfOpening } from "./exit-codes.ts";
import type { CommonOptions, SessionOptions } from "./options.ts";
import type { SessionOpeners, Sessions } from "./session.ts";

/** What a command sees of the process. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Standard error as a stream, when it is a terminal that can be redrawn. */
  readonly terminal: NodeJS.WriteStream | undefined;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  now(): number;
  /**
   * Told by a build that had nothing to do and nothing to say but its closing words: the same command may say them again for
   * as long as nothing changes that it looked at.
   */
  nothingToDo?(store: StorePaths): void;
}

type Mode = "read" | "write";
type Extras = Partial<Omit<SessionOptions, keyof CommonOptions | "cwd" | "env" | "command">>;

/** One command at work. */
export class CommandContext {
  readonly io: Io;
  /** `dsgen build`. */
  readonly command: string;
  readonly common: CommonOptions;
  readonly signal: AbortSignal;
  readonly verbosity: Verbosity;
  /** For standard output. */
  readonly style: Style;
  /** For standard error. */
  readonly errStyle: Style;
  readonly #openers: () => Promise<SessionOpeners>;

  /** @param openers loads the sessions, only for commands that need one: `inspect` and `simulate` start without */
  constructor(
    io: Io,
    command: string,
    common: CommonOptions,
    signal: AbortSignal,
    openers: () => Promise<SessionOpeners>,
  ) {
    this.io = io;
    this.command = command;
    this.common = common;
    this.signal = signal;
    this.verbosity = common.quiet ? "quiet" : common.verbose ? "verbose" : "normal";
    this.style = styleFor(common.color, io.stdout, io.env);
    this.errStyle = styleFor(common.color, io.stderr, io.env);
    this.#openers = openers;
  }

  /** Opens as much of the project as a command needs, runs it, and closes it again. Problems with that are told. */
  async with<Name extends keyof Sessions>(
    what: Name,
    mode: Mode,
    run: (session: Sessions[Name]) => Promise<ExitCode> | ExitCode,
    extras: Extras = {},
    emit: Emit = this.emit,
  ): Promise<ExitCode> {
    const opened = await this.open(what, mode, extras, emit);
    if (!opened.ok) return opened.error;
    try {
      return await run(opened.value);
    } finally {
      await opened.value.close();
    }
  }

  /** The session itself, or the exit code that the problems mean, which are told. */
  async open<Name extends keyof Sessions>(
    what: Name,
    mode: Mode,
    extras: Extras = {},
    emit: Emit = this.emit,
  ): Promise<Result<Sessions[Name], ExitCode>> {
    const opened = await this.tryOpen(what, mode, extras, emit);
    if (opened.ok) return ok(opened.value);
    return err(this.signal.aborted ? EXIT.interrupted : this.refuse(opened.error));
  }

  /** Like `open`, but leaves it to the caller to tell the problems. */
  async tryOpen<Name extends keyof Sessions>(
    what: Name,
    mode: Mode,
    extras: Extras = {},
    emit: Emit = this.emit,
  ): Promise<Result<Sessions[Name], readonly Problem[]>> {
    const { io, common, command, signal } = this;
    const options = { ...common, ...extras, command, cwd: io.cwd, env: io.env };
    return (await this.#openers())[what]({ options, mode, emit, signal });
  }

  /** A command's result: text for a person, or lines for a program under --json. */
  result(text: () => string, lines: () => Iterable<ResultLine>): void {
    if (!this.common.json) this.io.stdout.write(text());
    else for (const line of lines()) writeLine(this.io.stdout, line);
  }

  /** Tells problems, to both kinds of reader. */
  problems(problems: readonly Problem[]): void {
    tellProblems(problems, this.common.json, this.io, this.errStyle);
  }

  /** Tells the problems that end the command; where nothing else is said, they were met before anything was done. */
  refuse(problems: readonly Problem[], code: ExitCode = exitCodeOfOpening(problems)): ExitCode {
    this.problems(problems);
    return code;
  }

  /** Tells what happens meanwhile: notices and warnings. */
  readonly emit: Emit = (event: BuildEvent) => {
    const { io, common, errStyle } = this;
    if (event.type === "problem") return this.problems([event.problem]);
    if (common.json) writeLine(io.stdout, event);
    if (event.type !== "notice") return;
    if (event.level === "warning") io.stderr.write(`${errStyle.yellow("warning:")} ${event.message}\n`);
    else if (!common.quiet) io.stderr.write(`note: ${event.message}\n`);
  };

  notice(level: "info" | "warning", code: string, message: string): void {
    this.emit({ type: "notice", level, code, message });
  }
}

export function tellProblems(problems: readonly Problem[], json: boolean, io: Io, style: Style): void {
  if (json) for (const problem of problems) writeLine(io.stdout, { type: "problem", problem });
  io.stderr.write(problemsText(problems, style));
}
