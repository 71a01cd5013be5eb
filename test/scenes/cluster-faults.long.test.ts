import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { decodeLine, encodeLine } from "../../src/store/checked-lines.ts";
import { ONCE_MORE, SLURM, SLURM_NAMED, until } from "../support/slurm.ts";
import { type ClusterScene, handedOver, intentsOf, startClusterScene, statesOf } from "./support/cluster-scene.ts";
import { ended, type RunOptions, type SceneProject, startDsgen, startProvider } from "./support/project.ts";

/* What else clusters do to the shipped pipeline, and a coordinator that is killed at every instant between intent and result. */

describe.skipIf(!SLURM)(
  `more faults of a cluster, on a real ${SLURM_NAMED}`,
  { ...ONCE_MORE, timeout: 400_000 },
  () => {
    let scene: ClusterScene;
    beforeAll(async () => {
      scene = await startClusterScene();
      return () => scene.stop();
    });
    afterEach(async () => {
      scene.release();
      // The provider's own account book, two days on.
      expect(await scene.charged()).toMatchObject({ repeated: 0 });
    });

    /** Builds to the end, a bounded number of times. */
    async function toTheEnd(project: SceneProject, times = 1, options: RunOptions = {}): Promise<void> {
      for (let again = 1; ; again++) {
        const built = await scene.build(project, ["--wait"], { deadlineMs: 300_000, ...options });
        if (built.code !== 0 && again < times) continue;
        expect(built.code, built.stdout + built.stderr).toBe(0);
        break;
      }
      expect(scene.madeIn(project)).toEqual(scene.expected);
      expect((await scene.run(project, ["fsck"])).code).toBe(0);
    }

    /** What a build says of the shard that the cluster did not make. */
    async function failure(project: SceneProject, args: readonly string[] = []): Promise<string> {
      const built = await scene.build(project, ["--wait", ...args], { deadlineMs: 300_000 });
      expect(built.code, built.stdout + built.stderr).toBe(1);
      return built.stderr;
    }

    test("scancel by somebody: shard, node and how to see more are named; not begun again unasked, made by the next build", async () => {
      const { project, job } = await handedOver(scene);
      await scene.begun(2);
      scene.slurm.run("scancel", `${job}_0`);
      scene.release();
      const said = await failure(project);
      expect(said).toMatch(
        /validated\/refusal\/shard\d\.jsonl: task \d+_0 of the cluster on n[12] was cancelled by somebody/,
      );
      expect(said).toMatch(/See `cat \S+\/0\.log` and `scontrol show job \d+_0`/);
      expect(intentsOf(project)).toHaveLength(1);
      await toTheEnd(project);
      expect(intentsOf(project)).toHaveLength(2);
    });

    test("out of memory: the limit, and what to ask for; with more it is made", async () => {
      const project = scene.copy();
      scene.hold();
      const said = await failure(project, ["--set", "dsgen.executor.mem=20M"]);
      expect(said).toMatch(
        /shard\d\.jsonl.*: task \d+_\d of the cluster on n[12] was killed for its memory \(mem: 20M\)/,
      );
      expect(said).toMatch(/Ask for more: `mem:` under `executor:`/);
      scene.release();
      await toTheEnd(project);
    });

    test("time limit: likewise", async () => {
      const project = scene.copy();
      scene.hold();
      // Slurm knows no less than a minute.
      const said = await failure(project, ["--set", "dsgen.executor.time='1'"]);
      expect(said).toMatch(
        /shard\d\.jsonl.*: task \d+_\d of the cluster on n[12] ran into its time limit \(time: 1\) before it had made anything/,
      );
      expect(said).toMatch(/Ask for more: `time:` under `executor:`/);
      scene.release();
      await toTheEnd(project);
    });

    test("quota exceeded while a node publishes: said, nothing half-written stays, and made when there is room", async () => {
      const project = scene.copy();
      const full = await scene.build(project, ["--wait"], { fault: "EDQUOT@worker.blob.fsync#1" });
      expect(full.code, full.stdout + full.stderr).toBe(1);
      expect(full.stderr).toMatch(/shard\d\.jsonl.*(disk|space|quota)/i);
      // One shard's failure ends the build: the other's last try may still be under way.
      await until(() => scene.slurm.run("squeue", "-h") === "", "every task to be over");
      expect(readdirSync(project.path(".dsgen-cache/v1/elsewhere/tmp"))).toEqual([]);
      await toTheEnd(project);
    });

    test("the scheduler stopped while shards are made, and started again: waited for, and taken in", async () => {
      const { project, array } = await handedOver(scene);
      await scene.begun(2);
      await scene.slurm.stopController();
      try {
        const away = await scene.build(project);
        expect(away.code, away.stderr).toBe(75);
        expect(away.stdout).toMatch(/2 targets: the scheduler does not answer: /);
        scene.release();
      } finally {
        await scene.slurm.startController();
      }
      await toTheEnd(project);
      expect(intentsOf(project)).toEqual([array]);
    });

    test("a worker of another version refuses and says both; its shards are handed over anew", async () => {
      scene.slurm.run("scontrol", "update", "partitionname=main", "state=down");
      let handed: Awaited<ReturnType<typeof handedOver>>;
      try {
        handed = await handedOver(scene);
        const file = handed.project.path(".dsgen-cache/v1/elsewhere/work", `${handed.array}.jsonl`);
        const [head = "", ...parts] = readFileSync(file, "utf8").split("\n");
        const read = decodeLine(Buffer.from(head));
        if (read === undefined) throw new Error("no head");
        writeFileSync(file, encodeLine({ ...read, build: "of-another-version" }) + parts.join("\n"));
        scene.release();
      } finally {
        scene.slurm.run("scontrol", "update", "partitionname=main", "state=up");
      }
      const { project, array } = handed;
      await until(() => statesOf(scene, handed).every((state) => state === "FAILED"), "both refusals");
      const log = project.path(".dsgen-cache/v1/elsewhere/arrays", array, "0.log");
      expect(readFileSync(log, "utf8")).toMatch(
        /a worker must be the dsgen that handed the work over \(build of-another-version\)/,
      );
      await toTheEnd(project);
      expect(intentsOf(project)).toHaveLength(2);
    });

    test("killed while it waits: the next build takes in what was made meanwhile", async () => {
      const project = scene.copy();
      scene.hold();
      const child = startDsgen(project, ["build", "--wait", "--executor", "slurm"], scene.options());
      const end = ended(child, "the build", scene.options());
      await scene.begun(2);
      child.kill("SIGKILL");
      expect((await end).signal).toBe("SIGKILL");
      scene.release();
      await toTheEnd(project);
      expect(intentsOf(project)).toHaveLength(1);
    });

    test.each([
      "work.put.rename",
      "work.put.after",
      "cluster.intended.before",
      "cluster.intended.after",
      "cluster.sbatch.before",
      "cluster.sbatch.after",
      "cluster.submitted.before",
      "cluster.submitted.after",
    ])("killed at %s, its answers just paid for: made once, paid once", async (point) => {
      const project = scene.unasked();
      const provider = await startProvider();
      try {
        const { url } = provider;
        const killed = await scene.build(project, ["--wait"], { url, fault: `kill@${point}#1` });
        expect([killed.signal, killed.stdout]).toEqual(["SIGKILL", expect.not.stringContaining("Failed")]);
        await toTheEnd(project, 1, { url });
        const charges = (await provider.finalLedger()).charges.map(({ customId }) => customId);
        expect([charges.length, new Set(charges).size]).toEqual([4, 4]);
      } finally {
        await provider.remove();
      }
      // Submitted twice or not, each shard's work was done by one task.
      const names = intentsOf(project).map((id) => `dsgen-${id}`);
      const done = scene.slurm.run("squeue", "-h", "-r", "--states=all", `--name=${names.join(",")}`, "-o", "%T");
      expect(done.trim().split("\n")).toEqual(["COMPLETED", "COMPLETED"]);
    });

    test.each(["cluster.ended.before", "cluster.ended.after"])("killed at %s, after a scancel", async (point) => {
      const { project, job } = await handedOver(scene);
      await scene.begun(2);
      scene.slurm.run("scancel", job);
      scene.release();
      const killed = await scene.build(project, ["--wait"], { fault: `kill@${point}#1` });
      expect(killed.signal).toBe("SIGKILL");
      await toTheEnd(project, 3);
    });
  },
);
