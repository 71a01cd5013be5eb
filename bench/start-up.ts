import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inTurn, milliseconds, type Row, runMs } from "./measure.ts";

/** `--version`, `--help` and a build of the default pipeline with nothing to do, against `node -e 0`. */
export function startUpRows(repository: string, scratch: string): Row[] {
  const launcher = join(repository, "bin", "dsgen.js");
  const dsgen = (args: readonly string[], cwd: string) => runMs(process.execPath, [launcher, ...args], cwd);
  const bare = () => runMs(process.execPath, ["-e", "0"], scratch);
  const rows: Row[] = [];
  for (const option of ["--version", "--help"]) {
    const { ours, peer } = inTurn(15, () => dsgen([option], scratch), bare);
    rows.push(row(`dsgen ${option}`, ours, peer, 1.3));
  }
  cpSync(join(repository, "config"), join(scratch, "config"), { recursive: true });
  // The shipped pipeline with fewer requests: as many targets, sooner built.
  const task = join(scratch, "config", "tasks", "refusal.yaml");
  const small = readFileSync(task, "utf8").replace(/^requests_per_batch: .*$/m, "requests_per_batch: 2");
  writeFileSync(task, small);
  dsgen(["build", "--wait", "--set", "dsgen.simulator.speed=100"], scratch);
  const { ours, peer } = inTurn(9, () => dsgen(["build"], scratch), bare);
  rows.push(row("null build of the default pipeline", ours, peer, 2));
  return rows;
}

function row(what: string, ours: number, peer: number, bar: number): Row {
  const against = `node -e 0: ${milliseconds(peer)}`;
  return { what, ours: milliseconds(ours), peer: against, ratio: ours / peer, bar: { sign: "≤", value: bar } };
}
