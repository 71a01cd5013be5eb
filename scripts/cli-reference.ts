import type { Argument, Command, Option } from "commander";
import { createProgram, type Example } from "../src/cli/command.ts";
import { EXIT_MEANINGS } from "../src/cli/exit-codes.ts";
import { allCommands } from "../src/cli/main.ts";
import { faultHelp } from "../src/cli/simulate.ts";
import { eventsPage, eventsSchema } from "./events-reference.ts";

/*
 * What is published about the command line, made from the program and the event schemas themselves. The same input gives
 * the same bytes, so that a test can tell when they are out of date.
 */

/** The published files, by path from the package's root. */
export async function cliFiles(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["docs/cli.md", await cliPage()],
    ["docs/events.md", eventsPage()],
    ["schemas/events.schema.json", `${JSON.stringify(eventsSchema(), null, 2)}\n`],
    ["bin/help.txt", await helpText()],
  ]);
}

/** What `dsgen --help` prints; the launcher prints it from a file, without loading commander. */
async function helpText(): Promise<string> {
  let text = "";
  const program = await programWith((part) => {
    text += part;
  });
  program.outputHelp();
  return text;
}

async function programWith(write: (text: string) => void): Promise<Command> {
  return createProgram("", { writeOut: write, writeErr: write }, await allCommands(), () => Promise.resolve());
}

async function cliPage(): Promise<string> {
  const commands = await allCommands();
  const program = await programWith(() => undefined);
  const common = program.options.filter((option) => option.long !== "--version");
  const parts = [
    "# Command line\n\n<!-- Made by scripts/generate-cli-docs.ts from the program in src/cli; edit that. -->\n",
    `${program.description()} \`dsgen COMMAND --help\` prints what is said here of a command.\n`,
    "Results (a plan, a status, a dataset's summary) go to standard output; progress, warnings and errors to standard error. " +
      "On a terminal, progress is redrawn in place; a pipe or a CI log gets plain lines. " +
      "`--json` writes one JSON object a line to standard output and nothing else ([events.md](events.md)).\n",
    `## Exit codes\n\n| code | means |\n| --- | --- |\n${EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |\n`).join("")}`,
    "A failure outranks a wait: 75 means that nothing failed. `plan`, `explain`, `graph` and `inspect` end with 0 when they could answer, " +
      "whatever there is to do; `plan` ends with 1 or 3 where a build would.\n",
    `## Options of every command\n\n${optionTable(common)}`,
    "Colour follows `NO_COLOR` and `FORCE_COLOR`; signs fall back to ASCII where the locale is not UTF-8.\n",
    ...program.commands.map((part, i) => commandPart(part, commands[i]?.examples ?? [])),
  ];
  return parts.join("\n");
}

function commandPart(command: Command, examples: readonly Example[]): string {
  const operands = command.registeredArguments.map((argument) => ` ${shown(argument)}`).join("");
  const parts = [
    `## dsgen ${command.name()}\n`,
    `\`\`\`sh\ndsgen ${command.name()}${operands} [options]\n\`\`\`\n`,
    `${sentence(command.description())}\n`,
  ];
  const described = command.registeredArguments.filter((argument) => argument.description !== "");
  if (described.length > 0) {
    parts.push(described.map((argument) => `* \`${shown(argument)}\`: ${argument.description}\n`).join(""));
  }
  if (command.options.length > 0) parts.push(optionTable(command.options));
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, does]) => `${line.padEnd(width)}  # ${does}\n`);
  parts.push(`\`\`\`sh\n${lines.join("")}\`\`\`\n`);
  if (command.name() === "simulate") {
    parts.push(
      `Faults, as \`OPERATION:KIND[=VALUE][#NTH[xTIMES]][~PROBABILITY]\`:\n\n\`\`\`text\n${faultHelp().join("\n")}\n\`\`\`\n`,
    );
  }
  return parts.join("\n");
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((option) => `| \`${option.flags}\` | ${optionText(option)} |\n`);
  return `| option | |\n| --- | --- |\n${rows.join("")}`;
}

function optionText(option: Option): string {
  const choices =
    option.argChoices === undefined ? "" : ` (${option.argChoices.map((one) => `\`${one}\``).join(", ")})`;
  const value: unknown = option.defaultValue;
  const worth = value !== undefined && !(Array.isArray(value) && value.length === 0);
  return `${option.description.replaceAll("|", "\\|")}${choices}${worth ? `; default \`${String(value)}\`` : ""}`;
}

function shown(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
