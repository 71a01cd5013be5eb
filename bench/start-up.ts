import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atMost, inTurn, type Row, row, run } from "./measure.ts";

const BARE = "node -e 0";
/** What commands that open the project may take, in starts of bare Node: fewer where Node keeps compiled code itself. */
const OPENING = Number(process.versions.node.split(".")[0]) >= 24 ? 4 : 5;

/**
 * Commands that people and machines call all day, against Node's own start: those that open nothing, a build of the shipped
 * pipeline with nothing to do, those that open the project, and a cold process that validates 5,000 scenarios.
 */
export function startUpRows(repository: string, scratch: string): Row[] {
  const launcher = join(repository, "bin", "dsgen.js");
  const dsgen = (...args: readonly string[]) => run(process.execPath, [launcher, ...args], scratch);
  const bare = () => run(process.execPath, ["-e", "0"], scratch);
  const rows: Row[] = [];
  const against = (what: string, bar: number, times: number, ...args: readonly string[]) => {
    const [ours, peer] = inTurn(times, () => dsgen(...args), bare);
    if (ours !== undefined && peer !== undefined) rows.push(row(what, ours, BARE, peer, atMost(bar)));
  };
  against("dsgen --version", 1.3, 15, "--version");
  against("dsgen --help", 1.3, 15, "--help");
  cpSync(join(repository, "config"), join(scratch, "config"), { recursive: true });
  // The shipped pipeline with fewer requests: as many targets, sooner built.
  const task = join(scratch, "config", "tasks", "refusal.yaml");
  const small = readFileSync(task, "utf8").replace(/^requests_per_batch: .*$/m, "requests_per_batch: 2");
  writeFileSync(task, small);
  dsgen("build", "--wait", "--set", "dsgen.simulator.speed=100");
  against("null build of the default pipeline", 2, 9, "build");
  against("status of the default pipeline", OPENING, 7, "status");
  against("plan of the default pipeline", OPENING, 7, "plan");
  writeFileSync(
    join(scratch, "scenarios.jsonl"),
    scenarios(readFileSync(join(scratch, "dataset.jsonl"), "utf8"), 5000),
  );
  const [cold] = inTurn(3, () => dsgen("validate", "scenarios.jsonl"));
  const allowed = { wall: 500, processor: 500 };
  if (cold !== undefined) {
    rows.push(row("validate 5,000 scenarios, cold process, tokenizers prepared", cold, "bar", allowed, atMost(1)));
  }
  return rows;
}

/** The rows of a dataset over and over, each time about another numbered room, so that no text comes twice. */
function scenarios(dataset: string, count: number): string {
  const rows = dataset.trimEnd().split("\n");
  const perScenario = 4;
  const lines: string[] = [];
  for (let n = 0; n < count; n++) {
    for (let part = 0; part < perScenario; part++) {
      const row = JSON.parse(rows[(n * perScenario + part) % rows.length] ?? "null") as { text: string };
      lines.push(JSON.stringify({ ...row, scenario_id: n, text: row.text.replace(/\.(?=\n|$)/, ` in room ${n}.`) }));
    }
  }
  return `${lines.join("\n")}\n`;
}
