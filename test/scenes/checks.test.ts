import { afterAll, beforeAll, expect, it } from "vitest";
import { ended, runDsgen, type SceneProject, startDsgen } from "./support/project.ts";
import { edit, jsonLines, SMALL, shippedProject, write } from "./support/shipped.ts";

/*
 * Checks of a person's own that never end, are not there, or fail: what is said, and that the rest goes on.
 */

const TASK = "config/tasks/refusal.yaml";
const CHECKS = /^checks:\n(?: {2}- .*\n)+/m;
const SHARD = "validated/refusal/shard0.jsonl";

let project: SceneProject;
beforeAll(async () => {
  project = shippedProject({ ...SMALL, tokenizers: ["solar"] });
  edit(project, TASK, CHECKS, "checks: [distinct-texts]\n");
  expect((await runDsgen(project, ["build", "--wait", SHARD])).code).toBe(0);
});
afterAll(() => project.remove());

function check(line: string): void {
  edit(project, TASK, /^checks: .*$/m, `checks: [${line}]`);
}

it("a pattern and a module that never end fail their candidates by name, and the build goes on", async () => {
  write(project, "targets/checks/loop.ts", "export default () => { for (;;); };\n");
  check('{ check: regex, pattern: "^([a-zA-Z ]+)+!$" }, { check: module, path: targets/checks/loop.ts }');
  const ran = await runDsgen(project, ["build", "--set", "refusal.check_timeout_seconds=0.05", SHARD]);
  expect(ran.code).toBe(0);
  const failed = jsonLines(project.read(SHARD)).map((line) => line["failed"]);
  expect(failed.length).toBeGreaterThan(0);
  for (const of of failed) {
    expect(of).toContainEqual({
      check: "module targets/checks/loop.ts",
      reason: "timed-out",
      detail: { seconds: 0.05 },
    });
  }
  expect(failed).toContainEqual(
    expect.arrayContaining([{ check: "regex ^([a-zA-Z ]+)+!$", reason: "timed-out", detail: { seconds: 0.05 } }]),
  );
  const inspected = await runDsgen(project, ["inspect", SHARD]);
  expect(inspected.stdout).toContain("module targets/checks/loop.ts: timed-out");
});

it("Ctrl-C ends a check that never ends, however long its limit", async () => {
  write(
    project,
    "targets/checks/loop.ts",
    'import { writeSync } from "node:fs";\nexport default () => { writeSync(2, "looping\\n"); for (;;); };\n',
  );
  check("{ check: module, path: targets/checks/loop.ts }");
  const child = startDsgen(project, ["build", "--set", "refusal.check_timeout_seconds=600", SHARD]);
  child.stderr?.on("data", (chunk: Buffer) => {
    if (chunk.toString().includes("looping")) setTimeout(() => child.kill("SIGINT"), 100);
  });
  const ran = await ended(child, "dsgen build", { deadlineMs: 60_000 });
  expect([130, null]).toContain(ran.code);
  expect(ran.stderr).not.toMatch(/^error/m);
});

it("a check's module that is not there is called a check's module", async () => {
  check("{ check: module, path: targets/checks/nobody.ts }");
  const ran = await runDsgen(project, ["build", SHARD]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toMatch(/tasks\/refusal\.yaml: the module of a check .*found no targets\/checks\/nobody\.ts/);
  expect(ran.stderr).not.toMatch(/recipe/);
});

it("a failure of a module or pattern says which one, and its reason", async () => {
  write(project, "targets/checks/dull.ts", 'export default () => ({ reason: "dull" });\n');
  check("{ check: module, path: targets/checks/dull.ts }, { check: regex, pattern: Zebra }");
  expect((await runDsgen(project, ["build", SHARD])).code).toBe(0);
  const { stdout } = await runDsgen(project, ["inspect", SHARD]);
  expect(stdout).toContain("module targets/checks/dull.ts: dull");
  expect(stdout).toContain("regex Zebra: no-match");
});
