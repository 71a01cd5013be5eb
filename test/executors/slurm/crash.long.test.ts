import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { ONCE_MORE, SLURM, SLURM_NAMED, startSlurm, type TestSlurm } from "../../support/slurm.ts";
import { arraysOf, JITI, made, toyCluster } from "./toy.ts";

/* The coordinator is killed at every instant between an array's intent and its end, and run again. */

const COORDINATOR = fileURLToPath(new URL("toy-coordinator.ts", import.meta.url));

/** With the number of arrays that may have been submitted: the toy that breaks is tried in further ones. */
const POINTS = [
  "work.put.rename",
  "work.put.after",
  "cluster.intended.before",
  "journal.append.write",
  "journal.append.after",
  "cluster.intended.after",
  "cluster.sbatch.before",
  "cluster.sbatch.after",
  "cluster.submitted.before",
  "cluster.submitted.after",
  "cluster.ended.before",
  "cluster.ended.after",
];

describe.skipIf(!SLURM)(`killed between intent and result, with ${SLURM_NAMED}`, ONCE_MORE, () => {
  let slurm: TestSlurm;
  beforeAll(async () => {
    slurm = await startSlurm();
    return () => slurm.stop();
  });

  const run = (root: string, fault?: string) =>
    spawnSync(process.execPath, ["--import", JITI, COORDINATOR, root, "3"], {
      env: { ...process.env, ...slurm.env, ...(fault && { DSGEN_FAULT: fault }) },
      encoding: "utf8",
      timeout: 100_000,
    });

  test.each(POINTS)("at %s", (point) => {
    const cluster = toyCluster(slurm.env);
    try {
      const killed = run(cluster.root, `kill@${point}#1`);
      expect([killed.signal, killed.stderr]).toEqual(["SIGKILL", ""]);
      const again = run(cluster.root);
      expect(again.stderr).toBe("");
      expect(JSON.parse(again.stdout)).toEqual({ toy0: "made", toy1: "failed", toy2: "made" });
      // What is good is made once, whatever was submitted how often.
      expect(made(cluster.root).filter((name) => name !== "toy1")).toEqual(["toy0", "toy2"]);
      expect(arraysOf(cluster).length).toBeGreaterThan(0);
    } finally {
      cluster.remove();
    }
  });
});
