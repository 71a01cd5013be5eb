import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";

/** What a piece of work took: milliseconds on the wall, and of processor time (user and system, all threads). */
export interface Took {
  readonly wall: number;
  readonly processor: number;
}

/** One line of the table. `ours` and `peer` were measured in turn in the same session; the bar is on their ratio. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  /** Ours for one of the peer's: what a later run compares with. */
  readonly ratio: number;
  /** What `ratio` is to stay under (`≤`) or over (`≥`); null where the bar is another row's. */
  readonly bar: Bar | null;
}

export interface Bar {
  readonly sign: "≤" | "≥";
  readonly value: number;
}

/** Node without what makes it start late here and not elsewhere. */
export const CLEAN_ENV: NodeJS.ProcessEnv = withoutSlowStart();

const USED = `import { writeFileSync } from "node:fs";
process.on("exit", () => writeFileSync(process.env.USED, JSON.stringify(process.resourceUsage())));`;

/** A module for Node's `--import`: what the process has used in the end goes to the file that USED names. */
export const TELL_USED = `data:text/javascript,${encodeURIComponent(USED)}`;

/** Bash tells what a process and its children took in milliseconds; Node tells it of itself only. */
const TIMED = 'TIMEFORMAT="%3R %3U %3S"; { time "$@" 2>&3 >/dev/null; } 3>&2';
const FIGURES = /(\d+)[.,](\d+) (\d+)[.,](\d+) (\d+)[.,](\d+)\s*$/;

/** Runs a program to its end. Throws when it ends with another code than 0. */
export function run(command: string, args: readonly string[], cwd: string): Took {
  const timed = ["-c", TIMED, "bash", command, ...args];
  const ran = spawnSync("bash", timed, { cwd, env: CLEAN_ENV, stdio: ["ignore", "ignore", "pipe"] });
  const stderr = ran.stderr?.toString("utf8") ?? "";
  const found = FIGURES.exec(stderr);
  if (ran.status !== 0 || found === null)
    throw new Error(`${command} ${args.join(" ")}: ${ran.error?.message ?? ran.status}\n${stderr}`);
  const [real = 0, user = 0, system = 0] = [1, 3, 5].map((i) => Number(`${found[i]}${found[i + 1]}`));
  return { wall: real, processor: user + system };
}

/** The same of work in this process. */
export async function timed(work: () => Promise<unknown> | unknown): Promise<Took> {
  const start = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wall: performance.now() - start, processor: (user + system) / 1000 };
}

/** Medians of measurements taken turn by turn, so that a busy moment of the machine meets them all. */
export function inTurn(times: number, ...works: readonly (() => Took)[]): Took[] {
  const rounds = Array.from({ length: times }, () => works.map((work) => work()));
  return works.map((_, n) => medianTook(rounds.flatMap((round) => round[n] ?? [])));
}

export function medianTook(all: readonly Took[]): Took {
  return { wall: median(all.map(({ wall }) => wall)), processor: median(all.map(({ processor }) => processor)) };
}

/** A row whose ratio is that of processor times; of times on the wall where it is the disk that one waits for. */
export function row(
  what: string,
  ours: Took,
  peer: string,
  theirs: Took,
  bar: Bar | null,
  by: keyof Took = "processor",
): Row {
  return { what, ours: shown(ours), peer: `${peer}: ${shown(theirs)}`, ratio: ours[by] / theirs[by], bar };
}

/** `41 ms (38)`: on the wall, and of processor time. */
function shown({ wall, processor }: Took): string {
  return `${milliseconds(wall)} (${processor.toFixed(processor < 10 ? 1 : 0)})`;
}

export function atMost(value: number): Bar {
  return { sign: "≤", value };
}

export function isMet({ bar, ratio }: Row): boolean {
  return bar === null || (bar.sign === "≤" ? ratio <= bar.value : ratio >= bar.value);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** Is this program there? */
export function hasProgram(name: string): boolean {
  return spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0;
}

function withoutSlowStart(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of ["NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "OPENAI_API_KEY", "OPENAI_BASE_URL", "CI"])
    delete env[name];
  return env;
}
