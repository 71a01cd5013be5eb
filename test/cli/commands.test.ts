import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jsonLineSchema } from "../../src/report/result-schema.ts";
import { tinyProject } from "./project.ts";
import { dsgen, jsonLines } from "./terminal.ts";

/*
 * One project from its first plan to its last clean, through the real session, engine, store and simulator. Each test goes
 * on where the one before it ended.
 */
const root = mkdtempSync(join(tmpdir(), "dsgen-commands-"));
const run = (...argv: string[]) => dsgen(argv, { cwd: root });

/** The lines of `--json`, each held against the documented schema. */
async function lines(...argv: string[]) {
  const { code, stdout } = await run(...argv, "--json");
  return { code, lines: jsonLines(stdout).map((line) => jsonLineSchema.parse(line)) };
}

beforeAll(() => tinyProject(root));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("a first plan makes and sends nothing, and leaves no trace", async () => {
  const { code, stdout, stderr } = await run("plan");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("2  build  requests/tiny/request_batch{0,1}.jsonl");
  expect(stdout).toContain("send 6, reuse 0;");
  expect(stdout).toContain("Would send 6 requests.");
  expect(existsSync(join(root, ".dsgen-cache"))).toBe(false);
  const planned = await lines("build", "--dry-run");
  expect(planned.lines.at(-1)).toMatchObject({
    type: "plan-total",
    requests: 6,
    simulated: true,
    actions: { build: 9 },
  });
});

test("a plan says what a limit would refuse, and build refuses it", async () => {
  const plan = await run("plan", "--max-cost", "0");
  expect(plan.code).toBe(3);
  expect(plan.stderr).toContain("a build would be refused");
  const build = await run("build", "--max-cost", "0");
  expect(build.code).toBe(3);
  expect(build.stdout).toContain("none of what was refused was sent.");
  expect(build.stderr.split("→")).toHaveLength(2);
});

test("a build without --wait waits for nobody, and says what to do", async () => {
  const { code, stdout, stderr } = await run("build", "--set", "dsgen.simulator.speed=0.3");
  expect(code).toBe(75);
  expect(stderr).toContain("SIMULATED");
  expect(stdout).toMatch(/request_batch0\.jsonl: \w+ +\d\/3 /);
  expect(stdout).toContain("dsgen build --wait");
  const status = await lines("status", "--set", "dsgen.simulator.speed=0.3");
  expect(status.code).toBe(75);
  expect(status.lines.at(-1)).toMatchObject({ type: "status-total", jobs: { waiting: 2 } });
  expect(readFileSync(join(root, "requests", "tiny", "batch_metadata.json"), "utf8")).toContain('"batch_id"');
});

test("build --wait --json: events of the schema, the summary, and build-finished last", async () => {
  const { code, lines: events } = await lines("build", "--wait");
  expect(code).toBe(0);
  expect(events[0]).toMatchObject({ type: "build-started", goals: ["tiny.jsonl"], simulated: true });
  const kinds = events.map((event) => event.type);
  for (const kind of ["notice", "target", "stage", "job", "summary"]) expect(kinds).toContain(kind);
  const shards = events.filter((event) => event.type === "stage" && event.stage === "validation");
  expect(shards).toEqual([{ type: "stage", stage: "validation", done: 0, total: 2 }]);
  expect(events.at(-1)).toMatchObject({ type: "build-finished", outcome: "up-to-date" });
  expect(events.find((event) => event.type === "summary")).toMatchObject({
    target: "tiny.jsonl",
    summary: { rows: 40 },
  });
});

test("a null build says that there was nothing to do and that the data is simulated, and nothing twice", async () => {
  const { code, stdout, stderr } = await run("build");
  expect(code).toBe(0);
  expect(stdout).toBe("Everything is up to date; nothing was sent.\n  ✓ tiny.jsonl (simulated)\n");
  expect(stderr).toBe("");
  const quiet = await run("build", "-q");
  expect([quiet.code, quiet.stdout]).toEqual([0, ""]);
  const status = await run("status");
  expect(status.code).toBe(0);
  expect(status.stdout).toMatch(/✓ request_batch0\.jsonl {2}completed {2}3\/3/);
});

test("explain names the value that changed, from what to what, down to the requests", async () => {
  const changed = ["--set", "tiny.sampling.temperature=0.9"];
  const { stdout } = await run("explain", "tiny.jsonl", ...changed);
  expect(stdout).toMatch(/sampling\.temperature: 0\.8 → 0\.9/);
  expect(stdout).toContain("send 6, reuse 0;");
  const explained = await lines("explain", "requests/tiny/request_batch0.jsonl", ...changed);
  expect(explained.lines).toMatchObject([{ type: "explanation", standing: { action: "rebuild" } }]);
  expect((await run("explain", "tiny.jsonl")).stdout).toBe("tiny.jsonl: fresh. Nothing it is made from has changed.\n");
  const near = await run("explain", "tiny.json");
  expect(near.code).toBe(2);
  expect(near.stderr).toContain("Did you mean tiny.jsonl?");
});

test("graph lists what is made from what", async () => {
  const { code, stdout } = await run("graph", "tiny.jsonl");
  expect(code).toBe(0);
  expect(stdout).toContain("as needed from validated/tiny/shard{0,1}.jsonl");
  expect((await lines("graph")).lines.map((line) => line.type === "graph" && line.target)).toContain(
    "tiny.manifest.json",
  );
});

test("validate holds the file to the rule, without any check of the build's", async () => {
  const { code, stdout } = await run("validate", "tiny.jsonl");
  // The task asks for distinct texts only, and words of several letters are several of this tokenizer's tokens.
  expect(code).toBe(1);
  expect(stdout).toContain("tiny.jsonl: 20 scenarios, 40 rows");
  const row = (type: string, text: string, id = 0) =>
    `${JSON.stringify({ scenario_id: id, type, task: "tiny", text })}\n`;
  writeFileSync(join(root, "good.jsonl"), row("plain_prompt", "cat.") + row("plain_counterfactual", "cut."));
  expect(await run("validate", "good.jsonl")).toMatchObject({ code: 0, stderr: "" });
  appendFileSync(
    join(root, "good.jsonl"),
    `${row("plain_prompt", "cat.", 1)}${row("plain_counterfactual", "abt.", 1)}nonsense\n${row("other_prompt", "a", 2)}${row("other_counterfactual", "b", 2)}`,
  );
  const bad = await run("validate", "good.jsonl", "--show-failures");
  expect(bad.code).toBe(1);
  expect(bad.stdout).toContain("good.jsonl:3: scenario 1, plain, tiny: 4 tokens against 3\n");
  expect(bad.stdout).toContain("good.jsonl:6: scenario 2 has no rows of plain\n");
  expect(bad.stderr).toContain("error: good.jsonl:5: ");
  const told = await lines("validate", "good.jsonl", "--show-failures");
  expect(told.lines.map((line) => line.type)).toEqual([
    "problem",
    "validation-failure",
    "validation-failure",
    "validation",
  ]);
  const unknown = await run("validate", "good.jsonl", "--tokenizers", "tini");
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('Did you mean "tiny"?');
  writeFileSync(join(root, "empty.jsonl"), "");
  expect(await run("validate", "empty.jsonl")).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("no scenario"),
  });
});

test("clean takes what dsgen placed and nothing else, and paid answers are not asked for again", async () => {
  appendFileSync(join(root, "validated", "tiny", "shard0.jsonl"), "mine\n");
  const dry = await lines("clean", "--dry-run");
  expect(dry.lines).toContainEqual({
    type: "clean",
    file: "validated/tiny/shard0.jsonl",
    action: "kept",
    why: "edited",
  });
  expect(existsSync(join(root, "tiny.jsonl"))).toBe(true);
  const { code, stdout } = await run("clean", "--cache");
  expect(code).toBe(0);
  expect(stdout).toContain("kept: validated/tiny/shard0.jsonl (it was changed by hand)");
  expect(stdout).toMatch(/Paid answers \([\d.]+ kB\) and the journal of batch jobs are kept\./);
  expect(existsSync(join(root, "tiny.jsonl"))).toBe(false);
  expect(existsSync(join(root, "requests"))).toBe(false);
  expect(existsSync(join(root, "good.jsonl"))).toBe(true);
  const plan = await lines("plan");
  expect(plan.lines.at(-1)).toMatchObject({ type: "plan-total", requests: 0 });
  const rebuilt = await run("build");
  expect(rebuilt.code).toBe(0);
  expect(rebuilt.stderr).not.toContain("asking");
});

test("a failing build says each problem once, and 1 outranks 75", async () => {
  rmSync(join(root, "tiny", "tokenizer.json"));
  const { code, stderr } = await run("build");
  expect(code).toBe(2);
  expect(stderr.match(/tokenizer\.json/g)?.length).toBeGreaterThan(0);
  expect(stderr.match(/^error: /gm)).toHaveLength(1);
});
