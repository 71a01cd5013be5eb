import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSlurm, type TestSlurm } from "../test/support/slurm.ts";
import { runOf } from "./million.ts";

/*
 * What the cluster adds to work: builds of small files on a real Slurm of this machine (two nodes of four processors in its
 * configuration, whatever the machine has), each made by a recipe that writes its number. `npm run bench:scale -- slurm 1000`.
 */

export interface OnCluster {
  readonly seconds: number;
  /** Of the build that coordinates, at its most. */
  readonly megabytes: number;
  readonly arrays: number;
  readonly tasks: number;
}

/** Builds so many targets on a cluster that has made some of their kind before, so that it knows how long one takes. */
export async function onCluster(repository: string, targets: number): Promise<OnCluster> {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-bench-cluster-"));
  const slurm = await startSlurm();
  try {
    writeProject(repository, folder, targets);
    const build = (goal: string) => runOf(repository, folder, ["build", goal, "--wait"], slurm.env);
    build("first.txt");
    const before = submitted(slurm);
    const { seconds, megabytes } = build("all.txt");
    const now = submitted(slurm);
    return { seconds, megabytes, arrays: now.arrays - before.arrays, tasks: now.tasks - before.tasks };
  } finally {
    await slurm.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What Slurm was given so far; it forgets after five minutes. */
function submitted(slurm: TestSlurm): { readonly arrays: number; readonly tasks: number } {
  const lines = slurm.run("squeue", "--noheader", "--states=all", "--array", "--format=%F").trim().split("\n");
  return { arrays: new Set(lines).size, tasks: lines.length };
}

function writeProject(repository: string, folder: string, targets: number): void {
  cpSync(join(repository, "config"), join(folder, "config"), { recursive: true });
  mkdirSync(join(folder, "targets"));
  const write = (path: string, text: string) => writeFileSync(join(folder, path), text);
  const executor = "\nexecutor: { kind: slurm, poll_seconds: 0.5, listing_lag_seconds: 1 }\n";
  appendFileSync(join(folder, "config/dsgen.yaml"), executor);
  write(
    "targets/write.js",
    'export default async (context) => { await context.output().write(context.value("number") + "\\n"); };\n',
  );
  write("targets/gather.js", "export default async (context) => { context.output(); };\n");
  write(
    "targets/index.js",
    `const number = (n) => ({ name: \`out/\${n}.txt\`, outputs: [\`out/\${n}.txt\`], recipe: "targets/write.js",
  inputs: { number: { kind: "value", value: n } }, pool: "cpu", stage: "numbers", resources: { cpus: 1 } });
const all = (name, targets) => ({ name, outputs: [name], recipe: "targets/gather.js",
  inputs: { from: { kind: "targets", targets: targets.map(({ name }) => name) } }, pool: "cpu", stage: "all" });
export default () => {
  const numbers = Array.from({ length: ${targets} }, (_, n) => number(n));
  const first = Array.from({ length: 10 }, (_, n) => number(${targets} + n));
  return { targets: [...numbers, ...first, all("all.txt", numbers), all("first.txt", first)], live: [] };
};
`,
  );
}
