import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";

/** One line of the table. `ours` and `peer` were measured in turn in the same session; the bar is on their ratio. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  readonly ratio: number;
  /** What the ratio is to stay under (`≤`) or over (`≥`); null where the full measurement is another one. */
  readonly bar: { readonly sign: "≤" | "≥"; readonly value: number } | null;
  readonly note?: string;
}

/** Node without what makes it start late here and not elsewhere. */
export const CLEAN_ENV: NodeJS.ProcessEnv = withoutSlowStart();

/** Milliseconds that a process takes from start to end. Throws when it ends with another code than 0. */
export function runMs(command: string, args: readonly string[], cwd: string): number {
  const start = performance.now();
  const ran = spawnSync(command, args, { cwd, env: CLEAN_ENV, stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 28 });
  const took = performance.now() - start;
  if (ran.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${ran.status}\n${ran.stderr.toString("utf8")}`);
  return took;
}

/** Medians of two measurements taken turn by turn, so that a busy moment of the machine meets both. */
export function inTurn(times: number, ours: () => number, peer: () => number): { ours: number; peer: number } {
  const a: number[] = [];
  const b: number[] = [];
  for (let i = 0; i < times; i++) {
    a.push(ours());
    b.push(peer());
  }
  return { ours: median(a), peer: median(b) };
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
