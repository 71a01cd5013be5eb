import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeLine } from "../../../src/store/checked-lines.ts";
import { type ProjectShape, runDsgen } from "../support/project.ts";
import { inScene, type Scene } from "../support/provider-scene.ts";
import { executed, jsonLines, jsonObject, lineOf, write } from "../support/shipped.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/*
 * Money, over the real command line: limits that hold, prices that are paid, and what was bought counted once, whatever
 * became of it.
 */

const SHAPE: ProjectShape = {
  batches: 3,
  requestsPerBatch: 4,
  scenariosPerRequest: 2,
  model: ["encoding: o200k_base"],
};
/** Nothing moves at this provider: what was sent stays under way. */
const SLOW = { timing: { validatingMs: 3_600_000, perRequestMs: 1, finalizingMs: 1, staggerMs: 0, answerMs: 0 } };

let warm: Warm;
beforeAll(() => {
  warm = startWarm();
});
afterAll(() => warm.close());

/** What a plan with these options would ask, in all. */
async function planned(scene: Scene, ...args: readonly string[]) {
  const ran = await scene.run("plan", "--json", ...args);
  const total = lineOf(ran.stdout, "plan-total");
  return { ...ran, requests: Number(total["requests"]), most: Number(total["maxCostUsd"]), total };
}

async function cost(scene: Scene) {
  return lineOf((await scene.run("cost", "--json")).stdout, "cost");
}

describe("the budget of a task", () => {
  it("refuses what would pass it, with what is under way and what was spent counted; the plan says so first", () =>
    inScene(warm, { shape: SHAPE, provider: SLOW }, async (scene) => {
      const { run, provider } = scene;
      const { most } = await planned(scene);
      const first = "batch_outputs/tiny/output_batch0.jsonl";
      expect((await run("build", first)).code).toBe(75);
      // Three files of one size: the first is under way, so the others fit into what three cost, and not into less.
      const tight = ["--set", `tiny.budget=${most * 0.99}`];
      const plan = await planned(scene, ...tight);
      expect(plan.code).toBe(3);
      expect(plan.stderr).toMatch(/tiny\.budget: a build would be refused: sending 8 requests may cost up to \$/);
      const refused = await run("build", ...tight);
      expect(refused.code).toBe(3);
      expect(refused.stderr).toMatch(/tiny\.budget: sending 8 requests/);
      expect((await provider.ledger()).creates).toHaveLength(1);
      expect((await planned(scene, "--set", `tiny.budget=${most * 1.01}`)).code).toBe(0);
      expect((await run("build", "--set", `tiny.budget=${most * 1.01}`)).code).toBe(75);
      expect((await provider.ledger()).creates).toHaveLength(3);
    }));

  it("counts what was spent, and stops no other task", () =>
    inScene(warm, { shape: { ...SHAPE, batches: 1 }, provider: { timing: "instant" } }, async (scene) => {
      const { run, provider, project } = scene;
      expect((await run("build", "--wait")).code).toBe(0);
      const spent = Number((await cost(scene))["spentUsd"]);
      expect(spent).toBeGreaterThan(0);
      const other = project
        .read("config/tasks/tiny.yaml")
        .replace("task_name: tiny", "task_name: other")
        .replace("Pairs of", "Other pairs of")
        .replace("output: dataset.jsonl", "output: other.jsonl");
      write(project, "config/tasks/other.yaml", other);
      const more = ["--set", "tiny.batches=2"];
      const { most } = await planned(scene, "--task", "tiny", ...more);
      const tight = [...more, "--set", `tiny.budget=${most + spent * 0.5}`];
      const refused = await run("build", "--wait", "--keep-going", ...tight);
      expect(refused.code).toBe(3);
      expect(refused.stderr).toContain("tiny.budget");
      expect(refused.stdout).toContain("none of what was refused was sent");
      // The four of the other task were sent and answered.
      expect(await executed(provider)).toBe(8);
      expect(project.read("other.jsonl").length).toBeGreaterThan(0);
      const enough = ["--set", `tiny.budget=${most + spent * 1.01}`];
      expect((await run("build", "--wait", ...more, ...enough)).code).toBe(0);
      expect(await executed(provider)).toBe(12);
    }));
});

describe("--max-cost", () => {
  it("holds for an invocation as a whole, not for each of its rounds", () =>
    inScene(
      warm,
      { shape: { ...SHAPE, batches: 1, task: ["max_batches: 3"] }, provider: { timing: "instant" } },
      async (scene) => {
        // The second round is wanted when the first has been answered, and so is no longer under way.
        const { most } = await planned(scene);
        const ran = await scene.run("build", "--wait", "--max-cost", String(most * 1.05));
        expect(ran.code, ran.stdout).toBe(3);
        expect(ran.stderr).toMatch(/--max-cost: sending \d+ requests .* and \$0\.\d+ spent/);
        expect(await executed(scene.provider)).toBe(4);
      },
    ));
});

describe("real time", () => {
  it("is planned and limited at its own price, twice a batch's, and for no more than --limit asks", () =>
    inScene(warm, { shape: SHAPE, provider: { timing: "instant" } }, async (scene) => {
      const batch = await planned(scene);
      const all = await planned(scene, "--realtime");
      expect(all.requests).toBe(12);
      expect(all.most).toBeCloseTo(batch.most * 2, 10);
      const few = await planned(scene, "--realtime", "--limit", "3");
      expect(few.total).toMatchObject({ requests: 3, left: 9 });
      expect(few.most).toBeCloseTo((batch.most * 2) / 4, 10);
      const text = await scene.run("build", "--dry-run", "--realtime", "--limit", "3");
      expect(text.stdout).toContain("Would send 3 requests; --limit leaves 9 for later.");
      expect((await scene.run("plan", "--limit", "3")).code).toBe(2);

      const pilot = ["build", "--realtime", "--limit", "3"];
      const refused = await scene.run(...pilot, "--max-cost", String(few.most * 0.99));
      expect(refused.code).toBe(3);
      expect(refused.stderr).toContain("--max-cost: sending 3 requests");
      expect(await executed(scene.provider)).toBe(0);
      await scene.run(...pilot, "--max-cost", String(few.most * 1.01));
      expect(await executed(scene.provider)).toBe(3);
      expect(await cost(scene)).toMatchObject({ spent: [{ task: "tiny", via: "direct", answers: 3, unreported: 0 }] });
    }));

  it("counts an answer once that a crash left stored and not journaled, as it does those of a journal without such lines", () =>
    inScene(warm, { shape: SHAPE, provider: { timing: "instant" } }, async (scene) => {
      const { project, provider } = scene;
      const pilot = ["build", "--realtime", "--limit", "3"];
      const killed = await runDsgen(project, pilot, { url: provider.url, fault: "kill@batch.direct.indexed#2" });
      expect(killed.signal).toBe("SIGKILL");
      const answered = (report: Awaited<ReturnType<typeof cost>>) =>
        jsonLines(
          (Array.isArray(report["spent"]) ? report["spent"] : []).map((line) => JSON.stringify(line)).join("\n"),
        )
          .map((line) => Number(line["answers"]))
          .reduce((sum, answers) => sum + answers, 0);
      const after = await cost(scene);
      const stored = answered(after);
      expect(stored).toBeGreaterThanOrEqual(2);
      expect(journaled(project.path(".dsgen-cache/v1/journal.jsonl"))).toBe(stored - 1);
      await scene.run(...pilot);
      const report = await cost(scene);
      expect(answered(report)).toBe(stored + 3);
      expect(journaled(project.path(".dsgen-cache/v1/journal.jsonl"))).toBe(stored + 3);
      // As an older dsgen left it: the answers, and no line that says what they took.
      const path = project.path(".dsgen-cache/v1/journal.jsonl");
      const lines = readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => !line.includes('"t":"bought"'));
      writeFileSync(path, lines.join("\n"));
      expect(await cost(scene)).toEqual(report);
      expect((await scene.run("build", "--realtime", "--limit", "1")).code).toBe(0);
      expect(answered(await cost(scene))).toBe(stored + 4);
      expect(journaled(path)).toBe(stored + 4);
    }));
});

/** Answers that the journal's own lines say were bought directly. */
function journaled(path: string): number {
  const records = readFileSync(path)
    .toString("utf8")
    .split("\n")
    .map((line) => decodeLine(Buffer.from(line)));
  return records
    .filter((record) => record?.["t"] === "bought")
    .reduce((sum, record) => sum + Number(record?.["answers"]), 0);
}

describe("an estimate", () => {
  it("follows the entries asked of each request, from what answers so far came to for each", () =>
    inScene(warm, { shape: SHAPE, provider: { timing: "instant" } }, async (scene) => {
      expect((await scene.run("build", "--wait")).code).toBe(0);
      const perRequest = async (...args: readonly string[]) => {
        const { total, requests } = await planned(scene, ...args);
        return Number(total["outputTokens"]) / requests;
      };
      const roomy = ["--set", "tiny.sampling.max_tokens=4000"];
      const once = await perRequest(...roomy);
      expect(once).toBeGreaterThan(0);
      expect(await perRequest(...roomy, "--set", "tiny.scenarios_per_request=4")).toBeCloseTo(once * 2, 0);
      expect(await perRequest(...roomy, "--set", "tiny.scenarios_per_request=1")).toBeCloseTo(once / 2, 0);
    }));
});

describe("what was bought", () => {
  it("stands in the manifest as what its answers cost, and what those with rows did; the summary counts the answers nobody needed", () =>
    inScene(warm, { shape: { ...SHAPE, targetScenarios: 2 }, provider: { timing: "instant" } }, async (scene) => {
      const ran = await scene.run("build", "--wait");
      expect(ran.code, ran.stderr).toBe(0);
      const manifest = jsonObject(scene.project.read("dataset.manifest.json"));
      expect(manifest["answers"]).toEqual({ batch: 4 });
      const [all, used] = [Number(manifest["cost_usd"]), Number(manifest["used_cost_usd"])];
      expect(used).toBeGreaterThan(0);
      expect(used).toBeLessThan(all);
      // Three files were bought, and the first was enough.
      expect(Number((await cost(scene))["spentUsd"])).toBeGreaterThan(all);
      expect(ran.stdout).toMatch(/bought, not needed +8 answers\n/);
    }));

  it.each([
    ["--wait", 0.5],
    ["--realtime", 1],
  ])("with %s is at %d of the list price, in the manifest as in the ledger", (way, rate) =>
    inScene(warm, { shape: SHAPE, provider: { timing: "instant" } }, async (scene) => {
      expect((await scene.run("build", way)).code).toBe(0);
      const { cost_usd, tokens, answers } = jsonObject(scene.project.read("dataset.manifest.json"));
      const { input, output } = jsonObject(JSON.stringify(tokens));
      expect(answers).toEqual({ [way === "--wait" ? "batch" : "direct"]: 12 });
      expect(Number(cost_usd)).toBeCloseTo(((Number(input) * 2.5 + Number(output) * 10) / 1e6) * rate, 6);
      expect(Number((await cost(scene))["spentUsd"])).toBeCloseTo(Number(cost_usd), 5);
    }),
  );
});

describe("another namespace of the cache", () => {
  it("that has the answers is named before they are bought again, and taken over when a person says so", () =>
    inScene(warm, { shape: SHAPE, provider: { timing: "instant" } }, async (scene) => {
      const { project, provider } = scene;
      expect((await scene.run("build", "--wait")).code).toBe(0);
      const host = provider.url.replace("http://", "");
      const old = `openai:${host}:org-old:-`;
      const as = (org: string) => ({ url: provider.url, env: { OPENAI_ORG_ID: org } });
      // The same answers as from a model, under an organisation of before; this provider's own say that they are made up.
      const files = [0, 1, 2].flatMap((i) => {
        const real = project
          .read(`batch_outputs/tiny/output_batch${i}.jsonl`)
          .replaceAll("fp_simulated", "fp_0a1b2c3d");
        write(project, `real${i}.jsonl`, real);
        return ["--input", `requests/tiny/request_batch${i}.jsonl`, "--output", `real${i}.jsonl`];
      });
      expect((await warm.run(project, ["import", ...files], as("org-old"))).code).toBe(0);
      const before = await executed(provider);
      const plan = await warm.run(project, ["plan"], as("org-new"));
      expect(plan.stderr).toContain(
        `the answers to 12 of the 12 requests to be sent are in this cache under ${old}; under openai:${host}:org-new:- they are paid for again.`,
      );
      expect(plan.stderr).toContain(`dsgen import --from-namespace ${old}`);
      // The simulator's own are not offered: they are never taken for real ones.
      expect(plan.stderr).not.toContain(`--from-namespace openai:${host}:-:-`);
      const sent = await warm.run(project, ["build", "batch_outputs/tiny/output_batch0.jsonl"], as("org-again"));
      expect(sent.stderr).toMatch(/warning: the answers to 4 of the 4 requests to be sent are in this cache under/);
      expect(await executed(provider)).toBe(before + 4);

      const taken = await warm.run(project, ["import", "--from-namespace", old, "--json"], as("org-new"));
      expect(taken.code, taken.stderr).toBe(0);
      expect(lineOf(taken.stdout, "taken-over")).toMatchObject({ from: old, taken: 12, known: 0, simulated: 0 });
      const built = await warm.run(project, ["build"], as("org-new"));
      expect(built.code, built.stderr).toBe(0);
      expect(built.stderr).not.toContain("paid for again");
      expect(await executed(provider)).toBe(before + 4);
      const again = await warm.run(project, ["import", "--from-namespace", old, "--json"], as("org-new"));
      expect(lineOf(again.stdout, "taken-over")).toMatchObject({ taken: 0, known: 12 });
      // Each is counted once, though two namespaces have it.
      const costs = lineOf((await warm.run(project, ["cost", "--json"], as("org-new"))).stdout, "cost");
      expect(costs["spent"]).toEqual(
        expect.arrayContaining([expect.objectContaining({ via: "import", namespace: old, answers: 12 })]),
      );
      expect(JSON.stringify(costs["spent"])).not.toContain("org-new");
    }));

  it("never lends simulated answers to a real one, and is not guessed at", () =>
    inScene(warm, { shape: { ...SHAPE, batches: 1 }, provider: { timing: "instant" } }, async (scene) => {
      const { project, provider } = scene;
      expect((await scene.run("build", "--wait")).code).toBe(0);
      const as = { url: provider.url, env: { OPENAI_ORG_ID: "org-new" } };
      const made = `openai:${provider.url.replace("http://", "")}:-:-`;
      const taken = await warm.run(project, ["import", "--from-namespace", made], as);
      expect(taken.code).toBe(1);
      expect(taken.stdout).toContain("4 simulated answers not taken");
      const unknown = await warm.run(project, ["import", "--from-namespace", "openai:nowhere:-:-"], as);
      expect(unknown.code).toBe(2);
      expect(unknown.stderr).toContain(made);
      expect((await warm.run(project, ["import", "--from-namespace", "simulator:1"], as)).code).toBe(2);
      const plan = lineOf((await warm.run(project, ["plan", "--json"], as)).stdout, "plan-total");
      expect(plan).toMatchObject({ requests: 4, reused: 0 });
    }));

  it("that has them under way is named too", () =>
    inScene(warm, { shape: { ...SHAPE, batches: 1 }, provider: SLOW }, async (scene) => {
      expect((await scene.run("build")).code).toBe(75);
      const as = { url: scene.provider.url, env: { OPENAI_ORG_ID: "org-new" } };
      const plan = await warm.run(scene.project, ["plan"], as);
      expect(plan.stderr).toContain("4 of the 4 requests to be sent are under way under openai:");
      expect(plan.stderr).not.toContain("--from-namespace");
      // And what they may cost is in flight for this project, whatever it calls itself today.
      const { inFlightUsd } = await cost(scene);
      const limit = ["--set", `dsgen.budget=${Number(inFlightUsd) * 1.5}`];
      const refused = await warm.run(scene.project, ["build", ...limit], as);
      expect(refused.code).toBe(3);
      expect((await scene.provider.ledger()).creates).toHaveLength(1);
    }));
});
