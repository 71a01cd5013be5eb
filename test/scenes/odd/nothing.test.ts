import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import type { Line, OddBatch } from "../support/odd-case.ts";
import { ALL_WELL, datasetOf, NOTHING, type OddScene, odd } from "../support/odd-scene.ts";
import type { OddServer } from "../support/odd-server.ts";

/* Nothing was answered, or nothing of it is valid: a failure that is said in the provider's words, and nothing is lost by it. */

const REFUSED = "Your credit balance is too low to access the API.";

/** Every line refused for good, but for those whose batch is among `answered`. */
function refusing(server: OddServer, answered: (batch: OddBatch) => boolean) {
  return {
    settle(batch: OddBatch, lines: readonly Line[]) {
      if (answered(batch)) return server.answerAll(batch, lines);
      const body = (at: number) => ({ error: { message: at === 0 ? "Something rare." : REFUSED } });
      return { output: null, errors: lines.map((line, at) => server.line(line, 400, body(at))) };
    },
  };
}

const nothing = (server: OddServer) => refusing(server, () => false);

test("a job of which nothing was answered: exit 1, the commonest message with its count, ✗ in status", () =>
  odd(nothing, async (scene) => {
    const ran = await scene.build();
    expect(scene.outcome()).toEqual(NOTHING);
    expect(ran.stderr).toContain("batch_outputs/tiny/output_batch0.jsonl");
    expect(ran.stderr).toContain(`answered 0 of 4: 400 ${REFUSED} (3 times)`);
    expect(ran.stderr).toMatch(/--retry-refused/);
    expect(ran.stdout + ran.stderr).not.toMatch(/up to date/i);

    const status = await scene.run("status");
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/^(✗|x) .*request_batch0\.jsonl/m);
    expect(status.stdout).toContain(`answered 0 of 4: 400 ${REFUSED} (3 times)`);

    // plan says what build does: nothing would be sent, and the target fails.
    const plan = await scene.run("plan");
    expect(plan.stdout + plan.stderr).toContain(`answered 0 of 4: 400 ${REFUSED} (3 times)`);
    const again = await scene.build();
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(REFUSED);
    expect(scene.calls(/^POST \/batches$/)).toBe(1);
  }));

test("a job whose requests are no longer asked is history: status looks at what came after it", () =>
  odd(
    (server) => refusing(server, (batch) => batch.nth > 1),
    async (scene) => {
      expect((await scene.build()).code).toBe(1);
      expect((await scene.build("--set", "tiny.role=You are another.")).code).toBe(0);
      expect((await scene.run("status")).code).toBe(0);
    },
  ));

test("one request that was answered is enough: the rest is counted, not a failure", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        const [first, ...rest] = lines;
        if (first !== undefined) server.charge(first, batch);
        return {
          output: first === undefined ? [] : [server.answer(first)],
          errors: rest.map((line) => server.line(line, 400, { error: { message: REFUSED } })),
        };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual({ ...ALL_WELL, rows: 2, paid: 1 });
      expect((await scene.run("status")).code).toBe(0);
    },
  ));

test("errors on the provider's side to the last attempt are a failure too", () =>
  odd(
    (server) => ({
      settle: (_batch, lines) => ({
        output: null,
        errors: lines.map((line) => {
          const message = `The server had an error in request req_${line.custom_id.slice(-16)}`;
          return server.line(line, 500, { error: { message } });
        }),
      }),
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual(NOTHING);
      expect(scene.calls(/^POST \/batches$/)).toBe(2);
      expect(ran.stderr).toMatch(
        /answered 0 of 4: no answer in 2 attempts: 500 The server had an error in request req_\w+ \(4 times\)/,
      );
      expect((await scene.run("status")).code).toBe(1);
    },
    { shape: { batch: { max_attempts: 2 } } },
  ));

test("the other files of a task go on, and a partial build makes do with them", () =>
  odd(
    (server) => refusing(server, (batch) => batch.nth > 1),
    async (scene) => {
      const ran = await scene.build("--keep-going");
      expect(scene.outcome()).toEqual({ ...NOTHING, paid: 4 });
      expect(ran.stderr).toContain("batch_outputs/tiny/output_batch0.jsonl");
      expect(existsSync(scene.project.path("validated/tiny/shard1.jsonl"))).toBe(true);

      const partial = await scene.run("build", "--partial");
      expect(partial.code, partial.stderr).toBe(0);
      expect(rowsOf(scene, "dataset.partial.jsonl")).toBe(8);
      expect(existsSync(scene.project.path("dataset.jsonl"))).toBe(false);
      // What the partial build took for an answer, the whole one does not.
      expect((await scene.build()).code).toBe(1);
    },
    { task: { batches: 2 } },
  ));

test("a file that fails from the start keeps no answer of the others at the provider", () =>
  odd(
    (server) => ({
      ...refusing(server, (batch) => batch.nth > 1),
      // The second batch takes its time: it is not done when the first one has failed.
      show: (shown, { nth, after }) =>
        nth > 1 && after < 4 ? { ...shown, status: "in_progress", output_file_id: null } : shown,
    }),
    async (scene) => {
      for (let runs = 0; runs < 5; runs++) expect((await scene.build()).code).toBe(1);
      expect((await scene.run("build", "--partial")).code).toBe(0);
      expect(rowsOf(scene, "dataset.partial.jsonl")).toBe(8);
      expect(scene.outcome()).toMatchObject({ rows: null, paid: 4, paidTwice: 0, lost: 0, excess: [], leaks: [] });
    },
    { task: { batches: 2 } },
  ));

/** Answers that hold no entry of the task's. */
const PROSE = { choices: [{ index: 0, message: { role: "assistant", content: "Certainly!" }, finish_reason: "stop" }] };

test("answers that hold no entry: the dataset fails, and says why", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        for (const line of lines) server.charge(line, batch);
        return { output: lines.map((line) => server.answer(line, server.completion(line.body, PROSE))) };
      },
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual({ ...NOTHING, paid: 4 });
      expect(ran.stderr).toMatch(/none of 4 answers held any records: [a-z-]+ \(4\)/);
      expect(ran.stderr).toContain("validated/tiny/shard0.jsonl");
    },
  ));

test("no valid candidate fails whatever on_short says, and the dataset of before stays in place", () =>
  odd(
    () => ({}),
    async (scene) => {
      await scene.build();
      const before = scene.project.read("dataset.jsonl");
      const manifest = scene.project.read("dataset.manifest.json");
      const strict = ["--set", "tiny.checks=[{check: length, field: question, min: 1000}]"];
      for (const onShort of ["report", "fail"]) {
        const ran = await scene.build(...strict, "--set", `tiny.on_short=${onShort}`);
        expect(ran.code).toBe(1);
        expect(ran.stderr).toMatch(/none of 8 candidates is valid: length \(8\)/);
        expect(ran.stdout + ran.stderr).not.toMatch(/up to date/i);
        expect(scene.project.read("dataset.jsonl")).toBe(before);
        expect(scene.project.read("dataset.manifest.json")).toBe(manifest);
      }
      // Too few is another thing: on_short says what it is.
      const few = ["--set", "tiny.checks=[{check: regex, field: question, pattern: number 1}]"];
      expect((await scene.build(...few)).code).toBe(0);
      expect(datasetOf(scene.project)).toHaveLength(1);
      expect((await scene.build(...few, "--set", "tiny.on_short=fail")).code).toBe(1);
      expect(datasetOf(scene.project)).toHaveLength(1);
      expect((await scene.build()).code).toBe(0);
      expect(scene.project.read("dataset.jsonl")).toBe(before);
    },
  ));

test("a partial build writes beside the dataset, whoever names it, and clean knows its files", () =>
  odd(
    () => ({}),
    async (scene) => {
      await scene.build();
      const before = scene.project.read("dataset.jsonl");
      // More is wanted now than there is.
      const more = ["--set", "tiny.batches=2", "--set", "tiny.target_scenarios=16"];
      for (const named of [[], ["dataset.jsonl"], ["./dataset.jsonl"], ["dataset.partial.jsonl"]]) {
        const partial = await scene.run("build", "--partial", ...more, ...named);
        expect(partial.code, partial.stderr).toBe(0);
        expect(partial.stdout).toContain("dataset.partial.jsonl");
        expect(scene.project.read("dataset.jsonl")).toBe(before);
      }
      expect(rowsOf(scene, "dataset.partial.jsonl")).toBe(8);
      expect(scene.project.read("dataset.partial.manifest.json")).toContain('"partial": true');
      expect((await scene.build(...more)).code).toBe(0);
      expect(datasetOf(scene.project)).toHaveLength(16);
      expect(scene.calls(/^POST \/batches$/)).toBe(2);
      expect((await scene.run("clean")).code).toBe(0);
      expect(existsSync(scene.project.path("dataset.partial.jsonl"))).toBe(false);
      expect(existsSync(scene.project.path("dataset.partial.manifest.json"))).toBe(false);
    },
  ));

test("a partial build before anything was answered fails, and leaves no empty file", () =>
  odd(
    () => ({ polls: 1000 }),
    async (scene) => {
      expect((await scene.run("build")).code).toBe(75);
      const partial = await scene.run("build", "--partial");
      expect(partial.code).toBe(1);
      expect(partial.stderr).toMatch(/none of 4 requests was answered: not yet \(4\)/);
      expect(existsSync(scene.project.path("dataset.partial.jsonl"))).toBe(false);
    },
  ));

function rowsOf(scene: OddScene, file: string): number {
  return scene.project.read(file).trimEnd().split("\n").length;
}
