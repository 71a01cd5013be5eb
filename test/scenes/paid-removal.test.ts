import { afterAll, beforeAll, expect, it } from "vitest";
import { makeProject, type SceneProject, startProvider } from "./support/project.ts";
import { executed, jsonLines, lineOf } from "./support/shipped.ts";
import { startWarm, type Warm } from "./support/warm.ts";

/* Paid answers go only when that is said twice, and never what a job under way still needs. */

const REMOVALS = [
  { removal: ["clean", "--cache", "--include-paid"], answers: 4 },
  // The second request file is then no target's, so its answers are needed by none.
  { removal: ["gc", "--include-paid", "--set", "tiny.batches=1"], answers: 2 },
];
let warm: Warm;
let project: SceneProject;
beforeAll(() => {
  warm = startWarm();
});
afterAll(() => warm.close());

it("refuses while a batch is under way, says how many answers there are, and asks", async () => {
  const provider = await startProvider({ timing: { validatingMs: 3_600_000 } });
  project = makeProject({ batches: 2, requestsPerBatch: 2 });
  const run = (...args: string[]) => warm.run(project, args, { url: provider.url });
  try {
    expect((await run("build")).code).toBe(75);
    for (const { removal } of REMOVALS) {
      for (const more of [["--yes"], ["--dry-run"]]) {
        const refused = await run(...removal, ...more);
        expect(refused.code).toBe(2);
        expect(refused.stderr).toContain("2 batch jobs are under way");
        expect(refused.stderr).toContain("dsgen cancel");
      }
    }
    expect((await run("status")).code).toBe(75);
    expect((await run("fsck")).code).toBe(0);
    expect((await run("build")).code).toBe(75);
  } finally {
    await provider.remove();
    project.remove();
  }
});

it("says what would go, takes no silence for a yes, and leaves a cache that every command can work with", async () => {
  const provider = await startProvider({ timing: "instant" });
  project = makeProject({ batches: 2, requestsPerBatch: 2 });
  const run = (...args: string[]) => warm.run(project, args, { url: provider.url });
  try {
    expect((await run("build", "--wait")).code).toBe(0);
    const dataset = project.read("dataset.jsonl");
    for (const { removal, answers } of REMOVALS) {
      const unasked = await run(...removal);
      expect(unasked.code).toBe(2);
      expect(unasked.stderr).toMatch(
        RegExp(`it would delete ${answers} paid answers in \\d files? \\(.*\\$0\\.\\d+\\)`),
      );
      expect(unasked.stderr).toContain("--yes");
    }
    expect(project.read("dataset.jsonl")).toBe(dataset);
    const gone = await run("clean", "--cache", "--include-paid", "--yes", "--json");
    expect(gone.code, gone.stderr).toBe(0);
    expect(lineOf(gone.stdout, "clean-total")).toMatchObject({ paidAnswersRemoved: 4 });
    for (const command of ["status", "cost", "fsck", "plan"]) expect((await run(command)).code).toBe(0);
    // Nothing is left to be asked about.
    expect((await run("gc", "--include-paid")).code).toBe(0);
    const before = await executed(provider);
    expect((await run("build", "--wait")).code).toBe(0);
    expect(await executed(provider)).toBe(before + 4);
  } finally {
    await provider.remove();
    project.remove();
  }
});

it("keeps what was sent by a job whose answers are lost, so that no command fails for want of it", async () => {
  const provider = await startProvider({ timing: "instant", faultNames: ["download:output-file-gone#1x*"] });
  project = makeProject({ batches: 1, requestsPerBatch: 2 });
  const run = (...args: string[]) => warm.run(project, args, { url: provider.url });
  try {
    await run("build", "--wait");
    const lost = jsonLines((await run("status", "--json")).stdout).filter((line) => line["status"] === "lost");
    expect(lost).toHaveLength(1);
    expect((await run("clean", "--cache", "--include-paid", "--yes")).code).toBe(0);
    for (const command of ["status", "plan", "build", "fsck"]) {
      const ran = await run(command);
      expect(ran.code, `${command}: ${ran.stderr}`).not.toBe(70);
    }
    expect((await provider.finalLedger()).creates).toHaveLength(1);
  } finally {
    await provider.remove();
    project.remove();
  }
});
