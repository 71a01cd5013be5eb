import { fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../simulator/support.ts";
import { PARSERS } from "./support/hostile-parsers.ts";
import { HURTING } from "./support/hostile-texts.ts";
import { makeProject, type SceneProject } from "./support/project.ts";
import { startWarm, type Warm } from "./support/warm.ts";

/*
 * Every reader of text that is not ours is given ten megabytes built to hurt, and comes to its right end within a test's
 * time and within this much memory. What each took is printed, not asserted.
 */

const LIMIT = 120_000;
const MOST_MB = 2500;

const figures: string[] = [];
const figure = (name: string, worstMs: number, text: string, peakMb: number) =>
  figures.push(`${name}: at worst ${(worstMs / 1000).toFixed(1)} s (${text}), ${Math.round(peakMb)} MB`);
afterAll(() => {
  process.stderr.write(`\n${figures.join("\n")}\n`);
});

interface Ran {
  readonly ends: readonly { readonly text: string; readonly ms: number; readonly end: string }[];
  readonly peakMb: number;
}

function given(parser: string): Promise<Ran> {
  const file = fileURLToPath(new URL("./support/hostile-process.ts", import.meta.url));
  const execArgv = ["--import", "jiti/register"];
  const child = fork(file, [parser, temporaryFolder()], { execArgv, timeout: LIMIT });
  return new Promise((resolve, reject) => {
    child.once("message", (ran: Ran) => resolve(ran));
    child.once("exit", (code, signal) => reject(new Error(`it ended with ${signal ?? code}`)));
  });
}

test.each(Object.keys(PARSERS))("%s", { timeout: LIMIT }, async (parser) => {
  const { ends, peakMb } = await given(parser);
  const worst = ends.reduce((a, b) => (b.ms > a.ms ? b : a));
  figure(parser, worst.ms, worst.text, peakMb);
  expect(ends.filter(({ end }) => end !== "")).toEqual([]);
  expect(ends.length).toBe(HURTING.length);
  expect(peakMb).toBeLessThan(MOST_MB);
});

describe("files that a person names", () => {
  let warm: Warm;
  let project: SceneProject;
  const worst = new Map<string, { ms: number; text: string }>();
  beforeAll(() => {
    warm = startWarm();
    project = makeProject({ batches: 1, requestsPerBatch: 1 });
  });
  afterAll(async () => {
    const peakMb = warm.peakMb();
    for (const [command, { ms, text }] of worst) figure(`dsgen ${command}`, ms, text, peakMb);
    await warm.close();
    project.remove();
  });

  test.each(HURTING)(
    "%s: inspect, import, validate and a config end with what is wrong",
    { timeout: LIMIT },
    async (name, text) => {
      const run = async (command: string, ...rest: readonly string[]) => {
        const started = performance.now();
        const ran = await warm.run(project, [command, ...rest], {});
        const ms = performance.now() - started;
        if (ms > (worst.get(command)?.ms ?? 0)) worst.set(command, { ms, text: name });
        return ran;
      };
      const config = project.path("config", "tasks", "tiny.yaml");
      const good = readFileSync(config, "utf8");
      writeFileSync(project.path("hurting.jsonl"), text);
      const inspected = await run("inspect", "hurting.jsonl");
      const imported = await run("import", "hurting.jsonl");
      const validated = await run("validate", "hurting.jsonl", "--task", "tiny");
      writeFileSync(config, text);
      const planned = await run("plan");
      writeFileSync(config, good);
      for (const { code, stdout, stderr } of [inspected, imported, validated, planned]) {
        expect([0, 1, 2]).toContain(code);
        expect(stdout + stderr).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
        expect((stdout + stderr).length).toBeLessThan(100_000);
      }
      expect(planned.code).toBe(2);
      expect(imported.code).not.toBe(0);
    },
  );
});
