import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { problemOfSystem } from "../engine/blocked-path.ts";
import type { Problem } from "../graph/problem.ts";
import { type Fault, parseFault } from "../simulator/faults.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../simulator/server.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { SimulateFlags } from "./invocation.ts";

/** `dsgen simulate`: the simulator as a server of its own, until it is interrupted; that is its ordinary end. */
export async function runSimulate(context: CommandContext, flags: SimulateFlags): Promise<ExitCode> {
  const faults = readFaults(flags.faults);
  if (faults.problems.length > 0) {
    context.problems(faults.problems);
    return EXIT.usage;
  }
  const own = flags.stateDir === undefined;
  const stateDir =
    flags.stateDir === undefined
      ? mkdtempSync(join(tmpdir(), "dsgen-simulator-"))
      : resolve(context.io.cwd, flags.stateDir);
  try {
    const server = await start(context, {
      stateDir,
      seed: flags.seed,
      port: flags.port,
      timing: { scale: 1 / flags.speed },
      faults: faults.faults,
    });
    if (server === undefined) return EXIT.failed;
    tell(context, server, own ? undefined : stateDir);
    await interrupted(context.signal);
    await server.close();
    return EXIT.upToDate;
  } finally {
    if (own) rmSync(stateDir, { recursive: true, force: true });
  }
}

function readFaults(specs: readonly string[]): {
  readonly faults: readonly Fault[];
  readonly problems: readonly Problem[];
} {
  const faults: Fault[] = [];
  const problems: Problem[] = [];
  for (const spec of specs) {
    const fault = parseFault(spec);
    if (fault.ok) faults.push(fault.value);
    else problems.push(fault.error);
  }
  return { faults, problems };
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
