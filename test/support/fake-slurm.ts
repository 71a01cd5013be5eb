import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/*
 * An sbatch, squeue, scontrol and scancel that do what a test tells them: for what a real Slurm will not do on demand. They are
 * programs in a folder that goes first on PATH; what they know is one JSON file, which a test reads and rewrites between calls.
 */

export interface FakeTask {
  state: string;
  reason: string;
  node: string;
  ran: string;
  /** Not listed. */
  hidden: boolean;
}

export interface FakeJob {
  readonly id: number;
  readonly name: string;
  /** Of a cluster's own words: what `--array`, `--exclude` and the rest were. */
  readonly args: readonly string[];
  readonly tasks: FakeTask[];
  /** So many looks still do not list it. */
  unlisted: number;
}

/** What one call answers instead of what it would. */
export interface FakeAnswer {
  /** Of sbatch and scancel: what was asked is done all the same. */
  readonly done?: boolean;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code?: number;
  /** Never answers. */
  readonly hangs?: boolean;
}

export interface FakeState {
  /** What `scontrol show config` prints. */
  config: string;
  /** More tasks than these at once are refused, with Slurm's words. */
  maxSubmit: number;
  jobs: FakeJob[];
  /** The next calls of a program are answered so, one each. */
  answers: Record<"sbatch" | "squeue" | "scontrol" | "scancel", FakeAnswer[]>;
  calls: string[];
}

export interface FakeSlurm {
  /** PATH, with the programs first. */
  readonly env: Readonly<Record<string, string>>;
  state(): FakeState;
  edit(change: (state: FakeState) => void): void;
  /** Calls of a program since the beginning. */
  count(program: string): number;
  remove(): void;
}

const FAKE_CONFIG = "Configuration data\nMaxArraySize            = 1001\nMaxJobCount             = 10000\n";

export function fakeSlurm(): FakeSlurm {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-fake-slurm-"));
  const file = join(folder, "state.json");
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(folder, "fake.cjs"), PROGRAM);
  for (const program of ["sbatch", "squeue", "scontrol", "scancel"]) {
    const path = join(bin, program);
    writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${folder}/fake.cjs' '${file}' ${program} "$@"\n`);
    chmodSync(path, 0o755);
  }
  const state = (): FakeState => JSON.parse(readFileSync(file, "utf8"));
  const edit = (change: (state: FakeState) => void) => {
    const now = state();
    change(now);
    writeFileSync(file, JSON.stringify(now));
  };
  const answers = { sbatch: [], squeue: [], scontrol: [], scancel: [] };
  const first: FakeState = { config: FAKE_CONFIG, maxSubmit: 1_000_000, jobs: [], answers, calls: [] };
  writeFileSync(file, JSON.stringify(first));
  return {
    env: { PATH: `${bin}:${process.env["PATH"] ?? ""}` },
    state,
    edit,
    count: (program) => state().calls.filter((call) => call.startsWith(`${program} `)).length,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const PROGRAM = `"use strict";
const { readFileSync, writeFileSync, writeSync } = require("node:fs");
const [file, program, ...args] = process.argv.slice(2);
const state = JSON.parse(readFileSync(file, "utf8"));
const word = (name) => args.find((arg) => arg.startsWith("--" + name + "="))?.slice(name.length + 3);
const named = () => (word("name") ?? "").split(",");
const end = (stdout, stderr = "", code = 0) => {
  writeFileSync(file, JSON.stringify(state));
  writeSync(1, stdout);
  writeSync(2, stderr);
  process.exit(code);
};
state.calls.push([program, ...args].join(" "));
const special = state.answers[program].shift();
const programs = {
  sbatch() {
    const count = Number(/^0-(\\d+)/.exec(word("array"))[1]) + 1;
    const live = state.jobs.flatMap((job) => job.tasks).filter(({ state }) => ["PENDING", "RUNNING"].includes(state));
    if (live.length + count > state.maxSubmit) return ["", "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)\\n", 1];
    const id = 100 + state.jobs.length;
    const tasks = Array.from({ length: count }, () => ({ state: "PENDING", reason: "Priority", node: "", ran: "0:00", hidden: false }));
    state.jobs.push({ id, name: word("job-name"), args, tasks, unlisted: 0 });
    return [id + "\\n"];
  },
  squeue() {
    const lines = [];
    for (const job of state.jobs) {
      if (!named().includes(job.name)) continue;
      if (job.unlisted-- > 0) continue;
      for (const [index, task] of job.tasks.entries())
        if (!task.hidden) lines.push([job.id, index, task.state, task.ran, task.node, task.reason, job.name].join("|"));
    }
    return [lines.map((line) => line + "\\n").join("")];
  },
  scontrol: () => [state.config],
  scancel() {
    for (const job of state.jobs)
      if (named().includes(job.name) || args.some((arg) => arg.split("_")[0] === String(job.id)))
        for (const task of job.tasks) if (["PENDING", "RUNNING"].includes(task.state)) task.state = "CANCELLED";
    return [""];
  },
};
if (special === undefined) end(...programs[program]());
if (special.done) programs[program]();
if (special.hangs) {
  writeFileSync(file, JSON.stringify(state));
  setTimeout(() => {}, 600_000);
} else end(special.stdout ?? "", special.stderr ?? "", special.code ?? 0);
`;
