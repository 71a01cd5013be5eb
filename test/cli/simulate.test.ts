import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { expect, test, vi } from "vitest";
import type { Io } from "../../src/cli/context.ts";
import { main } from "../../src/cli/main.ts";
import { memoryOutput } from "../../src/report/output.ts";
import { dsgen, temporaryFolder } from "./terminal.ts";

test("serves the real client until it is interrupted, which is its ordinary end", async () => {
  const stdout = memoryOutput();
  const stderr = memoryOutput();
  const cwd = temporaryFolder();
  const io: Io = { stdout, stderr, terminal: undefined, cwd, env: {}, now: Date.now };
  const stop = new AbortController();
  const faults = ["--fault", "list:503#1"];
  const running = main(["simulate", "--json", "--seed", "5", "--state-dir", "state", ...faults], io, stop.signal);
  await vi.waitFor(() => expect(stdout.text()).toContain("\n"), { timeout: 20_000 });
  const { url, env } = JSON.parse(stdout.text());
  expect(env).toEqual({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: "simulated-key" });
  const client = new OpenAI({ baseURL: env.OPENAI_BASE_URL, apiKey: env.OPENAI_API_KEY, maxRetries: 0 });
  await expect(client.batches.list()).rejects.toMatchObject({ status: 503 });
  expect((await client.batches.list()).data).toEqual([]);
  const taken = await dsgen(["simulate", "--port", new URL(url).port], { cwd });
  expect(taken.code).toBe(1);
  expect(taken.stderr).toContain("something else listens on this port already.");
  stop.abort();
  expect(await running).toBe(0);
  expect(stderr.text()).toBe("");
});

test("people are told which variables to set", async () => {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, "state"));
  const { code, stdout } = await dsgen(["simulate", "--state-dir", "state"], { cwd, signal: AbortSignal.abort() });
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /export OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/v1\n {2}export OPENAI_API_KEY=simulated-key\n/,
  );
});

test("Ctrl-C says what ends: a server, not a build whose jobs go on", async () => {
  const launcher = fileURLToPath(new URL("../../bin/dsgen.js", import.meta.url));
  const child = spawn(process.execPath, [launcher, "simulate"], { cwd: temporaryFolder() });
  let told = "";
  child.stderr.on("data", (chunk: Buffer) => {
    told += chunk.toString();
  });
  const closed = once(child, "close");
  // Read to its end: a loop that is left would close the pipe while the server may still write to it.
  child.stdout.on("data", (chunk: Buffer) => {
    if (chunk.includes("Ctrl-C")) child.kill("SIGINT");
  });
  const [code] = await closed;
  expect([code, told]).toEqual([0, "stopping: the server ends (once more to stop at once)\n"]);
});
