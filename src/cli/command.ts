import { Command as Commander, Option } from "commander";
import type { CommandContext } from "./context.ts";
import { EXIT_MEANINGS, type ExitCode } from "./exit-codes.ts";
import { COMMON, type CommonOptions, type Given, type Table, type Taken } from "./options.ts";

/** One command: what it takes is declared once, for the parser, the help, the docs and the types alike. */
export interface Command<T extends Table = Table> {
  readonly name: string;
  readonly about: string;
  readonly takes: T;
  /** Lines that a person may type, and what each does: a help page teaches by them. */
  readonly examples: readonly [Example, ...Example[]];
  /** Stands at the end of its help. */
  readonly helpEnd?: string;
  run(context: CommandContext, given: Given<T>): Promise<ExitCode>;
}

export type Example = readonly [line: string, does: string];

export function command<T extends Table>(declared: Command<T>): Command<T> {
  return declared;
}

/** A help page is the same on every terminal, and the same as in docs/cli.md. */
const HELP_WIDTH = 80;

/**
 * The command line as commander knows it, with these commands. Usage errors are thrown as CommanderErrors.
 * @param output where commander writes help; its errors are ours to tell
 * @param run gets what was read
 */
export function createProgram(
  version: string,
  output: { writeOut(text: string): void; writeErr(text: string): void },
  commands: readonly Command[],
  run: (command: Command, given: Given<Table>, common: CommonOptions) => Promise<void>,
): Commander {
  const program = new Commander("dsgen").description(
    "Makes LLM-generated datasets the way a build system makes programs.",
  );
  takeAll(program, COMMON);
  program
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [COMMAND]", "print help for a command")
    .addHelpText("after", exitCodesText())
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions: globalOptions })
    .configureOutput({
      ...output,
      outputError: () => undefined,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
    })
    .exitOverride()
    .usage("[options] COMMAND");
  for (const one of commands) {
    const part = program.command(one.name).description(one.about);
    takeAll(part, one.takes);
    part
      .addHelpText("after", `${examplesText(one.examples)}${one.helpEnd ?? ""}`)
      .action(() => run(one, givenOf(part, one.takes), givenOf(program, COMMON)));
  }
  return program;
}

/** The operand that names the command, or asks for help: the first word that is no common option or its value. */
export function commandName(argv: readonly string[]): string | undefined {
  const program = new Commander().exitOverride().configureOutput({ outputError: () => undefined });
  takeAll(program, COMMON);
  const { operands: words } = program.parseOptions([...argv]);
  return words[0] === "help" ? words[1] : words[0];
}

function takeAll(part: Commander, table: Table): void {
  for (const [name, taken] of Object.entries(table)) {
    if (taken.operand === undefined) part.addOption(optionOf(name, taken));
    else part.argument(taken.operand, taken.about);
  }
}

function optionOf(name: string, { value, short, about, absent, choices, conflicts, read }: Taken<unknown>): Option {
  const long = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const written = [short === undefined ? long : `-${short}, ${long}`, ...(value === undefined ? [] : [value])];
  const option = new Option(written.join(" "), about).conflicts([...(conflicts ?? [])]);
  if (read !== undefined) option.argParser(read);
  if (choices !== undefined) option.choices(choices);
  // What is nothing, none or no need not be said.
  if (typeof absent === "string" || typeof absent === "number") option.default(absent);
  return option;
}

function givenOf<T extends Table>(part: Commander, table: T): Given<T> {
  const found = [...part.processedArgs];
  const given: Given<T> = part.opts();
  const rest = Object.entries(table).map(([name, { operand: written, absent }]) => {
    const value: unknown = written === undefined ? part.getOptionValue(name) : found.shift();
    return [name, value ?? absent];
  });
  return { ...given, ...Object.fromEntries(rest) };
}

/** What a command's help lists besides its own options: all but --version, which is dsgen's own. */
function globalOptions(part: Commander): Option[] {
  return part.parent?.options.filter((option) => option.long !== "--version") ?? [];
}

function examplesText(examples: readonly Example[]): string {
  return `\nExamples:\n${examples.map(([line, does]) => `  ${line}\n      ${does}\n`).join("")}`;
}

function exitCodesText(): string {
  return `\nExit codes:\n${EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}\n`).join("")}`;
}
