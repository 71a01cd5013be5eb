import { expect, test } from "vitest";
import { createProgram } from "../../src/cli/command.ts";
import { allCommands } from "../../src/cli/main.ts";
import type { SessionOptions } from "../../src/cli/options.ts";
import { ProblemError } from "../../src/graph/problem.ts";
import { err } from "../../src/graph/result.ts";
import { dsgen, jsonLines, temporaryFolder } from "./terminal.ts";

const OUTPUT = { writeOut: () => undefined, writeErr: () => undefined };
const COMMON = {
  task: undefined,
  provider: undefined,
  set: [],
  configDir: undefined,
  cacheDir: undefined,
  breakLock: false,
  json: false,
  quiet: false,
  verbose: false,
  color: "auto",
};

async function read(...argv: string[]) {
  let found: { readonly command: string; readonly given: unknown; readonly common: unknown } | undefined;
  const program = createProgram("0", OUTPUT, await allCommands(), (command, given, common) => {
    found = { command: command.name, given, common };
    return Promise.resolve();
  });
  await program.parseAsync(argv, { from: "user" });
  if (found === undefined) throw new Error("no command ran");
  return found;
}

test("every option of build, and common options before and after the command", async () => {
  const argv =
    "--task refusal build a b --wait --poll 2.5 -j 3 -k -n --max-cost 1.5 --lock-timeout 0 --realtime --limit 20 --retry-refused --buy-again --yes --cancel-surplus";
  const common =
    "--provider simulator --set a=1 --set b=2 --config-dir c --cache-dir d --break-lock --json -q -v --color never";
  expect(await read(...argv.split(" "), ...common.split(" "))).toEqual({
    command: "build",
    given: {
      targets: ["a", "b"],
      wait: true,
      keepGoing: true,
      dryRun: true,
      realtime: true,
      partial: false,
      retryRefused: true,
      buyAgain: true,
      yes: true,
      checkDeterminism: false,
      cancelSurplus: true,
      limit: 20,
      poll: 2.5,
      jobs: 3,
      maxCost: 1.5,
      lockTimeout: 0,
    },
    common: {
      task: "refusal",
      provider: "simulator",
      set: ["a=1", "b=2"],
      configDir: "c",
      cacheDir: "d",
      breakLock: true,
      json: true,
      quiet: true,
      verbose: true,
      color: "never",
    },
  });
});

test("what is not said is not there", async () => {
  expect(await read("build")).toEqual({
    command: "build",
    given: {
      targets: [],
      wait: false,
      keepGoing: false,
      dryRun: false,
      realtime: false,
      partial: false,
      retryRefused: false,
      buyAgain: false,
      yes: false,
      checkDeterminism: false,
      cancelSurplus: false,
    },
    common: COMMON,
  });
});

test.each([
  ["plan a --max-cost 0", { targets: ["a"], retryRefused: false, realtime: false, maxCost: 0 }],
  ["plan --realtime --limit 3", { targets: [], retryRefused: false, realtime: true, limit: 3 }],
  ["import --from-namespace openai:host:-:-", { input: [], output: [], fromNamespace: "openai:host:-:-" }],
  ["import f --input a --input b --output c", { folder: "f", input: ["a", "b"], output: ["c"] }],
  ["status", {}],
  ["cost", {}],
  ["explain a", { target: "a" }],
  ["graph", { targets: [], format: "text" }],
  ["graph --format dot", { targets: [], format: "dot" }],
  [
    "validate f --show-failures --tokenizers qwen,solar",
    { file: "f", showFailures: true, tokenizers: ["qwen", "solar"] },
  ],
  ["inspect f", { file: "f", limit: 3, full: false }],
  ["inspect f --limit 0 --full", { file: "f", limit: 0, full: true }],
  ["simulate", { port: 0, seed: 1, fault: [], speed: 1 }],
  [
    "simulate --port 8080 --seed 7 --state-dir s --fault a:b --fault c:d --speed 60",
    { port: 8080, seed: 7, stateDir: "s", fault: ["a:b", "c:d"], speed: 60 },
  ],
  ["clean --cache --include-paid -n", { orphans: false, cache: true, includePaid: true, yes: false, dryRun: true }],
  ["cancel a b -y", { jobs: ["a", "b"], yes: true }],
  ["recover --forget a", { forget: "a" }],
  ["gc --include-paid -y -n", { includePaid: true, yes: true, dryRun: true }],
  ["fsck --repair", { repair: true }],
])("%s", async (text, given) => {
  expect(await read(...text.split(" "))).toEqual({ command: text.split(" ")[0], given, common: COMMON });
});

test("a command is found behind common options and their values, and no other is loaded for it", async () => {
  const { stdout } = await dsgen(["--task", "build", "--set", "a=1", "plan", "--help"]);
  expect(stdout).toContain("Usage: dsgen plan ");
  expect((await dsgen(["help", "gc"])).stdout).toContain("Usage: dsgen gc ");
  const help = await dsgen(["--task", "gc", "--help"]);
  for (const { name } of await allCommands()) expect(help.stdout).toMatch(new RegExp(`^  ${name} `, "m"));
});

test.each([
  [["bild"], "error: dsgen: unknown command 'bild'.\n  → Did you mean build?\n"],
  [["build", "--wiat"], "error: dsgen build: unknown option '--wiat'.\n  → Did you mean --wait?\n"],
  [["explain"], "error: dsgen explain: missing required argument 'TARGET'.\n  → See dsgen explain --help.\n"],
  [["status", "a"], "error: dsgen status: too many arguments for 'status'. Expected 0 arguments but got 1.\n"],
  [["build", "--jobs", "0"], "Expected a whole number of at least 1."],
  [["build", "--jobs", "1.5"], "Expected a whole number of at least 1."],
  [["build", "--max-cost", "-1"], "Expected a number of at least 0."],
  [["build", "--max-cost", "NaN"], "Expected a number of at least 0."],
  [["build", "--poll", ""], "Expected a number above 0."],
  [["simulate", "--port", "70000"], "Expected a port: 0 to 65535."],
  [["validate", "f", "--tokenizers", "a,,b"], "Expected names separated by commas."],
  [["--provider", "claude", "build"], "Allowed choices are auto, openai, simulator."],
  [["build", "--partial", "--wait"], "cannot be used with"],
  [["build", "--partial", "--retry-refused"], "cannot be used with"],
  [["build", "--limit", "3"], "error: --limit 3: it bounds what --realtime asks"],
  [["clean", "--include-paid"], "error: --include-paid: paid answers are in the cache"],
  [["simulate", "--fault", "create:nonsense"], 'there is no fault "nonsense"'],
])("wrong usage %j ends with 2 and says what to do", async (argv, message) => {
  const { code, stdout, stderr } = await dsgen(argv);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
  expect(stderr).toContain("→");
});

test("under --json an error is a line, too", async () => {
  const { code, stdout, stderr } = await dsgen(["build", "--json", "--wiat"]);
  expect(code).toBe(2);
  expect(jsonLines(stdout)).toEqual([
    {
      type: "problem",
      problem: {
        kind: "usage",
        where: "dsgen build",
        message: "unknown option '--wiat'.",
        fix: "Did you mean --wait?",
      },
    },
  ]);
  expect(stderr).toContain("--wiat");
});

test("help is no error; no command at all is one", async () => {
  const help = await dsgen(["build", "--help"]);
  expect([help.code, help.stderr]).toEqual([0, ""]);
  expect(help.stdout).toContain("--max-cost <USD>");
  expect(help.stdout).toContain("--cache-dir <FOLDER>");
  for (const line of help.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  const faults = await dsgen(["simulate", "--help"]);
  expect(faults.stdout).toContain("reset-after");
  const nothing = await dsgen([]);
  expect([nothing.code, nothing.stdout]).toEqual([2, ""]);
  expect(nothing.stderr).toContain("Usage: dsgen");
  const version = await dsgen(["--version"]);
  expect([version.code, version.stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
});

test("no project: where it was looked for, and nothing done", async () => {
  const { code, stderr } = await dsgen(["plan"], { cwd: temporaryFolder() });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: .*config/);
});

test("what a command gives the session, and how its problems end", async () => {
  const seen: SessionOptions[] = [];
  const refuse = ({ options }: { readonly options: SessionOptions }) => {
    seen.push(options);
    const locked = { kind: "locked", where: ".dsgen-cache/lock", message: "process 1 holds it." } as const;
    return Promise.resolve(err([locked, locked]));
  };
  const opener = () => Promise.resolve({ store: refuse, jobs: refuse, graph: refuse });
  const { code, stderr } = await dsgen(["build", "--wait", "--max-cost", "2", "--task", "refusal"], {
    opener,
    cwd: "/",
  });
  expect(code).toBe(9);
  expect(stderr).toBe("error: .dsgen-cache/lock: process 1 holds it.\n");
  expect(seen).toEqual([
    {
      ...COMMON,
      cwd: "/",
      env: { LANG: "C.UTF-8" },
      task: "refusal",
      command: "dsgen build",
      targets: [],
      wait: true,
      keepGoing: false,
      dryRun: false,
      realtime: false,
      retryRefused: false,
      partial: false,
      buyAgain: false,
      yes: false,
      cancelSurplus: false,
      checkDeterminism: false,
      beforeSending: expect.any(Function),
      readShared: true,
      maxCost: 2,
    },
  ]);
});

test("a thrown problem is told as one; anything else is a bug, with its stack", async () => {
  const failing = (error: Error) => ({ opener: () => Promise.reject(error) });
  const problem = new ProblemError({ kind: "disk-full", where: "a", message: "the disk is full.", fix: "Free some." });
  expect(await dsgen(["plan"], failing(problem))).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: a: the disk is full.\n  → Free some.\n",
  });
  const full = Object.assign(new Error("ENOSPC: no space"), { code: "ENOSPC", path: "/x/y" });
  expect(await dsgen(["plan"], failing(full))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("error: /x/y: the disk is full."),
  });
  const bug = await dsgen(["plan"], failing(new TypeError("reading 'x'")));
  expect(bug.code).toBe(70);
  expect(bug.stderr).toContain("this is a bug in dsgen");
  expect(bug.stderr).toMatch(/TypeError: reading 'x'\n\s+at /);
});

test("an interruption outranks the problem it causes", async () => {
  const signal = AbortSignal.abort();
  const aborted = Object.assign(new Error("aborted"), { name: "AbortError" });
  expect(await dsgen(["plan"], { opener: () => Promise.reject(aborted), signal })).toMatchObject({
    code: 130,
    stderr: "",
  });
});
