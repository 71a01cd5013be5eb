import { beforeAll, describe, expect, test } from "vitest";
import { ONCE_MORE, SLURM, SLURM_NAMED, until } from "../support/slurm.ts";
import { type ClusterScene, intentsOf, startClusterScene } from "./support/cluster-scene.ts";

/* `dsgen cancel` ends this project's job arrays, and nobody else's. */

describe.skipIf(!SLURM)(`cancel, on a real ${SLURM_NAMED}`, ONCE_MORE, () => {
  let scene: ClusterScene;
  beforeAll(async () => {
    scene = await startClusterScene();
    return () => scene.stop();
  });

  const statesOf = (name: string) =>
    scene.slurm
      .run("squeue", "-h", "-r", "--states=all", `--name=${name}`, "-o", "%T")
      .split("\n")
      .filter((state) => state !== "");

  test("asks, ends what is named, says what is proven, and the next build asks anew", async () => {
    const project = scene.copy();
    const others = scene.slurm.run("sbatch", "--parsable", "-J", "theirs", "-o", "/dev/null", "--wrap", "sleep 300");
    scene.hold();
    const handed = await scene.build(project);
    expect(handed.code, handed.stderr).toBe(75);
    await scene.begun(1);
    const job = /job (\d+)/.exec(handed.stdout)?.[1] ?? "";

    const offered = await scene.run(project, ["complete", "--", "cancel", ""]);
    expect(offered.stdout.split("\n")).toContain(`${job} -- job array: 2 tasks`);

    const unasked = await scene.run(project, ["cancel"]);
    expect([unasked.code, unasked.stderr]).toEqual([
      2,
      expect.stringMatching(/it would end 1 job array, and there is nobody here to ask/),
    ]);
    const unknown = await scene.run(project, ["cancel", "--yes", "987654"]);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/987654: no job under way has this job id/),
    ]);
    const ofTask = await scene.run(project, ["cancel", "--yes", "--task", "refusal"]);
    expect([ofTask.code, ofTask.stdout]).toEqual([0, expect.stringMatching(/No batch job of this task is under way/)]);
    const [array = ""] = intentsOf(project);
    expect(statesOf(`dsgen-${array}`)).toContain("RUNNING");

    const cancelled = await scene.run(project, ["cancel", "--yes", job]);
    expect([cancelled.code, cancelled.stderr]).toEqual([0, ""]);
    expect(cancelled.stdout).toMatch(new RegExp(`job ${job}: over; 0 of 2 tasks made before, and kept\n`));
    // What it says is so: the queue itself holds nothing of it that is alive.
    expect(new Set(statesOf(`dsgen-${array}`))).toEqual(new Set(["CANCELLED"]));
    expect(scene.slurm.run("squeue", "-h", "-j", others.trim(), "-o", "%T").trim()).toBe("RUNNING");
    scene.slurm.run("scancel", others.trim());

    const none = await scene.run(project, ["cancel", "--yes"]);
    expect([none.code, none.stdout]).toEqual([0, "No batch job is under way.\n"]);
    expect((await scene.run(project, ["status"])).code).toBe(0);
    scene.release();
    const again = await scene.build(project, ["--wait"]);
    expect(again.code, again.stderr).toBe(0);
    expect(scene.madeIn(project)).toEqual(scene.expected);
    expect(intentsOf(project)).toHaveLength(2);
    expect(await scene.charged()).toEqual({ paid: 4, repeated: 0 });
  });

  test("what is not proven is not said: with the scheduler away it ends with 1, and the next one ends the array", async () => {
    const project = scene.copy();
    scene.hold();
    expect((await scene.build(project)).code).toBe(75);
    await scene.begun(1);
    await scene.slurm.stopController();
    try {
      const away = await scene.run(project, ["cancel", "--yes", "--json"]);
      expect(away.code).toBe(1);
      expect(away.stdout).toMatch(/"type":"array-cancelled"[^\n]*"unproven":"[^"]*(Unable to contact|connect)/);
      expect(away.stdout).toMatch(
        /it is not known to be over: .*"fix":"Run dsgen cancel again, or see for yourself: squeue --name=/,
      );
    } finally {
      await scene.slurm.startController();
    }
    const [array = ""] = intentsOf(project);
    await until(() => statesOf(`dsgen-${array}`).includes("RUNNING"), "the controller's own view");
    expect((await scene.run(project, ["status"])).code).toBe(75);
    const cancelled = await scene.run(project, ["cancel", "--yes"]);
    expect([cancelled.code, cancelled.stderr]).toEqual([0, ""]);
    expect((await scene.run(project, ["status"])).code).toBe(0);
    scene.release();
  });
});
