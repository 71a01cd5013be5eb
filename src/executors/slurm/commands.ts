import { spawn } from "node:child_process";
import { err, ok, type Result } from "../../graph/result.ts";
import { isForWorkers } from "../worker-environment.ts";

/*
 * Slurm's own commands, and how a call of one can end. There is no library to link and no service to ask: a login node has
 * these programs, and they are the same from one version to the next.
 */

export type SlurmProgram = "sbatch" | "squeue" | "scontrol" | "scancel";

/**
 * Why a call gave nothing. Only `away`, `busy`, `refused` and `absent` prove that nothing was done: after `unclear` the
 * controller may have acted, or may yet.
 */
export type SchedulerError =
  | { readonly kind: "absent"; readonly message: string }
  | { readonly kind: "away"; readonly message: string }
  | { readonly kind: "busy"; readonly message: string }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "unclear"; readonly message: string };

export type Answered<T> = Result<T, SchedulerError>;

/** How a program ended: with a code and what it printed, or not within its time. */
export type Ended =
  | { readonly kind: "ended"; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: "unanswered" };

/** Runs one of Slurm's programs; what it printed. Never rejects, and never takes longer than its bound. */
export type RunSlurm = (program: SlurmProgram, args: readonly string[]) => Promise<Answered<string>>;

export interface Calling {
  /** All that the program sees of this process, and, by way of sbatch, all that a task sees of it. */
  readonly env: Readonly<Record<string, string>>;
  /** How long one call may take. */
  readonly boundMs: number;
}

/** What a cluster's own set-up needs beside what workers may see: where its configuration is, and what was loaded. */
const SETUP =
  /^(SLURM_CONF|SLURM_CONF_SERVER|SBATCH_(ACCOUNT|PARTITION|QOS|TIMELIMIT|RESERVATION|CONSTRAINT)|MODULEPATH|MODULESHOME|LOADEDMODULES|_LMFILES_|CONDA_PREFIX|VIRTUAL_ENV)$/;

/**
 * The part of an environment that Slurm's commands, and by way of sbatch the tasks, see: nothing by which somebody pays. The
 * variables of a job in which the coordinator itself may run are not the tasks', and others change what Slurm prints.
 */
export function seenByTasks(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => {
      const isSeen = SETUP.test(name) || (isForWorkers(name) && !name.startsWith("SLURM"));
      return isSeen && value !== undefined ? [[name, value]] : [];
    }),
  );
}

export function slurmCommands({ env, boundMs }: Calling): RunSlurm {
  return async (program, args) => answerOf(program, await run(program, args, env, boundMs));
}

/** 64 MB: a queue of a hundred thousand tasks is six. */
const MOST_OUTPUT = 64 * 1024 * 1024;

/**
 * By way of `timeout`, which outlives this process: an sbatch whose caller was killed would otherwise go on trying for as
 * long as it likes, and nobody could say when it can no longer have been acted on. In a session of its own: Ctrl-C at the
 * terminal is for the build, and cuts no submission in half.
 */
function run(
  program: SlurmProgram,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  boundMs: number,
): Promise<Ended> {
  return new Promise((resolve) => {
    const bound = String(Math.ceil(boundMs / 1000));
    const child = spawn("timeout", ["--signal=KILL", bound, program, ...args], {
      // One language and one clock's format: words are read.
      env: { ...env, LC_ALL: "C", SLURM_TIME_FORMAT: "standard" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const [out, said]: [Buffer[], Buffer[]] = [[], []];
    let size = 0;
    const keep = (parts: Buffer[]) => (part: Buffer) => {
      size += part.length;
      if (size <= MOST_OUTPUT) parts.push(part);
    };
    child.stdout.on("data", keep(out));
    child.stderr.on("data", keep(said));
    child.once("error", (error) => resolve({ kind: "ended", code: 127, stdout: "", stderr: error.message }));
    child.once("close", (code) => {
      const [stdout, stderr] = [Buffer.concat(out).toString("utf8"), Buffer.concat(said).toString("utf8")];
      // 137: `timeout` has killed it, and itself with it.
      if (code === null || code === 124 || code === 137 || size > MOST_OUTPUT) resolve({ kind: "unanswered" });
      else resolve({ kind: "ended", code, stdout, stderr });
    });
  });
}

/** The controller did not take the call: nothing can have been done. */
const AWAY = /connect failure|connection refused|unable to resolve|could not establish a configuration source/i;
/** It took it, and says that this is no time for it. */
const BUSY =
  /temporarily unable|resource temporarily unavailable|job violates accounting\/qos policy|job submit limit|maximum (number of )?jobs?|in standby mode|try again|rate.?limit/i;
/** The answer got lost on its way. */
const LOST =
  /timed out|receive failure|send failure|zero bytes|shutdown failure|unexpected message|protocol|invalid authentication credential/i;

/** What the end of a program says of what was asked. */
export function answerOf(program: SlurmProgram, ended: Ended): Answered<string> {
  if (ended.kind === "unanswered") return err({ kind: "unclear", message: `${program} did not end in its time` });
  const { code, stdout, stderr } = ended;
  if (code === 0) return ok(stdout);
  const message = lastWords(stderr) || `${program} ended with ${code}`;
  if (code === 127 || code === 126) return err({ kind: "absent", message: `there is no ${program} here (${message})` });
  if (LOST.test(stderr)) return err({ kind: "unclear", message });
  if (AWAY.test(stderr)) return err({ kind: "away", message });
  if (BUSY.test(stderr)) return err({ kind: "busy", message });
  // A program that says why has had an answer. One that ended without a word has not.
  return err({ kind: stderr.trim() === "" ? "unclear" : "refused", message });
}

function lastWords(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^\*+$/.test(line));
  return (lines.at(-1) ?? "").slice(0, 500);
}
