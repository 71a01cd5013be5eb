import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { SLURM, SLURM_NAMED, startSlurm, type TestSlurm, until } from "../../support/slurm.ts";

describe.skipIf(!SLURM)(`a real ${SLURM_NAMED}`, () => {
  let slurm: TestSlurm;
  beforeAll(async () => {
    slurm = await startSlurm();
    return () => slurm.stop();
  });

  test("runs an array of tasks", async () => {
    const log = join(slurm.folder, "log", "task-%a");
    const id = slurm
      .run("sbatch", "--parsable", "--array=0-3%2", "-o", log, "--wrap", "echo $SLURM_ARRAY_TASK_ID")
      .trim();
    await until(() => slurm.run("squeue", "-h", "-j", id) === "", "the array's end");
    for (const task of [0, 1, 2, 3])
      expect(readFileSync(join(slurm.folder, "log", `task-${task}`), "utf8")).toBe(`${task}\n`);
  });
});
