import { memoryOutput } from "../report/output.ts";
import type { Command } from "./command.ts";
import { CommandContext, type Io } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { COMMON, type CommonOptions, type Names, type Table, type Taken } from "./options.ts";
import type { SessionOpeners } from "./session.ts";

type Candidate = readonly [word: string, about: string];
type Written = Taken<unknown> & { readonly name: string };

/** The words before the one that is being typed, as far as they can be read. */
interface Before {
  /** What is being typed: a word, or the value after `--option=`. */
  readonly typed: string;
  /** Stands before each word that is offered. */
  readonly prefix: string;
  readonly command: Command | undefined;
  readonly operands: number;
  readonly common: Readonly<Record<string, string>>;
  /** The option whose value is being typed. */
  readonly open: Written | undefined;
}

/**
 * `dsgen complete -- WORDS`: what a shell may offer for the last of the words, one to a line, with what it is after ` -- `. The
 * scripts of `dsgen completion` ask for it. Takes no lock and changes nothing, and what is wrong is told nowhere: it would
 * stand in the middle of a line that a person types. Nothing offered means that the shell is to offer files.
 * @param words what stands after `dsgen` on the line, up to the cursor
 */
export async function complete(
  words: readonly string[],
  commands: readonly Command[],
  io: Io,
  signal: AbortSignal,
  opener: () => Promise<SessionOpeners>,
): Promise<ExitCode> {
  const before = beforeOf(words, commands);
  const context = new CommandContext(
    { ...io, stdout: memoryOutput(), stderr: memoryOutput() },
    "dsgen complete",
    commonOf(before),
    signal,
    opener,
  );
  const { typed, prefix } = before;
  const found = await unheard(() => candidates(before, commands, context));
  const offered = found.filter(([word]) => word.startsWith(typed));
  io.stdout.write(offered.map(([word, about]) => `${prefix}${word}${about === "" ? "" : ` -- ${about}`}\n`).join(""));
  return EXIT.upToDate;
}

/** What a project's own code prints while its targets are read is no word to offer. */
async function unheard<T>(work: () => Promise<T>): Promise<T> {
  const { write } = process.stdout;
  process.stdout.write = () => true;
  try {
    return await work();
  } finally {
    process.stdout.write = write;
  }
}

async function candidates(
  { command, operands, open, typed }: Before,
  commands: readonly Command[],
  context: CommandContext,
): Promise<readonly Candidate[]> {
  if (open !== undefined) return valuesOf(open, context);
  if (typed.startsWith("-"))
    return [...optionsOf(command?.takes ?? {}), ...optionsOf(COMMON)].map((option) => [long(option), option.about]);
  if (command === undefined) return commands.map(({ name, about }) => [name, about]);
  const all = writtenOf(command.takes).filter(({ operand }) => operand !== undefined);
  const last = all.at(-1);
  const here = all[operands] ?? (last?.operand?.endsWith("...]") === true ? last : undefined);
  return here === undefined ? [] : valuesOf(here, context);
}

async function valuesOf({ choices, names }: Written, context: CommandContext): Promise<readonly Candidate[]> {
  if (choices !== undefined) return choices.map((choice) => [choice, ""]);
  return names === undefined ? [] : namesOf(names, context);
}

/** Names of the project as it stands; none where it cannot be read. */
async function namesOf(names: Names, context: CommandContext): Promise<readonly Candidate[]> {
  let found: readonly Candidate[] = [];
  switch (names) {
    case "targets":
      await context.with("graph", "read", ({ graph }) => {
        found = graph.targets.flatMap(({ outputs }) => outputs.map((name): Candidate => [name, ""]));
        return EXIT.upToDate;
      });
      return found;
    case "tasks":
      await context.with("jobs", "read", ({ taskNames }) => {
        found = taskNames.map((name): Candidate => [name, ""]);
        return EXIT.upToDate;
      });
      return found;
    case "jobs":
      await context.with("jobs", "read", async ({ answers, store }) => {
        const jobs = answers
          .jobs()
          .map(({ jobId, requestFile, status }): Candidate => [jobId, `${requestFile}: ${status}`]);
        const { arrayNames } = await import("./arrays.ts");
        found = [...jobs, ...(await arrayNames(store))];
        return EXIT.upToDate;
      });
      return found;
  }
}

function beforeOf(words: readonly string[], commands: readonly Command[]): Before {
  let command: Command | undefined;
  let operands = 0;
  const common: Record<string, string> = {};
  const rest = joined(words);
  const typed = rest.pop() ?? "";
  const optionNamed = (word: string) =>
    [...optionsOf(command?.takes ?? {}), ...optionsOf(COMMON)].find((one) =>
      [long(one), `-${one.short ?? "-"}`].includes(word),
    );
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word.startsWith("-")) {
      const [name, given] = splitOption(word);
      const option = optionNamed(name);
      if (option?.value === undefined) continue;
      const value = given ?? rest.shift();
      if (value === undefined) return { command, operands, common, open: option, typed, prefix: "" };
      if (option.name in COMMON) common[option.name] = value;
    } else if (command !== undefined) operands++;
    else command = commands.find((one) => one.name === word) ?? NOTHING;
  }
  const [name, value] = splitOption(typed);
  const open = value === undefined ? undefined : optionNamed(name);
  if (open?.value === undefined || value === undefined)
    return { command, operands, common, open: undefined, typed, prefix: "" };
  // Bash takes `=` for a word of its own, and puts what is offered after it.
  return { command, operands, common, open, typed: value, prefix: words.at(-1) === typed ? `${name}=` : "" };
}

/** The words with `--option`, `=`, `value` as the one word that they are on the line. */
function joined(words: readonly string[]): string[] {
  const whole: string[] = [];
  for (const [index, word] of words.entries()) {
    const last = whole.at(-1);
    const goesOn = word === "=" || words[index - 1] === "=";
    if (last?.startsWith("--") === true && goesOn) whole[whole.length - 1] = last + word;
    else whole.push(word);
  }
  return whole;
}

/** `--task=refusal` as its two sides; of another word, the word. */
function splitOption(word: string): readonly [name: string, value?: string] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at === -1 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

/** What is no command takes nothing. */
const NOTHING: Command = {
  name: "",
  about: "",
  examples: [["", ""]],
  takes: {},
  run: () => Promise.resolve(EXIT.usage),
};

function commonOf({ common: { task, configDir, cacheDir } }: Before): CommonOptions {
  const absent = {
    provider: undefined,
    set: [],
    breakLock: false,
    json: false,
    quiet: true,
    verbose: false,
    color: "auto",
  } as const;
  return { ...absent, task, configDir, cacheDir };
}

function writtenOf(table: Table): readonly Written[] {
  return Object.entries(table).map(([name, taken]) => ({ ...taken, name }));
}

function optionsOf(table: Table): readonly Written[] {
  return writtenOf(table).filter(({ operand }) => operand === undefined);
}

function long({ name }: Written): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
