import { afterAll, beforeAll, expect, test } from "vitest";
import { chargesByCustomId, sendsByCustomId } from "../../simulator/counts.ts";
import { inParallel } from "../support/crash.ts";
import { datasetOf, inScene, SMALL } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* How a batch can end, and what becomes of its requests. Two batches of three requests; the faults strike the first. */

let warm: Warm;
let dataset: string;

beforeAll(async () => {
  warm = startWarm();
  dataset = await datasetOf(warm);
});
afterAll(() => warm.close());

test("an end that leaves requests unanswered sends those again, and only those", async () => {
  const faults = [
    "create:expired=0.5#1",
    "create:expired=0#1",
    "create:cancelled-partial=0.5#1",
    "create:fewer-lines#1",
    "create:error-lines=500/2#1",
    "create:error-lines=429/2#1",
    "create:error-lines=401/2#1",
    "create:only-error-file=500#1",
    "create:unknown-custom-ids=2#1",
    "create:token-limit-exceeded#1",
    "create:file-not-found-after-upload#1x2",
    "download:output-file-gone#1",
    "retrieve:foreign-batch#1",
  ];
  const outcomes = await inParallel(faults, 3, (fault) =>
    inScene(warm, { provider: { faultNames: [fault] } }, async (scene) => {
      const runs = await scene.toTheEnd(1);
      // Nothing is left to ask: no job is said to be followed by another.
      const status = await scene.run("status");
      const figures = await scene.figures(dataset);
      return { fault, codes: [...runs, status].map(({ code }) => code), ...figures };
    }),
  );
  for (const outcome of outcomes)
    expect(outcome).toEqual({ fault: outcome.fault, codes: [0, 0], repeated: 0, lost: 0, paid: 6, identical: true });
});

test("a refusal for good is not sent again: the rest is built, and what was refused whole fails", async () => {
  const whole = ["create:only-error-file=400#1", "create:error-lines=400/1#1"];
  for (const fault of [...whole, "create:error-lines=400/2#1"]) {
    await inScene(warm, { provider: { faultNames: [fault] } }, async (scene) => {
      const code = whole.includes(fault) ? 1 : 0;
      expect((await scene.run("build", "--wait", "--keep-going")).code).toBe(code);
      const sends = sendsByCustomId(await scene.provider.ledger());
      expect([...sends.values()]).toEqual([1, 1, 1, 1, 1, 1]);
      expect(scene.project.read("validated/tiny/shard1.jsonl")).not.toBe("");
      expect((await scene.run("build", "--wait")).code).toBe(code);
      expect(sendsByCustomId(await scene.provider.ledger())).toEqual(sends);
    });
  }
});

test("attempts are bounded; what stays unanswered is listed, and never sent again", async () => {
  const shape = { ...SMALL, batch: { max_attempts: 2 } };
  await inScene(warm, { shape, provider: { faultNames: ["create:error-lines=500/3#1x*"] } }, async (scene) => {
    // In each batch the third request fails; in its second attempt it is alone, and every third of one is none.
    expect((await scene.run("build", "--wait")).code).toBe(0);
    expect([...sendsByCustomId(await scene.provider.ledger()).values()].sort()).toEqual([1, 1, 1, 1, 2, 2]);
  });
  await inScene(warm, { shape, provider: { faultNames: ["create:error-lines=500/1#1x*"] } }, async (scene) => {
    const failed = await scene.run("build", "--wait", "--keep-going");
    expect(failed.code).toBe(1);
    const sends = sendsByCustomId(await scene.provider.ledger());
    expect([...sends.values()]).toEqual([2, 2, 2, 2, 2, 2]);
    expect(failed.stderr).toContain("answered 0 of 3: no answer in 2 attempts: 500");
    expect((await scene.run("build", "--wait")).code).toBe(1);
    expect(sendsByCustomId(await scene.provider.ledger())).toEqual(sends);
  });
});

test("a batch that fails validation says which line, is not charged, and the other one is collected", async () => {
  await inScene(warm, { provider: { faultNames: ["create:batch-failed=2#1"] } }, async (scene) => {
    const failed = await scene.run("build", "--wait", "--keep-going");
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/request_batch0\.jsonl: batch batch_\w+ failed validation: line 2: /);
    expect([...chargesByCustomId(await scene.provider.ledger()).values()]).toEqual([1, 1, 1]);
    expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
    expect(await scene.figures(dataset)).toEqual({ repeated: 0, lost: 0, paid: 6, identical: true });
  });
});

test("an output file that is gone is not bought again unless a person says so", async () => {
  // Without any time to settle, one look decides.
  const shape = { ...SMALL, batch: { listing_lag_seconds: 0 } };
  await inScene(warm, { shape, provider: { faultNames: ["download:output-file-gone#1"] } }, async (scene) => {
    const lost = await scene.run("build", "--wait");
    expect(lost.code).toBe(1);
    expect(lost.stderr).toMatch(/the provider does not have its file file-\w+\. Its requests may have been charged/);
    expect([...sendsByCustomId(await scene.provider.ledger()).values()]).toEqual([1, 1, 1, 1, 1, 1]);
    // The file is there again: what was paid for is taken in after all.
    expect((await scene.run("recover")).code).toBe(0);
    expect((await scene.toTheEnd(1)).map(({ code }) => code)).toEqual([0]);
    expect(await scene.figures(dataset)).toEqual({ repeated: 0, lost: 0, paid: 6, identical: true });
  });
  await inScene(warm, { shape, provider: { faultNames: ["download:output-file-gone#1"] } }, async (scene) => {
    expect((await scene.run("build", "--wait")).code).toBe(1);
    const again = await scene.run("build", "--wait", "--set", "dsgen.batch.resend_lost=true");
    expect(again.code).toBe(0);
    expect([...sendsByCustomId(await scene.provider.ledger()).values()].sort()).toEqual([1, 1, 1, 2, 2, 2]);
    expect(scene.project.read("dataset.jsonl")).toBe(dataset);
  });
  await inScene(warm, { shape, provider: { faultNames: ["download:output-file-gone#1"] } }, async (scene) => {
    const lost = await scene.run("build", "--wait");
    const job = /recover --forget ([0-9a-f]{32})/.exec(lost.stderr)?.[1] ?? "";
    expect((await scene.run("recover", "--forget", "nothing-of-ours")).code).toBe(2);
    expect((await scene.run("recover", "--forget", job)).stdout).toMatch(/is forgotten: the next build asks/);
    expect((await scene.run("recover", "--forget", job)).code).toBe(2);
    expect((await scene.run("build", "--wait")).code).toBe(0);
    expect([...sendsByCustomId(await scene.provider.ledger()).values()].sort()).toEqual([1, 1, 1, 2, 2, 2]);
  });
});

test("a batch of another key or project is named and left alone", async () => {
  // Long enough ago that it must be found if it is ours; from then on every look says 404.
  const provider = {
    faultNames: ["retrieve:foreign-batch#3x*"],
    timing: { validatingMs: 5, perRequestMs: 600, finalizingMs: 5, staggerMs: 0 },
  };
  await inScene(warm, { provider }, async (scene) => {
    const failed = await scene.run("build", "--wait", "--keep-going");
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/Batch batch_\w+ was submitted as openai:127\.0\.0\.1:\d+:-:-; run with the key/);
    expect((await scene.run("build", "--wait")).code).toBe(1);
    expect([...sendsByCustomId(await scene.provider.ledger()).values()]).toEqual([1, 1, 1, 1, 1, 1]);
  });
});
