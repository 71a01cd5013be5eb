import { Command, InvalidArgumentError, Option } from "commander";
import { EXIT_MEANINGS } from "./exit-codes.ts";
import type { CleanFlags, CommonFlags, Invocation, InvocationOf } from "./invocation.ts";

/** Where commander writes help; its errors are ours to tell. */
export interface ProgramOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

/** A help page is the same on every terminal, and the same as in docs/cli.md. */
const HELP_WIDTH = 80;

/**
 * The command line, as commander knows it. `run` gets what was read; usage errors are thrown as CommanderErrors.
 * @param about.faults the lines that `simulate --help` lists, when someone will read them
 */
export function createProgram(
  output: ProgramOutput,
  run: (invocation: Invocation, common: CommonFlags) => Promise<void>,
  about: { readonly version: string; readonly faults: readonly string[] },
): Command {
  const program = new Command("dsgen")
    .description("Makes LLM-generated datasets the way a build system makes programs.")
    .option("--task <NAME>", "work on this task only")
    .addOption(new Option("--provider <NAME>", "who answers requests").choices(["auto", "openai", "simulator"]))
    .option("--set <KEY=VALUE>", "override a config value, as refusal.target_scenarios=50 (repeatable)", collect)
    .option("--config-dir <FOLDER>", "read the config from here instead of config/")
    .option("--cache-dir <FOLDER>", "keep the cache here instead of .dsgen-cache/")
    .option("--break-lock", "take the lock of a holder that cannot be seen to live: if it does, both may pay")
    .option("--json", "write events or results to stdout, one JSON object a line")
    .option("-q, --quiet", "say nothing but warnings and errors")
    .option("-v, --verbose", "name every target")
    .addOption(new Option("--color <WHEN>", "colour the output").choices(["auto", "always", "never"]).default("auto"))
    .version(about.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [COMMAND]", "print help for a command")
    .addHelpText("after", exitCodesText())
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions: (command) => globalOptions(command) })
    .configureOutput({
      ...output,
      outputError: () => undefined,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
    })
    .exitOverride();
  program.usage("[options] COMMAND");
  const common = () => commonFlags(program.opts());

  command("build", "make targets: reuse what is there, send what is unanswered, take in what has come")
    .argument("[TARGET...]", "files to make (default: the dataset)")
    .option("-w, --wait", "stay until the provider has answered everything")
    .option("--poll <SECONDS>", "with --wait, look at the provider this often", positive)
    .option("-j, --jobs <N>", "run at most N actions at once (default: one a processor)", wholePositive)
    .option("-k, --keep-going", "after a failure, go on with what does not depend on it")
    .option("-n, --dry-run", "only say what would be done, as dsgen plan")
    .option("--max-cost <USD>", "refuse to send what might cost more", amount)
    .option("--realtime", "ask call by call, at full price, instead of in batch jobs: for a pilot")
    .option(
      "--limit <N>",
      "with --realtime, a pilot: ask at most N requests, write pilot/<task>.jsonl, say what the rest would cost",
      wholePositive,
    )
    .addOption(
      new Option("--partial", "make dataset.partial.jsonl of the answers so far, and ask for none").conflicts([
        "wait",
        "realtime",
        "retryRefused",
        "dryRun",
      ]),
    )
    .option("--retry-refused", "ask again, once, for what the provider has refused (credit, access, limits)")
    .option("-y, --yes", "send without asking, whatever it may cost")
    .option("--cancel-surplus", "end batches under way that the dataset does not need any more")
    .option(
      "--check-determinism",
      "make everything that is free twice and compare: recipes must not use chance or the clock",
    )
    .option("--lock-timeout <SECONDS>", "how long to wait for another build to end", amount)
    .action((targets: string[], flags: BuildOptions) =>
      run(
        {
          command: "build",
          targets,
          wait: flags.wait ?? false,
          keepGoing: flags.keepGoing ?? false,
          dryRun: flags.dryRun ?? false,
          realtime: flags.realtime ?? false,
          partial: flags.partial ?? false,
          retryRefused: flags.retryRefused ?? false,
          yes: flags.yes ?? false,
          cancelSurplus: flags.cancelSurplus ?? false,
          checkDeterminism: flags.checkDeterminism ?? false,
          ...given("limit", flags.limit),
          ...given("pollSeconds", flags.poll),
          ...given("jobs", flags.jobs),
          ...given("maxCostUsd", flags.maxCost),
          ...given("lockTimeoutSeconds", flags.lockTimeout),
        },
        common(),
      ),
    );

  command("plan", "say what build would make, send and pay, without doing it")
    .argument("[TARGET...]", "files to plan for (default: the dataset)")
    .option("--max-cost <USD>", "say also whether this limit would refuse it", amount)
    .option("--retry-refused", "plan for a build with this option")
    .option("--realtime", "plan for a build with this option, at the full price")
    .option("--limit <N>", "with --realtime: the most requests that the build would ask", wholePositive)
    .action((targets: string[], flags: Pick<BuildOptions, "maxCost" | "retryRefused" | "realtime" | "limit">) =>
      run(
        {
          command: "plan",
          targets,
          retryRefused: flags.retryRefused ?? false,
          realtime: flags.realtime ?? false,
          ...given("limit", flags.limit),
          ...given("maxCostUsd", flags.maxCost),
        },
        common(),
      ),
    );

  command("status", "look at the provider once and list the batch jobs").action(() =>
    run({ command: "status" }, common()),
  );

  command("explain", "say why a target is fresh, or which change makes it stale")
    .argument("<TARGET>", "a file that dsgen makes")
    .action((target: string) => run({ command: "explain", target }, common()));

  command("graph", "show what is made from what")
    .argument("[TARGET...]", "show only these and what they are made from")
    .addOption(new Option("--format <NAME>", "how to draw it").choices(["text", "mermaid", "dot"]).default("text"))
    .action((targets: string[], flags: { readonly format: "text" | "mermaid" | "dot" }) =>
      run({ command: "graph", targets, format: flags.format }, common()),
    );

  command("validate", "check a dataset file against the tokenizers, row by row")
    .argument("<FILE>", "a dataset file")
    .option("--show-failures", "list every failure")
    .option("--tokenizers <NAMES>", "check with these, separated by commas (default: the task's)", names)
    .action((file: string, flags: { readonly showFailures?: boolean; readonly tokenizers?: readonly string[] }) =>
      run(
        {
          command: "validate",
          file,
          showFailures: flags.showFailures ?? false,
          ...given("tokenizers", flags.tokenizers),
        },
        common(),
      ),
    );

  command("inspect", "count and show what is in a dataset, shard, request or output file")
    .argument("<FILE>", "the file; what it is, is told from its content")
    .option("--limit <N>", "show this many entries", wholeNumber, 3)
    .option("--full", "show them whole: of a request file, every word that is sent")
    .action((file: string, flags: { readonly limit: number; readonly full?: boolean }) =>
      run({ command: "inspect", file, limit: flags.limit, full: flags.full === true }, common()),
    );

  command("simulate", "serve a local imitation of the OpenAI API until Ctrl-C")
    .option("--port <N>", "listen on this port of 127.0.0.1 (0: any free one)", port, 0)
    .option("--seed <N>", "what its answers are made from", wholeNumber, 1)
    .option("--state-dir <FOLDER>", "keep files and batches here (default: a folder that goes when it ends)")
    .option("--fault <SPEC>", "make a call fail, as create:reset-after#1 (repeatable)", collect)
    .option("--speed <FACTOR>", "simulated seconds per second", positive, 1)
    .addHelpText("after", faultsText(about.faults))
    .action((flags: SimulateOptions) =>
      run(
        {
          command: "simulate",
          port: flags.port,
          seed: flags.seed,
          speed: flags.speed,
          faults: flags.fault ?? [],
          ...given("stateDir", flags.stateDir),
        },
        common(),
      ),
    );

  command("clean", "remove generated files; hand-edited ones and paid answers stay")
    .option("--orphans", "remove only files whose target is no more: a task was removed, renamed or made smaller")
    .option("--cache", "also remove from the cache what can be made again for free")
    .option("--include-paid", "with --cache: remove paid answers too; they would have to be paid for again")
    .option("-y, --yes", "with --include-paid: do not ask")
    .option("-n, --dry-run", "only say what would be removed")
    .action((flags: Partial<CleanFlags>) =>
      run(
        {
          command: "clean",
          orphans: flags.orphans ?? false,
          cache: flags.cache ?? false,
          includePaid: flags.includePaid ?? false,
          yes: flags.yes ?? false,
          dryRun: flags.dryRun ?? false,
        },
        common(),
      ),
    );

  command("cost", "show what was spent, is in flight, and was saved by reusing answers").action(() =>
    run({ command: "cost" }, common()),
  );

  command("cancel", "end batch jobs at the provider; what they have answered is kept")
    .argument("[JOB...]", "job ids, batch ids or request files (default: every job under way)")
    .option("-y, --yes", "do not ask")
    .action((jobs: string[], flags: { readonly yes?: boolean }) =>
      run({ command: "cancel", jobs, yes: flags.yes ?? false }, common()),
    );

  command("recover", "find this project's jobs again at the provider, when the cache is gone")
    .option("--forget <JOB>", "free the requests of a job of which you know that the provider did not execute it")
    .action((flags: { readonly forget?: string }) => run({ command: "recover", ...flags }, common()));

  command("import", "take in answers that were paid for elsewhere")
    .argument("[FOLDER]", "where scripts left requests/<task> and batch_outputs/<task>")
    .option("--input <FILE>", "a Batch API input file (repeatable)", collect)
    .option("--output <FILE>", "a downloaded output file that answers one (repeatable)", collect)
    .option(
      "--from-namespace <NAME>",
      "answers in this cache of the same provider under another address or organisation",
    )
    .action((folder: string | undefined, flags: ImportOptions) =>
      run(
        {
          command: "import",
          inputs: flags.input ?? [],
          outputs: flags.output ?? [],
          ...given("folder", folder),
          ...given("fromNamespace", flags.fromNamespace),
        },
        common(),
      ),
    );

  command("gc", "delete from the cache what the targets do not need; paid answers stay")
    .option("--include-paid", "delete paid answers that no target needs too; they would have to be paid for again")
    .option("-y, --yes", "with --include-paid: do not ask")
    .option("-n, --dry-run", "only say what would go")
    .action((flags: Partial<Omit<InvocationOf<"gc">, "command">>) =>
      run(
        {
          command: "gc",
          includePaid: flags.includePaid ?? false,
          yes: flags.yes ?? false,
          dryRun: flags.dryRun ?? false,
        },
        common(),
      ),
    );

  command("fsck", "check everything in the cache")
    .option("--repair", "write the index of answers and the journal anew from what can be read")
    .action((flags: { readonly repair?: boolean }) =>
      run({ command: "fsck", repair: flags.repair === true }, common()),
    );

  return program;

  function command(name: Invocation["command"], description: string): Command {
    return program.command(name).description(description);
  }
}

/** What a command's help lists besides its own options: all but --version, which is dsgen's own. */
function globalOptions(command: Command): Option[] {
  const parent = command.parent;
  return parent === null ? [] : parent.options.filter((option) => option.long !== "--version");
}

interface BuildOptions {
  readonly wait?: boolean;
  readonly poll?: number;
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly dryRun?: boolean;
  readonly maxCost?: number;
  readonly realtime?: boolean;
  readonly yes?: boolean;
  readonly limit?: number;
  readonly partial?: boolean;
  readonly retryRefused?: boolean;
  readonly cancelSurplus?: boolean;
  readonly checkDeterminism?: boolean;
  readonly lockTimeout?: number;
}

interface ImportOptions {
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly fromNamespace?: string;
}

interface SimulateOptions {
  readonly port: number;
  readonly seed: number;
  readonly stateDir?: string;
  readonly fault?: readonly string[];
  readonly speed: number;
}

/** The common options as commander leaves them. */
interface CommonOptions {
  readonly task?: string;
  readonly provider?: "auto" | "openai" | "simulator";
  readonly set?: readonly string[];
  readonly configDir?: string;
  readonly cacheDir?: string;
  readonly breakLock?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: "auto" | "always" | "never";
}

function commonFlags(options: CommonOptions): CommonFlags {
  return {
    set: options.set ?? [],
    json: options.json ?? false,
    quiet: options.quiet ?? false,
    verbose: options.verbose ?? false,
    color: options.color ?? "auto",
    ...given("task", options.task),
    ...given("provider", options.provider),
    ...given("configDir", options.configDir),
    ...given("cacheDir", options.cacheDir),
    ...given("breakLock", options.breakLock),
  };
}

/** A member that is there only when it has a value. */
function given<K extends string, T>(key: K, value: T | undefined): { readonly [key in K]?: T } {
  const member: { [key in K]?: T } = {};
  if (value !== undefined) member[key] = value;
  return member;
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function names(value: string): readonly string[] {
  const found = value.split(",").map((name) => name.trim());
  if (found.includes("")) throw new InvalidArgumentError("Expected names separated by commas.");
  return found;
}

function numberOf(value: string, accept: (number: number) => boolean, expected: string): number {
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (!Number.isFinite(number) || !accept(number)) throw new InvalidArgumentError(`Expected ${expected}.`);
  return number;
}

function amount(value: string): number {
  return numberOf(value, (number) => number >= 0, "a number of at least 0");
}

function positive(value: string): number {
  return numberOf(value, (number) => number > 0, "a number above 0");
}

function wholeNumber(value: string): number {
  return numberOf(value, (number) => Number.isSafeInteger(number) && number >= 0, "a whole number of at least 0");
}

function wholePositive(value: string): number {
  return numberOf(value, (number) => Number.isSafeInteger(number) && number > 0, "a whole number of at least 1");
}

function port(value: string): number {
  return numberOf(value, (number) => Number.isInteger(number) && number >= 0 && number <= 65_535, "a port: 0 to 65535");
}

function faultsText(faults: readonly string[]): string {
  if (faults.length === 0) return "";
  return `\nFaults, as OPERATION:KIND[=VALUE][#NTH[xTIMES]][~PROBABILITY]:\n${faults.map((line) => `  ${line}\n`).join("")}`;
}

function exitCodesText(): string {
  return `\nExit codes:\n${EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}\n`).join("")}`;
}
