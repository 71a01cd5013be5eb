import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ended, runDsgen, startDsgen } from "../support/project.ts";
import { datasetOf, inScene, SMALL } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* Two builds at once: one works; the other waits, or says who works. A dead one is in nobody's way. */

const SLOW = { timing: { validatingMs: 5, perRequestMs: 500, finalizingMs: 5, staggerMs: 0 } };
const BUILD = ["build", "--wait", "--poll", "0.05"];

let warm: Warm;
let dataset: string;
beforeAll(async () => {
  warm = startWarm();
  dataset = await datasetOf(warm);
});
afterAll(() => warm.close());

test("the second build exits 9 and names the first, or waits for it; each answer is paid once", async () => {
  await inScene(warm, { shape: SMALL, provider: SLOW }, async (scene) => {
    const first = startDsgen(scene.project, BUILD, { url: scene.provider.url });
    const firstEnds = ended(first, "the first build");
    await untilThere(scene.project.path(".dsgen-cache", "lock"));
    const refused = await scene.run(...BUILD, "--lock-timeout", "0");
    expect(refused.code).toBe(9);
    expect(refused.stderr).toContain(`process ${first.pid}`);
    const waited = await scene.run(...BUILD, "--lock-timeout", "60");
    expect(waited.code).toBe(0);
    expect(waited.stderr).toContain(`waiting for dsgen build (process ${first.pid})`);
    expect((await firstEnds).code).toBe(0);
    expect(await scene.figures(dataset)).toEqual({ repeated: 0, lost: 0, paid: 6, identical: true });
  });
});

test("a build that died holding the lock is noticed at once", async () => {
  await inScene(warm, { shape: SMALL, provider: SLOW }, async (scene) => {
    const dead = await runDsgen(scene.project, BUILD, { url: scene.provider.url, fault: "kill@batch.create.after#2" });
    expect(dead.signal).toBe("SIGKILL");
    expect(existsSync(scene.project.path(".dsgen-cache", "lock"))).toBe(true);
    expect((await scene.run(...BUILD, "--lock-timeout", "0")).code).toBe(0);
    expect(await scene.figures(dataset)).toEqual({ repeated: 0, lost: 0, paid: 6, identical: true });
  });
});

test("Ctrl-C leaves the remote jobs to go on, and the next build takes them up", async () => {
  await inScene(warm, { shape: SMALL, provider: SLOW }, async (scene) => {
    const first = startDsgen(scene.project, BUILD, { url: scene.provider.url });
    const firstEnds = ended(first, "the first build");
    await untilThere(scene.project.path("requests", "tiny", "batch_metadata.json"));
    first.kill("SIGINT");
    expect((await firstEnds).code).toBe(130);
    expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
    expect(await scene.figures(dataset)).toEqual({ repeated: 0, lost: 0, paid: 6, identical: true });
  });
});

async function untilThere(path: string): Promise<void> {
  for (let tries = 0; tries < 3000 && !existsSync(path); tries++) await pause(10);
  expect(existsSync(path)).toBe(true);
}
