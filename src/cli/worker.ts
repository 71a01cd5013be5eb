import { availableParallelism, hostname, tmpdir } from "node:os";
import type { TokenizerConfig } from "../config/project-config.ts";
import { Modules } from "../engine/modules.ts";
import type { ContentIndex } from "../engine/ports.ts";
import { readWork } from "../executors/work-file.ts";
import { runWork, type WorkerSurroundings } from "../executors/worker.ts";
import { isForWorkers } from "../executors/worker-environment.ts";
import type { Digest } from "../graph/digest.ts";
import { problemsText } from "../report/problems.ts";
import { writeLine } from "../report/reporter.ts";
import { ifThere } from "../store/durable.ts";
import { digestOfFile, fingerprintOfFile } from "../store/hash-file.ts";
import { storePaths } from "../store/layout.ts";
import { Tokenizers } from "../tokenizers/tokenizers.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { COUNT, type Given, number, operand } from "./options.ts";
import { dsgenBuild, packageRoot } from "./surroundings.ts";

const takes = {
  file: operand("<DESCRIPTOR>", "a file of actions that dsgen build has handed over"),
  part: number("<N>", "which part of the file, from 0 (default: the index of the array's task, or 0)", COUNT),
};

/**
 * `dsgen worker`: makes one part of what a build has handed over, in a process of its own, maybe on another machine. It sees no
 * key, asks no provider, takes no lock and writes no journal. Ends with 0 when all of it is made.
 */
export const worker = command({
  name: "worker",
  about: "make a part of what a build has handed to other machines: they run it, people need not",
  examples: [["dsgen worker .dsgen-cache/v1/elsewhere/work/ID.jsonl --part 3", "what one task of a job array runs"]],
  takes,
  run: runWorker,
});

async function runWorker(context: CommandContext, asked: Given<typeof takes>): Promise<ExitCode> {
  const { env } = context.io;
  for (const name of Object.keys(env)) if (!isForWorkers(name)) delete env[name];
  const part = asked.part ?? Number(env["SLURM_ARRAY_TASK_ID"] ?? 0);
  const work = readWork(asked.file, part);
  if (!work.ok) return context.refuse([work.error], EXIT.usage);
  const { projectRoot, cacheDir } = work.value.head;
  const paths = storePaths(cacheDir, projectRoot);
  let undone = false;
  const surroundings: WorkerSurroundings = {
    build: dsgenBuild(),
    node: process.version,
    paths,
    modules: Modules.open(projectRoot, packageRoot(), readAnew),
    toolOf: toolsIn(projectRoot, paths.tables, env),
    scratch: env["SLURM_TMPDIR"] ?? tmpdir(),
    threads: availableParallelism(),
    signal: context.signal,
    host: env["SLURMD_NODENAME"] ?? hostname(),
    tell: ({ target }, result) => {
      undone ||= result.state !== "made";
      if (context.common.json) writeLine(context.io.stdout, { type: "worked", target, ...resultLine(result) });
      else if (result.state === "made") context.io.stdout.write(`made ${target}\n`);
      if (result.state !== "made") context.io.stderr.write(problemsText([result.problem], context.errStyle));
    },
  };
  await runWork(work.value, surroundings);
  return undone ? EXIT.failed : EXIT.upToDate;
}

function resultLine(result: Parameters<WorkerSurroundings["tell"]>[1]) {
  return result.state === "made"
    ? { state: result.state, durationMs: Math.round(result.durationMs) }
    : { state: result.state, problem: result.problem };
}

/** Reads what is asked for: what another machine noted of a file's times is nothing to go by. */
const readAnew: ContentIndex = {
  fingerprint: (path) => ifThere(() => fingerprintOfFile(path)),
  digest: (path) => ifThere(() => digestOfFile(path).digest),
  learn: () => undefined,
};

/** Each tokenizer's files are read once. Nothing is fetched: the coordinator has seen to it that they are there. */
function toolsIn(projectRoot: string, tables: string, environment: NodeJS.ProcessEnv): WorkerSurroundings["toolOf"] {
  const digests = new Map<string, Digest | undefined>();
  const content: ContentIndex = {
    ...readAnew,
    digest: (path) => {
      if (!digests.has(path)) digests.set(path, readAnew.digest(path));
      return digests.get(path);
    },
  };
  const shared = { projectRoot, content, tables: { folder: tables, writable: false }, environment };
  return ({ name }, declared) => {
    // It was checked with the config, and came whole from a dsgen that is this one.
    const tokenizers = { [name]: declared as unknown as TokenizerConfig };
    return new Tokenizers({ ...shared, tokenizers });
  };
}
