import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { problemOfSystem } from "../engine/blocked-path.ts";
import type { Problem } from "../graph/problem.ts";
import { columns } from "../report/format.ts";
import { FAULT_CATALOGUE, parseFault } from "../simulator/faults.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../simulator/server.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { COUNT, type Given, number, PORT, POSITIVE, several, text } from "./options.ts";

const takes = {
  port: { ...number("<N>", "listen on this port of 127.0.0.1 (0: any free one)", PORT), absent: 0 },
  seed: { ...number("<N>", "what its answers are made from", COUNT), absent: 1 },
  stateDir: text("<FOLDER>", "keep files and batches here (default: a folder that goes when it ends)"),
  fault: several("<SPEC>", "make a call fail, as create:reset-after#1 (repeatable)"),
  speed: { ...number("<FACTOR>", "simulated seconds per second", POSITIVE), absent: 1 },
};

/** `dsgen simulate`: the simulator as a server of its own, until it is interrupted; that is its ordinary end. */
export const simulate = command({
  name: "simulate",
  about: "serve a local imitation of the OpenAI API until Ctrl-C",
  examples: [
    ["dsgen simulate --port 4010 --speed 60", "an API to try scripts on; name it with OPENAI_BASE_URL"],
    ["dsgen simulate --fault create:reset-after#1", "the same, cutting the first create off after it was done"],
  ],
  takes,
  helpEnd: `\nFaults, as OPERATION:KIND[=VALUE][#NTH[xTIMES]][~PROBABILITY]:\n${faultHelp()
    .map((line) => `  ${line}\n`)
    .join("")}`,
  run: runSimulate,
});

/** The faults that `--fault` takes, one line each. */
export function faultHelp(): readonly string[] {
  return columns(FAULT_CATALOGUE.map(({ kind, about }) => [kind, about]));
}

async function runSimulate(context: CommandContext, asked: Given<typeof takes>): Promise<ExitCode> {
  const read = asked.fault.map(parseFault);
  const wrong = read.flatMap((fault) => (fault.ok ? [] : [fault.error]));
  if (wrong.length > 0) return context.refuse(wrong);
  const own = asked.stateDir === undefined;
  const stateDir = own ? mkdtempSync(join(tmpdir(), "dsgen-simulator-")) : resolve(context.io.cwd, asked.stateDir);
  const options: SimulatorOptions = {
    stateDir,
    seed: asked.seed,
    port: asked.port,
    timing: { scale: 1 / asked.speed },
    faults: read.flatMap((fault) => (fault.ok ? [fault.value] : [])),
  };
  try {
    const server = await start(context, options);
    if (server === undefined) return EXIT.failed;
    tell(context, server, own ? undefined : stateDir);
    await interrupted(context.signal);
    await server.close();
    return EXIT.upToDate;
  } finally {
    if (own) rmSync(stateDir, { recursive: true, force: true });
  }
}

async function start(context: CommandContext, options: SimulatorOptions): Promise<Simulator | undefined> {
  try {
    return await startSimulator(options);
  } catch (error) {
    const problem = startProblem(error, options);
    if (problem === undefined) throw error;
    context.problems([problem]);
    return undefined;
  }
}

function startProblem(error: unknown, options: SimulatorOptions): Problem | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const where = `--port ${options.port ?? 0}`;
  if (code === "EADDRINUSE") {
    return {
      kind: "io",
      where,
      message: "something else listens on this port already.",
      fix: "Name another, or 0 for any free one.",
    };
  }
  if (code === "EACCES") {
    return {
      kind: "permission",
      where,
      message: "this port (or the state folder) is not yours to use.",
      fix: "Name a port above 1023, and a folder you may write to.",
    };
  }
  return problemOfSystem(error, `--state-dir ${options.stateDir}`);
}

function tell(context: CommandContext, server: Simulator, stateDir: string | undefined): void {
  const env = { OPENAI_BASE_URL: `${server.url}/v1`, OPENAI_API_KEY: "simulated-key" };
  const state = stateDir === undefined ? "Its state goes when it ends." : `Its state is kept in ${stateDir}.`;
  context.result(
    () =>
      `A simulated OpenAI API is at ${server.url}/v1. Its answers are made up. ${state}\n\n` +
      Object.entries(env)
        .map(([name, value]) => `  export ${name}=${value}\n`)
        .join("") +
      "\nCtrl-C ends it.\n",
    () => [{ type: "simulator", url: server.url, env }],
  );
}

function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolvePromise) => {
    if (signal.aborted) resolvePromise();
    else signal.addEventListener("abort", () => resolvePromise(), { once: true });
  });
}
