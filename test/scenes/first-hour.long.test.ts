import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { environment } from "./support/project.ts";
import { REPOSITORY } from "./support/shipped.ts";

/*
 * The first hour of somebody who has only the package: it is packed as it would be published, installed in an empty folder
 * with nothing else, and everything up to the report is made there. npm's own cache or registry has what it depends on.
 */

const folder = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-first-hour-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function npm(cwd: string, ...args: readonly string[]): string {
  const ran = spawnSync("npm", args, { cwd, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`npm ${args.join(" ")}: ${ran.status}\n${ran.stderr}`);
  return ran.stdout;
}

function dsgen(...args: readonly string[]): SpawnSyncReturns<string> {
  const launcher = join(folder, "node_modules", ".bin", "dsgen");
  return spawnSync(launcher, args, { cwd: folder, env: environment({}), encoding: "utf8" });
}

test("from the packed package to a dataset of one's own and its report", () => {
  const packed: { filename: string }[] = JSON.parse(
    npm(REPOSITORY, "pack", "--json", "--ignore-scripts", "--pack-destination", folder),
  );
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  npm(folder, "install", "--prefer-offline", "--no-audit", "--no-fund", "--save-dev", `./${packed[0]?.filename}`);
  expect(dsgen("init", "--yes")).toMatchObject({ status: 0, stderr: "" });
  const task = readFileSync(join(folder, "config", "tasks", "pairs.yaml"), "utf8");
  const schema = /\$schema=(.*)$/m.exec(task)?.[1] ?? "none";
  expect(existsSync(join(folder, "config", "tasks", schema)), schema).toBe(true);
  const plan = dsgen("plan");
  expect(plan.stdout).toMatch(/^Would send 20 requests\./m);
  const quick = ["--set", "dsgen.simulator.speed=100"];
  const built = dsgen("build", "--wait", ...quick);
  expect([built.status, built.stdout]).toEqual([0, expect.stringContaining("✓ pairs.jsonl (simulated)")]);
  expect(dsgen("build", ...quick).stdout).toContain("Everything is up to date; nothing was sent.");
  expect(dsgen("validate", "pairs.jsonl").status).toBe(0);
  expect(dsgen("new", "task", "quiz", "--kind", "records")).toMatchObject({ status: 0, stderr: "" });
  expect(dsgen("build", "--wait", "quiz.jsonl", ...quick).status).toBe(0);
  const report = dsgen("report");
  expect([report.status, report.stderr.includes("error")]).toEqual([0, false]);
  expect(statSync(join(folder, "report.html")).size).toBeLessThan(3_000_000);
  // With make, as the README that was put there says; the second time there is nothing to do.
  const made = spawnSync("make", ["dataset"], { cwd: folder, env: environment({}), encoding: "utf8" });
  expect([made.status, made.stdout]).toEqual([0, expect.stringContaining("Everything is up to date")]);
}, 600_000);
