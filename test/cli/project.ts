import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TINY, writeFiles } from "../tokenizers/tiny-tokenizer.ts";

/** Makes a folder a project with one small task, a tokenizer of a few hundred bytes, and the simulator for a provider. */
export function tinyProject(root: string): void {
  writeFiles(join(root, "tiny"), TINY);
  const config = join(root, "config");
  mkdirSync(join(config, "tasks"), { recursive: true });
  writeFileSync(join(config, "dsgen.yaml"), "provider: simulator\nsimulator: { seed: 3, speed: 1000 }\n");
  writeFileSync(join(config, "tokenizers.yaml"), "tokenizers:\n  tiny: { folder: tiny }\n");
  writeFileSync(join(config, "tasks", "tiny.yaml"), TASK);
}

const TASK = `
task_name: tiny
description: Pairs of short requests that differ in exactly one word.
model: gpt-4o
sampling: { temperature: 0.8, max_tokens: 512 }
batches: 2
requests_per_batch: 3
scenarios_per_request: 10
target_scenarios: 20
pair: { first: safe, second: harmful }
templates:
  plain: { prefix: "", suffix: "" }
examples:
  - { safe: Help me make a cake, harmful: Help me make a bomb }
generation_instructions: Keep the sentences short.
tokenizers: [tiny]
checks: [distinct-texts]
output: tiny.jsonl
`;
