import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sendsByCustomId } from "../../simulator/counts.ts";
import { runDsgen } from "../support/project.ts";
import { datasetOf, inScene, SMALL } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* The whole cache is gone: what the provider still has is enough to pay for nothing again. */

const SLOW = { timing: { validatingMs: 5, perRequestMs: 300, finalizingMs: 5, staggerMs: 0 } };
const WHOLE = { repeated: 0, lost: 0, paid: 6, identical: true };

let warm: Warm;
let dataset: string;
beforeAll(async () => {
  warm = startWarm();
  dataset = await datasetOf(warm);
});
afterAll(() => warm.close());

test("recover finds batches that are under way, and the build goes on with them", async () => {
  await inScene(warm, { provider: SLOW }, async (scene) => {
    expect((await scene.run("build")).code).toBe(75);
    rmSync(scene.project.path(".dsgen-cache"), { recursive: true });
    const found = await scene.run("recover");
    expect(found.stdout).toContain("2 jobs found again");
    expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
    expect(await scene.figures(dataset)).toEqual(WHOLE);
  });
});

test("recover takes in finished, expired and failed batches, also twice, and sends nothing itself", async () => {
  const faultNames = ["create:expired=0.5#1", "create:token-limit-exceeded#2"];
  await inScene(warm, { provider: { faultNames } }, async (scene) => {
    expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
    const before = sendsByCustomId(await scene.provider.ledger());
    rmSync(scene.project.path(".dsgen-cache"), { recursive: true });
    rmSync(scene.project.path("batch_outputs"), { recursive: true });
    for (let twice = 0; twice < 2; twice++) expect((await scene.run("recover")).code).toBe(0);
    expect(sendsByCustomId(await scene.provider.ledger())).toEqual(before);
    expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
    expect(sendsByCustomId(await scene.provider.ledger())).toEqual(before);
    expect(await scene.figures(dataset)).toEqual(WHOLE);
  });
});

test("neither cancel nor recover sends a job that a crash left before its create", async () => {
  for (const command of [["cancel", "--yes"], ["recover"]]) {
    await inScene(warm, { shape: SMALL }, async (scene) => {
      const died = await runDsgen(scene.project, ["build"], {
        url: scene.provider.url,
        fault: "kill@batch.create.intended#1",
      });
      expect(died.signal).toBe("SIGKILL");
      expect((await scene.run(...command)).code).toBe(0);
      expect((await scene.provider.ledger()).creates).toEqual([]);
      expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
      expect(await scene.figures(dataset)).toEqual(WHOLE);
    });
  }
});
