import { expect, test } from "vitest";
import type { CommonFlags, Invocation } from "../../src/cli/invocation.ts";
import { createProgram } from "../../src/cli/program.ts";
import type { GlobalOptions } from "../../src/cli/session-options.ts";
import { ProblemError } from "../../src/graph/problem.ts";
import { err } from "../../src/graph/result.ts";
import { dsgen, jsonLines, temporaryFolder } from "./terminal.ts";

async function read(...argv: string[]): Promise<{ readonly invocation: Invocation; readonly common: CommonFlags }> {
  let found: { readonly invocation: Invocation; readonly common: CommonFlags } | undefined;
  const program = createProgram(
    { writeOut: () => undefined, writeErr: () => undefined },
    (invocation, common) => {
      found = { invocation, common };
      return Promise.resolve();
    },
    { version: "0", faults: [] },
  );
  await program.parseAsync(argv, { from: "user" });
  if (found === undefined) throw new Error("no command ran");
  return found;
}

test("every option of build, and common options before and after the command", async () => {
  const argv =
    "--task refusal build a b --wait --poll 2.5 -j 3 -k -n --max-cost 1.5 --lock-timeout 0 --realtime --limit 20 --retry-refused --yes --cancel-surplus";
  const common = "--provider simulator --set a=1 --set b=2 --config-dir c --cache-dir d --json -q -v --color never";
  expect(await read(...argv.split(" "), ...common.split(" "))).toEqual({
    invocation: {
      command: "build",
      targets: ["a", "b"],
      wait: true,
      keepGoing: true,
      dryRun: true,
      realtime: true,
      partial: false,
      retryRefused: true,
      yes: true,
      checkDeterminism: false,
      cancelSurplus: true,
      limit: 20,
      pollSeconds: 2.5,
      jobs: 3,
      maxCostUsd: 1.5,
      lockTimeoutSeconds: 0,
    },
    common: {
      task: "refusal",
      provider: "simulator",
      set: ["a=1", "b=2"],
      configDir: "c",
      cacheDir: "d",
      json: true,
      quiet: true,
      verbose: true,
      color: "never",
    },
  });
});

test("what is not said is not there", async () => {
  expect(await read("build")).toEqual({
    invocation: {
      command: "build",
      targets: [],
      wait: false,
      keepGoing: false,
      dryRun: false,
      realtime: false,
      partial: false,
      retryRefused: false,
      yes: false,
      checkDeterminism: false,
      cancelSurplus: false,
    },
    common: { set: [], json: false, quiet: false, verbose: false, color: "auto" },
  });
});

test("the other commands", async () => {
  const invocations = async (text: string) => (await read(...text.split(" "))).invocation;
  expect(await invocations("plan a --max-cost 0")).toEqual({
    command: "plan",
    targets: ["a"],
    retryRefused: false,
    realtime: false,
    maxCostUsd: 0,
  });
  expect(await invocations("plan --realtime --limit 3")).toEqual({
    command: "plan",
    targets: [],
    retryRefused: false,
    realtime: true,
    limit: 3,
  });
  expect(await invocations("import --from-namespace openai:host:-:-")).toEqual({
    command: "import",
    inputs: [],
    outputs: [],
    fromNamespace: "openai:host:-:-",
  });
  expect(await invocations("status")).toEqual({ command: "status" });
  expect(await invocations("explain a")).toEqual({ command: "explain", target: "a" });
  expect(await invocations("graph --format dot")).toEqual({ command: "graph", targets: [], format: "dot" });
  expect(await invocations("validate f --show-failures --tokenizers qwen,solar")).toEqual({
    command: "validate",
    file: "f",
    showFailures: true,
    tokenizers: ["qwen", "solar"],
  });
  expect(await invocations("inspect f --limit 0")).toEqual({ command: "inspect", file: "f", limit: 0, full: false });
  expect(await invocations("simulate --port 8080 --seed 7 --state-dir s --fault a:b --fault c:d --speed 60")).toEqual({
    command: "simulate",
    port: 8080,
    seed: 7,
    stateDir: "s",
    faults: ["a:b", "c:d"],
    speed: 60,
  });
  expect(await invocations("clean --cache --include-paid -n")).toEqual({
    command: "clean",
    orphans: false,
    cache: true,
    includePaid: true,
    yes: false,
    dryRun: true,
  });
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
  const seen: GlobalOptions[] = [];
  const refuse = (options: GlobalOptions) => {
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
      cwd: "/",
      env: { LANG: "C.UTF-8" },
      set: [],
      task: "refusal",
      command: "dsgen build",
      wait: true,
      keepGoing: false,
      realtime: false,
      retryRefused: false,
      partial: false,
      beforeSending: expect.any(Function),
      maxCostUsd: 2,
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
