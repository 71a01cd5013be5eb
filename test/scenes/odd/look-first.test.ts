import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Json } from "../support/odd-case.ts";
import { ALL_WELL, odd } from "../support/odd-scene.ts";
import { datasetOf, inScene, type Scene } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/*
 * Before the first create the provider's own list is compared with what is about to be asked: whatever became of the cache,
 * what is under way or was answered there is taken over, also when the requests are cut into other batches.
 */

const SHAPE = { batches: 1, requestsPerBatch: 6, scenariosPerRequest: 2 };
const RECUT = ["--set", "tiny.batches=3", "--set", "tiny.requests_per_batch=2"];
const SLOW = { timing: { validatingMs: 1500, perRequestMs: 0, finalizingMs: 0, staggerMs: 0, answerMs: 0 } };
const WELL = { repeated: 0, lost: 0, paid: 6, identical: true };

let warm: Warm;
let dataset: string;

beforeAll(async () => {
  warm = startWarm();
  dataset = await datasetOf(warm, { ...SHAPE, batches: 3, requestsPerBatch: 2 });
});
afterAll(() => warm.close());

const build = (scene: Scene, ...args: readonly string[]) =>
  scene.run("build", "--wait", "--poll", "0.05", ...RECUT, ...args);

test.each<[string, (scene: Scene) => void]>([
  ["is gone", ({ project }) => rmSync(project.path(".dsgen-cache"), { recursive: true })],
  ["has an empty journal", ({ project }) => writeFileSync(project.path(".dsgen-cache/v1/journal.jsonl"), "")],
  [
    "has a journal that lost the batch's id",
    ({ project }) => {
      const path = project.path(".dsgen-cache/v1/journal.jsonl");
      const lines = readFileSync(path, "utf8").split("\n");
      writeFileSync(path, lines.filter((line) => !line.includes('"t":"submitted"')).join("\n"));
    },
  ],
])("a job under way is taken over when the cache %s", async (_, damage) => {
  await inScene(warm, { shape: SHAPE, provider: SLOW }, async (scene) => {
    expect((await scene.run("build")).code).toBe(75);
    damage(scene);
    const ran = await build(scene);
    expect([ran.code, await scene.figures(dataset)]).toEqual([0, WELL]);
  });
});

test("a cache restored from an older copy takes over what was sent since, under way or answered", async () => {
  for (const wait of [[], ["--wait"]]) {
    await inScene(warm, { shape: SHAPE, provider: SLOW }, async (scene) => {
      const { project } = scene;
      expect((await scene.run("build", "requests/tiny/request_batch0.jsonl")).code).toBe(0);
      cpSync(project.path(".dsgen-cache"), project.path("older"), { recursive: true });
      await scene.run("build", ...wait);
      rmSync(project.path(".dsgen-cache"), { recursive: true });
      cpSync(project.path("older"), project.path(".dsgen-cache"), { recursive: true });
      expect((await build(scene)).code).toBe(0);
      expect(await scene.figures(dataset)).toEqual(WELL);
    });
  }
});

test("a second cache folder on the same account waits for what the first one sent", async () => {
  await inScene(warm, { shape: SHAPE, provider: SLOW }, async (scene) => {
    expect((await scene.run("build")).code).toBe(75);
    const ran = await build(scene, "--cache-dir", "second-cache");
    expect(ran.stderr).toMatch(/holds requests of it and was not known here; taken over, not sent again/);
    expect([ran.code, await scene.figures(dataset)]).toEqual([0, WELL]);
  });
});

test("a cache that is copied while a build runs buys nothing that the build had sent", async () => {
  await inScene(warm, { shape: SHAPE, provider: SLOW }, async (scene) => {
    const { project } = scene;
    const running = scene.run("build", "--wait", "--poll", "0.05");
    for (let waited = 0; waited < 400 && !existsSync(project.path(".dsgen-cache/v1/journal.jsonl")); waited++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    cpSync(project.path(".dsgen-cache"), project.path("copy"), { recursive: true });
    rmSync(project.path("copy/lock"), { force: true });
    expect((await running).code).toBe(0);
    expect((await build(scene, "--cache-dir", "copy")).code).toBe(0);
    expect(await scene.figures(dataset)).toEqual(WELL);
  });
});

test("batches of other requests are read once, and left to whoever sent them", async () => {
  await inScene(warm, { shape: SHAPE, provider: SLOW }, async (scene) => {
    const other = ["--cache-dir", "other-cache", "--set", "tiny.role=You answer in verse."];
    expect((await scene.run("build", ...other)).code).toBe(75);
    expect((await build(scene)).code).toBe(0);
    const status = await scene.run("status");
    expect(status.code).toBe(0);
    expect(status.stdout.match(/^\S request_batch/gm)).toHaveLength(3);
    // Noted in the journal: a later build need not read its input file again.
    expect(scene.project.read(".dsgen-cache/v1/journal.jsonl").match(/"t":"other-batch"/g)).toHaveLength(1);
    await build(scene, "--set", "tiny.sampling.max_tokens=99");
    expect(scene.project.read(".dsgen-cache/v1/journal.jsonl").match(/"t":"other-batch"/g)).toHaveLength(1);
  });
});

const unlisted = () => ({ listPage: () => ({ data: [], has_more: true }) });

test("a server without a usable list: a whole journal suffices, and plan --verbose says what is not guarded", () =>
  odd(unlisted, async (scene) => {
    expect((await scene.build()).code).toBe(0);
    expect(scene.outcome()).toEqual(ALL_WELL);
    const plan = await scene.run("plan", "--verbose");
    expect(plan.stderr).toMatch(/list of batches cannot be relied on \(.*\): only this cache's own journal guards/);
  }));

test("a server without a usable list and a damaged journal: nothing is sent, and it is said what to do", () =>
  odd(unlisted, async (scene) => {
    expect((await scene.build()).code).toBe(0);
    const path = scene.project.path(".dsgen-cache/v1/journal.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace('"t":"intended"', '"t":"intendef"'));
    const ran = await scene.build("--set", "tiny.role=You answer in verse.");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(
      /journal of batch jobs: lines of it are damaged.*\n.*Nothing was sent\..*fsck --repair/s,
    );
    expect(scene.calls(/^POST \/batches$/)).toBe(1);
    expect((await scene.run("fsck", "--repair")).code).toBe(0);
    expect((await scene.build("--set", "tiny.role=You answer in verse.")).code).toBe(0);
  }));

test("a server that keeps no metadata: a batch is known by the name of its input file", () =>
  odd(
    () => ({ polls: 3, public: (batch: Json) => ({ ...batch, metadata: null }) }),
    async (scene) => {
      expect((await scene.run("build")).code).toBe(75);
      rmSync(scene.project.path(".dsgen-cache"), { recursive: true });
      expect((await scene.build()).code).toBe(0);
      expect(scene.outcome()).toEqual({ ...ALL_WELL, codes: [75, 0] });
    },
  ));
