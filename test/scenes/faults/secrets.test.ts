import { afterAll, beforeAll, expect, test } from "vitest";
import { filesBelow, KEY, makeProject, runDsgen, startProvider } from "../support/project.ts";
import { inScene } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* A key is never written: not to a file, a log, a message or an event, whatever goes wrong. */

let warm: Warm;
beforeAll(() => {
  warm = startWarm();
});
afterAll(() => warm.close());

const FAULTS = [
  "upload:500-after#1",
  "upload:html-200#3",
  "create:reset-after#1",
  "create:html-200#2",
  "retrieve:html-200#1",
  "retrieve:500-before#2",
  "list:503#1",
  "download:truncated-body#1",
  "download:html-200#3",
  "retrieve:401#9",
  "create:batch-failed#4",
];

test("after a run full of faults no file, stream or event holds the key, or half of it", async () => {
  await inScene(
    warm,
    { shape: { batches: 4, requestsPerBatch: 2 }, provider: { faultNames: FAULTS } },
    async (scene) => {
      const written: string[] = [];
      for (const flags of [["--json"], ["--verbose"], []]) {
        const { stdout, stderr } = await scene.run("build", "--wait", "--poll", "0.03", "--keep-going", ...flags);
        written.push(stdout, stderr);
      }
      for (const command of ["status", "plan", "cost", "recover", "fsck"]) {
        const { stdout, stderr } = await scene.run(command, "--json");
        written.push(stdout, stderr);
      }
      expect(written.join("")).toMatch(/batch_\w+/);
      expectNoKey(scene.project.root, written);
    },
  );
});

test("a provider that repeats the key in its refusal is not believed that much", async () => {
  const project = makeProject({ batches: 1, requestsPerBatch: 1 });
  const provider = await startProvider({ keys: { wrong: [KEY] } });
  try {
    const refused = await runDsgen(project, ["build", "--wait", "--json"], { url: provider.url });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/the provider refused the key \(401\)/);
    expectNoKey(project.root, [refused.stdout, refused.stderr]);
  } finally {
    project.remove();
    await provider.remove();
  }
});

function expectNoKey(root: string, written: readonly string[]): void {
  const secrets = [KEY, KEY.slice(8, 24), Buffer.from(KEY).toString("base64").slice(0, 32)];
  let files = 0;
  for (const { path, content } of filesBelow(root)) {
    files++;
    for (const secret of secrets) expect({ path, holds: content.includes(secret) }).toEqual({ path, holds: false });
  }
  expect(files).toBeGreaterThan(10);
  for (const secret of secrets) expect(written.filter((text) => text.includes(secret))).toEqual([]);
}
