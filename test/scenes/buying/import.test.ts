import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  makeProject,
  type Provider,
  type Ran,
  runDsgen,
  type SceneProject,
  startProvider,
} from "../support/project.ts";
import { handRun } from "../support/scripts.ts";
import { executed, jsonLines, lineOf } from "../support/shipped.ts";

/* Whose answer is it, and what must never become a job: files of scripts under any name, and folders that dsgen made. */

const SMALL = { batches: 3, requestsPerBatch: 4 };
let provider: Provider;
let source: SceneProject;
let project: SceneProject;
let scripts: string;

beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
  source = makeProject(SMALL);
  expect((await runDsgen(source, ["build", "--wait"], { url: provider.url })).code).toBe(0);
});
afterAll(async () => {
  await provider.remove();
  source.remove();
});
beforeEach(() => {
  project = makeProject(SMALL);
  scripts = handRun(source, SMALL.batches);
});
afterEach(() => {
  project.remove();
  rmSync(scripts, { recursive: true, force: true });
});

const input = (i: number) => join(scripts, "requests", "tiny", `request_batch${i}.jsonl`);
const output = (i: number) => join(scripts, "batch_outputs", "tiny", `output_batch${i}.jsonl`);
/** As the provider's website names what it lets one download. */
const downloaded = (id: string) => join(scripts, "batch_outputs", "tiny", `batch_${id}_output.jsonl`);
const importing = (...args: string[]) => runDsgen(project, ["import", ...args, "--json"], { url: provider.url });

/** Names whose digits are another batch's, and custom_ids that are counted from 0 in every file. */
function renameOutputs(): void {
  for (const [i, id] of ["67f2", "67f0", "67f1"].entries()) renameSync(output(i), downloaded(id));
}

function metadata(entries: readonly object[]): void {
  writeFileSync(join(scripts, "requests", "tiny", "batch_metadata.json"), JSON.stringify(entries));
}

/** Builds without paying for anything. */
async function buildForFree(): Promise<string> {
  const before = await executed(provider);
  const built = await runDsgen(project, ["build", "--wait"], { url: provider.url });
  expect(built.code, built.stderr).toBe(0);
  expect(await executed(provider)).toBe(before);
  return project.read("dataset.jsonl");
}

/** Each answer lies under the request that it was given to. */
async function expectTheSameDataset(): Promise<void> {
  expect(await buildForFree()).toBe(source.read("dataset.jsonl"));
}

async function expectNothingWasTaken(ran: Ran, ...words: string[]): Promise<void> {
  expect(ran.code).toBe(2);
  for (const word of words) expect(ran.stderr).toContain(word);
  const plan = await runDsgen(project, ["plan", "--json"], { url: provider.url });
  expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ requests: 12, reused: 0 });
}

describe("import pairs an output with its input", () => {
  it("by the ids in batch_metadata.json, whatever digits a name holds", async () => {
    renameOutputs();
    metadata(
      ["batch_67f2", "batch_67f0", "batch_67f1"].map((id, i) => ({
        batch_file: `requests/tiny/request_batch${i}.jsonl`,
        batch_id: id,
        status: "completed",
      })),
    );
    const ran = await importing(scripts);
    expect(ran.code, ran.stderr).toBe(0);
    expect(lineOf(ran.stdout, "imported")).toMatchObject({ taken: 12, unplaced: {}, adopted: [], notes: [] });
    await expectTheSameDataset();
  });

  it("by the path that the metadata's entry names", async () => {
    for (const i of [0, 1, 2]) renameSync(output(i), downloaded(`9${2 - i}`));
    metadata(
      [0, 1, 2].map((i) => ({
        batch_file: `request_batch${i}.jsonl`,
        batch_id: `batch_${i}`,
        output_file_path: `./batch_outputs/tiny/batch_9${2 - i}_output.jsonl`,
      })),
    );
    expect(lineOf((await importing(scripts)).stdout, "imported")).toMatchObject({ taken: 12 });
    await expectTheSameDataset();
  });

  it("by the order in which a person names them", async () => {
    renameOutputs();
    const ids = ["67f2", "67f0", "67f1"];
    const args = ids.flatMap((id, i) => ["--input", input(i), "--output", downloaded(id)]);
    expect(lineOf((await importing(...args)).stdout, "imported")).toMatchObject({ taken: 12 });
    await expectTheSameDataset();
  });

  it("one pair at a time, and loses no answer to a question that every file asks again", async () => {
    const pair = (i: number) => ["--input", input(i), "--output", output(i)];
    for (const i of [0, 1, 2]) {
      const ran = await importing(...pair(i));
      expect(lineOf(ran.stdout, "imported")).toMatchObject({ requests: 4, taken: 4, known: 0 });
    }
    expect(lineOf((await importing(...pair(1))).stdout, "imported")).toMatchObject({ taken: 0, known: 4 });
    expect(lineOf((await importing(scripts)).stdout, "imported")).toMatchObject({ taken: 0, known: 12 });
    // Which sample of one question an answer becomes does not matter; that none is lost does.
    const texts = (dataset: string) =>
      jsonLines(dataset)
        .map((row) => row["text"])
        .sort();
    expect(texts(await buildForFree())).toEqual(texts(source.read("dataset.jsonl")));
  });

  it("and takes nothing where two inputs fit, naming both", async () => {
    renameOutputs();
    await expectNothingWasTaken(await importing(scripts), input(0), input(1), "request-");
    const fewer = ["--input", input(0), "--input", input(1), "--output", downloaded("67f0")];
    await expectNothingWasTaken(await importing(...fewer), downloaded("67f0"), input(0), input(1));
  });

  it("and takes nothing where the order contradicts the names", async () => {
    const crossed = ["--input", input(0), "--input", input(1), "--output", output(1), "--output", output(0)];
    await expectNothingWasTaken(await importing(...crossed), output(1), input(0), input(1));
  });

  it("and refuses a custom_id that occurs twice, with both lines", async () => {
    const lines = readFileSync(input(1), "utf8").trimEnd().split("\n");
    writeFileSync(input(1), `${[...lines, lines[1]].join("\n")}\n`);
    await expectNothingWasTaken(await importing(scripts), `${input(1)}:5`, "line 2");
  });

  it("and says which folder is missing where the scripts' task has another name", async () => {
    renameSync(join(scripts, "requests", "tiny"), join(scripts, "requests", "other"));
    const ran = await importing(scripts);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("expected the folder requests/tiny with")]);
  });

  it("says in one line a file how many lines are no output, and ends with 1 when nothing is left", async () => {
    const torn = project.path("torn.jsonl");
    writeFileSync(torn, "\nno json\n".repeat(500));
    const ran = await importing("--input", input(0), "--output", torn);
    expect(ran.code).toBe(1);
    expect(lineOf(ran.stdout, "imported")["notes"]).toEqual([
      expect.stringMatching(/torn\.jsonl: 500 lines .*line 2\)/),
    ]);
    expect(ran.stderr).toContain("nothing was imported");
  });
});

describe("import of a folder that dsgen made", () => {
  const AXES = { task: ["axes: { topic: [cakes, locks] }"] };
  let own: SceneProject;
  let clone: SceneProject;

  beforeEach(() => {
    own = makeProject({ ...SMALL, ...AXES });
    clone = makeProject({ ...SMALL, ...AXES });
  });
  afterEach(() => {
    own.remove();
    clone.remove();
  });

  it("never makes jobs of simulated batches, done or under way, and leaves the clone able to build", async () => {
    const speed = ["--set", "dsgen.simulator.speed=1"];
    const started = await runDsgen(own, ["build", ...speed]);
    expect(started.code, started.stderr).toBe(75);
    const key = { url: provider.url };
    const early = await runDsgen(clone, ["import", own.root, "--json"], key);
    expect(early.code).toBe(1);
    expect(lineOf(early.stdout, "imported")).toMatchObject({ taken: 0, adopted: [] });
    expect(lineOf(early.stdout, "imported")["notes"]).toEqual([expect.stringContaining("simulated")]);

    expect((await runDsgen(own, ["build", "--wait"])).code).toBe(0);
    expect(existsSync(own.path("batch_outputs/tiny/output_batch0.sources.jsonl"))).toBe(true);
    expect(existsSync(own.path("requests/tiny/request_batch0.axes.jsonl"))).toBe(true);
    const late = await runDsgen(clone, ["import", own.root, "--json"], key);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain("12 answers simulated");
    expect(lineOf(late.stdout, "imported")).toMatchObject({ requests: 12, outputs: 3, simulated: 12, adopted: [] });

    const status = await runDsgen(clone, ["status", "--json"], key);
    expect(jsonLines(status.stdout).filter((line) => line["type"] === "job-status")).toEqual([]);
    const built = await runDsgen(clone, ["build", "--wait"], key);
    expect(built.code, built.stderr).toBe(0);
  });

  it("takes real answers under their own ids, and those of a partial dataset only where there are some", async () => {
    const real = await startProvider({ timing: "instant" });
    try {
      expect((await runDsgen(own, ["build", "--wait"], { url: real.url })).code).toBe(0);
      for (const i of [0, 1, 2]) {
        const path = `batch_outputs/tiny/output_batch${i}.jsonl`;
        writeFileSync(own.path(path), own.read(path).replaceAll("fp_simulated", "fp_0a1b2c3d4e"));
      }
      const lines = own.read("batch_outputs/tiny/output_batch2.jsonl").split("\n");
      const pending = {
        id: null,
        custom_id: jsonLines(lines[0] ?? "")[0]?.["custom_id"],
        response: null,
        error: { code: "dsgen_pending", message: "its batch is under way" },
      };
      writeFileSync(
        own.path("batch_outputs/tiny/output_batch2.jsonl"),
        [JSON.stringify(pending), ...lines.slice(1)].join("\n"),
      );
      const ran = await runDsgen(clone, ["import", own.root, "--json"], { url: real.url });
      expect(ran.code, ran.stderr).toBe(0);
      const entries: unknown = JSON.parse(own.read("requests/tiny/batch_metadata.json"));
      const third = Array.isArray(entries) ? entries[2]?.batch_id : undefined;
      expect(lineOf(ran.stdout, "imported")).toMatchObject({ taken: 11, failed: 0, notes: [], adopted: [third] });
      const built = await runDsgen(clone, ["build", "--wait"], { url: real.url });
      expect(built.code, built.stderr).toBe(0);
      expect((await real.finalLedger()).charges).toHaveLength(12);
    } finally {
      await real.remove();
    }
  });

  it("does not watch a batch that the provider does not know, and says so", async () => {
    rmSync(join(scripts, "batch_outputs"), { recursive: true });
    metadata([
      { batch_file: "request_batch0.jsonl", batch_id: "batch_of_another_account", status: "in_progress" },
      { batch_file: "request_batch1.jsonl", batch_id: "batch_that_failed", status: "failed" },
    ]);
    const ran = await importing(scripts);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("the provider does not know it");
    expect(ran.stderr).toContain("batch_that_failed: it has failed");
    const built = await runDsgen(project, ["build", "--wait"], { url: provider.url });
    expect(built.code, built.stderr).toBe(0);
  });

  it("is no place for made-up answers: the simulator as the provider is refused", async () => {
    const ran = await runDsgen(project, ["import", scripts, "--provider", "simulator"]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("imported answers are real ones");
  });
});
