import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { STORE_FAULT_POINTS, type StoreFaultPoint } from "../../src/store/fault-names.ts";
import { acquireLock } from "../../src/store/lock.ts";
import { startChild } from "./children.ts";
import { cacheOf, type Outcome, plantDeadLock, runScenario, STEPS, wrongAfter } from "./fixtures/scenario.ts";
import { scratch, valueIn } from "./project.ts";

const CHILDREN_AT_ONCE = 2;

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

/** A second run over what the first left must do everything, and leave everything whole. */
async function wrongAfterRepeating(root: string): Promise<readonly string[]> {
  const outcomes = new Map<string, Outcome>();
  const errors: string[] = [];
  await runScenario(root, (step, outcome, error) => {
    outcomes.set(step, outcome);
    if (outcome !== "done") errors.push(`second run: ${step} ${outcome}: ${error}`);
  });
  return [...errors, ...wrongAfter(root, outcomes)];
}

test("the scenario passes every fault point, and no other of this folder", async () => {
  const root = scratch();
  const points = join(root, "points.txt");
  plantDeadLock(root);
  const end = await startChild("scenario-child.ts", [root], `trace@${points}`).ended;
  expect(end.stderr).toBe("");
  expect(end.code).toBe(0);
  const said = end.stdout.trim().split("\n");
  expect(said.filter((line) => !line.includes('"done"'))).toEqual([]);
  expect(said).toHaveLength(STEPS.length);
  const passed = new Set(readFileSync(points, "utf8").trim().split("\n"));
  expect([...passed].sort()).toEqual([...STORE_FAULT_POINTS].sort());
  // The traced names live in the project's own folder here; nothing else is left behind.
  expect(readdirSync(root).sort()).toEqual([".dsgen-cache", "out", "points.txt"]);
});

test("killed at any fault point: what was acknowledged is whole, nothing torn is taken for whole, the next run goes on", async () => {
  const left: StoreFaultPoint[] = [...STORE_FAULT_POINTS];
  const wrong: string[] = [];
  const worker = async (): Promise<void> => {
    for (let point = left.shift(); point !== undefined; point = left.shift()) {
      const root = mkdtempSync(join(tmpdir(), "dsgen-crash-"));
      plantDeadLock(root);
      const end = await startChild("scenario-child.ts", [root], `kill@${point}`).ended;
      const report = (what: string): void => void wrong.push(`${point}: ${what}`);
      if (end.signal !== "SIGKILL") report(`it ended otherwise: ${end.code} ${end.stderr}`);
      const outcomes = new Map<string, Outcome>();
      for (const line of end.stdout.trim().split("\n")) {
        if (line === "") continue;
        const [step, outcome, error]: [string, Outcome, string | null] = JSON.parse(line);
        outcomes.set(step, outcome);
        if (outcome !== "done") report(`${step} ${outcome}: ${error}`);
      }
      for (const what of wrongAfter(root, outcomes)) report(what);
      for (const what of await wrongAfterRepeating(root)) report(what);
      rmSync(root, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: CHILDREN_AT_ONCE }, worker));
  expect(wrong).toEqual([]);
});

test("a disk that fails at any fault point: a Problem, no trace of what was refused, and everything after it works", async () => {
  const wrong: string[] = [];
  for (const point of STORE_FAULT_POINTS) {
    // An instant after the deed is no place for a disk to fail, and a lock that could not be removed is held until its
    // process ends, which this one does not.
    if (point.endsWith(".after") || point === "lock.release.before") continue;
    for (const code of ["ENOSPC", "EIO"]) {
      const root = scratch();
      plantDeadLock(root);
      vi.stubEnv("DSGEN_FAULT", `${code}@${point}`);
      vi.resetModules();
      const faulty = await import("./fixtures/scenario.ts");
      const outcomes = new Map<string, Outcome>();
      const report = (what: string): void => void wrong.push(`${code}@${point}: ${what}`);
      let failures = 0;
      await faulty.runScenario(root, (step, outcome, error) => {
        outcomes.set(step, outcome);
        if (outcome !== "failed") return;
        failures += 1;
        const problem = error instanceof Error && "problem" in error ? error.problem : undefined;
        const kind = code === "ENOSPC" ? "disk-full" : "io";
        if (JSON.stringify(problem)?.includes(`"kind":"${kind}"`) !== true) report(`${step} threw ${error}`);
      });
      if (failures > 1) report(`${failures} steps failed for one fault`);
      if (failures === 0) report("the fault went unnoticed");
      for (const what of wrongAfter(root, outcomes)) report(what);
      for (const name of leftovers(root)) report(`left ${name} behind`);
      for (const what of await wrongAfterRepeating(root)) report(what);
    }
  }
  expect(wrong).toEqual([]);
});

/** Temporary files of a process that was not killed: it could have removed them. */
function leftovers(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (name) => /\.tmp$/.test(name) || /v1\/tmp\/(file|blob|adopted)-/.test(name),
  );
}

test("the lock of a killed run is taken over at once", async () => {
  const root = scratch();
  plantDeadLock(root);
  await startChild("scenario-child.ts", [root], "kill@lock.takeover.after").ended;
  valueIn(await acquireLock(cacheOf(root), { command: "test", timeoutMs: 0 })).release();
  expect(readdirSync(cacheOf(root))).toEqual([]);
});
