import { afterAll, beforeAll, expect, test } from "vitest";
import { SimulatorState } from "../../../src/simulator/state.ts";
import { sendsByCustomId } from "../../simulator/counts.ts";
import type { ProjectShape } from "../support/project.ts";
import { datasetOf, inScene } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* Files split to the provider's limits, waves within the enqueued-token limit, and a provider that asks to wait. */

const SHAPE: ProjectShape = {
  batches: 3,
  requestsPerBatch: 4,
  scenariosPerRequest: 2,
  model: ["encoding: o200k_base"],
};
const WHOLE = { repeated: 0, lost: 0, paid: 12, identical: true };

let warm: Warm;
let dataset: string;

beforeAll(async () => {
  warm = startWarm();
  dataset = await datasetOf(warm, SHAPE);
});
afterAll(() => warm.close());

test("a request file larger than a job may be is split, by requests and by bytes", async () => {
  for (const [batch, most] of [
    [{ max_requests_per_file: 3 }, 3],
    [{ max_file_bytes: 2048 }, 2],
  ] as const) {
    const provider = { limits: { requests: most } };
    await inScene(warm, { shape: { ...SHAPE, batch }, provider }, async (scene) => {
      expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
      const { creates } = await scene.provider.ledger();
      expect(creates.length).toBeGreaterThanOrEqual(6);
      expect(Math.max(...creates.map(({ requests }) => requests))).toBeLessThanOrEqual(most);
      expect(await scene.figures(dataset)).toEqual(WHOLE);
    });
  }
});

test("the enqueued-token limit is learned from the refusal, and jobs go out in waves within it", async () => {
  // What one job of four requests enqueues, as the provider counts, with room for one but not for two.
  const limit = await inScene(warm, { shape: SHAPE, provider: {} }, async (scene) => {
    await scene.toTheEnd(1);
    return largestJob(scene.provider.stateDir);
  });
  const timing = { validatingMs: 5, perRequestMs: 400, finalizingMs: 5, staggerMs: 0 };
  const provider = { timing, enqueuedTokenLimits: { "gpt-4o": Math.ceil(limit * 1.5) } };
  await inScene(warm, { shape: SHAPE, provider }, async (scene) => {
    const runs = await scene.toTheEnd(1);
    expect(runs.map(({ code }) => code)).toEqual([0]);
    expect(runs[0]?.stderr).toMatch(/gpt-4o has room for [\d,]+ enqueued tokens/);
    const sends = sendsByCustomId(await scene.provider.ledger());
    expect([...sends.values()].every((times) => times === 1)).toBe(true);
    expect(await scene.figures(dataset)).toEqual(WHOLE);
  });
});

test("a job larger than the limit by itself is cut to fit, whether or not its tokens can be counted", async () => {
  const limit = await inScene(warm, { shape: SHAPE, provider: {} }, async (scene) => {
    await scene.toTheEnd(1);
    return largestJob(scene.provider.stateDir);
  });
  for (const model of [["encoding: o200k_base"], []]) {
    const provider = { enqueuedTokenLimits: { "gpt-4o": Math.ceil(limit * 0.6) } };
    await inScene(warm, { shape: { ...SHAPE, model }, provider }, async (scene) => {
      expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
      expect(await scene.figures(dataset)).toEqual(WHOLE);
    });
  }
});

test("two projects that compete for one enqueued-token limit both come to their end", async () => {
  const limit = await inScene(warm, { shape: SHAPE, provider: {} }, async (scene) => {
    await scene.toTheEnd(1);
    return largestJob(scene.provider.stateDir);
  });
  const provider = { enqueuedTokenLimits: { "gpt-4o": Math.ceil(limit * 1.2) } };
  await inScene(warm, { shape: SHAPE, provider }, async (first) => {
    await inScene(warm, { shape: SHAPE }, async (second) => {
      const build = ["build", "--wait", "--poll", "0.03"];
      const runs = await Promise.all([
        first.run(...build),
        warm.run(second.project, build, { url: first.provider.url }),
      ]);
      expect(runs.map(({ code }) => code)).toEqual([0, 0]);
      expect(second.project.read("dataset.jsonl")).toBe(dataset);
      expect(first.project.read("dataset.jsonl")).toBe(dataset);
    });
  });
});

test("429 with retry-after on every kind of call is waited for", async () => {
  const faultNames = ["upload", "create", "retrieve", "download"].map((call) => `${call}:429=0.05#1x2`);
  await inScene(warm, { shape: SHAPE, provider: { faultNames } }, async (scene) => {
    expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
    expect(await scene.figures(dataset)).toEqual(WHOLE);
  });
});

function largestJob(stateDir: string): number {
  return Math.max(...new SimulatorState(stateDir).batches.all().map(({ enqueuedTokens }) => enqueuedTokens));
}
