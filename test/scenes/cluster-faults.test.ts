import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ONCE_MORE, SLURM, SLURM_NAMED, until } from "../support/slurm.ts";
import {
  type ClusterScene,
  type HandedOver,
  handedOver,
  intentsOf,
  startClusterScene,
  statesOf,
} from "./support/cluster-scene.ts";
import { ended, startDsgen } from "./support/project.ts";

/*
 * What clusters do to the shipped pipeline, by the real command line: the bytes of a local build, and nothing paid twice. More of
 * it in cluster-faults.long.test.ts.
 */

describe.skipIf(!SLURM)(`faults of a cluster, on a real ${SLURM_NAMED}`, ONCE_MORE, () => {
  let scene: ClusterScene;
  beforeAll(async () => {
    scene = await startClusterScene();
    return () => scene.stop();
  });
  afterEach(async () => {
    scene.release();
    // The provider's own account book, two days on.
    expect(await scene.charged()).toEqual({ paid: 4, repeated: 0 });
  });

  /** Both shards are made, and nobody has looked yet. */
  async function madeUnseen(): Promise<HandedOver> {
    const handed = await handedOver(scene);
    await scene.begun(2);
    scene.release();
    await until(() => statesOf(scene, handed).every((state) => state === "COMPLETED"), "both tasks' end");
    return handed;
  }

  test("requeued in the middle of a shard, its first process goes on writing: the same bytes, submitted once", async () => {
    const handed = await handedOver(scene);
    const { project, job, array } = handed;
    await scene.begun(2);
    // Slurm ends the processes that it knows of. This one it does not know: the zombie of every cluster.
    const args = ["worker", project.path(".dsgen-cache/v1/elsewhere/work", `${array}.jsonl`), "--part", "0"];
    const zombie = ended(startDsgen(project, args, scene.options()), "the zombie");
    // Whatever else fails is told.
    zombie.catch(() => undefined);
    await scene.begun(3);
    scene.slurm.run("scontrol", "requeue", `${job}_0`);
    await until(() => statesOf(scene, handed).includes("PENDING"), "the requeue");
    // It is held back for two minutes. Begun before that it may find its script cleared away, and fail: what is to come of it
    // is the same.
    await until(() => {
      const isHeld = statesOf(scene, handed).includes("PENDING");
      if (isHeld) scene.slurm.run("scontrol", "update", `jobid=${job}_0`, "StartTime=now");
      return !isHeld;
    }, "the second beginning");
    scene.release();
    const built = await scene.build(project, ["--wait"]);
    expect(built.code, built.stderr).toBe(0);
    const { code, stdout } = await zombie;
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^made validated/)]);
    expect(scene.madeIn(project)).toEqual(scene.expected);
    expect(intentsOf(project)).toEqual([array]);
  });

  test("cut into more and smaller shards, to use more nodes: nothing is asked again, and the dataset is the same", async () => {
    const project = scene.copy();
    const finer = ["--set", "refusal.batches=4", "--set", "refusal.requests_per_batch=1"];
    const built = await scene.build(project, ["--wait", ...finer]);
    expect(built.code, built.stderr).toBe(0);
    expect(project.read("dataset.jsonl")).toBe(scene.expected["dataset.jsonl"]);
    expect(intentsOf(project).length).toBeGreaterThan(0);
    expect(
      readdirSync(project.path("validated/refusal")).filter((name) => /^shard\d+\.jsonl$/.test(name)),
    ).toHaveLength(4);
  });

  test("a damaged result record is named and its shard made again; the other one is taken as it is", async () => {
    const { project } = await madeUnseen();
    const [record = ""] = resultsOf(project.path(".dsgen-cache/v1/elsewhere/results"));
    writeFileSync(record, readFileSync(record, "utf8").replace('"state":"made"', '"state":"mode"'));
    const built = await scene.build(project, ["--wait"]);
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).toMatch(/a result of validated\/refusal\/shard\d\.jsonl is damaged \(.*\): it is made again/);
    expect(scene.madeIn(project)).toEqual(scene.expected);
    expect(intentsOf(project)).toHaveLength(2);
  });

  test("a damaged blob of a result is not put in place, and its shard is made again", async () => {
    const { project } = await madeUnseen();
    const [record = ""] = resultsOf(project.path(".dsgen-cache/v1/elsewhere/results"));
    const digest = /"digest":"([0-9a-f]{64})"/.exec(readFileSync(record, "utf8"))?.[1] ?? "";
    const blob = project.path(".dsgen-cache/v1/cas", digest.slice(0, 2), digest);
    const whole = readFileSync(blob);
    chmodSync(blob, 0o644);
    // As long as it was: only who reads it finds out.
    writeFileSync(blob, whole.toString("utf8").replace("{", "["));
    const built = await scene.build(project, ["--wait"]);
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).toMatch(
      /shard\d\.jsonl: .*the stored content does not match its name; moved to .*It is made again\./,
    );
    expect(scene.madeIn(project)).toEqual(scene.expected);
    expect(intentsOf(project)).toHaveLength(2);
  });
});

function resultsOf(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((part) => readdirSync(join(folder, part)).map((name) => join(folder, part, name)));
}
