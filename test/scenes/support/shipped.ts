import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isJsonObject, type JsonObject } from "../../../src/graph/json.ts";
import type { Provider, SceneProject } from "./project.ts";

/*
 * Projects with the configuration that dsgen ships, three real tokenizers included: what a person gets who begins.
 */

export const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** What may differ from the shipped refusal task; the rest is the shipped file. */
export interface ShippedShape {
  readonly batches?: number;
  readonly requestsPerBatch?: number;
  readonly scenariosPerRequest?: number;
  readonly targetScenarios?: number;
  /** Fewer than the shipped three load faster, where which of them judge is not the point. */
  readonly tokenizers?: readonly string[];
  /** The folder's name; anything a file system allows. */
  readonly folder?: string;
}

/** Two batches of two requests for six pairs each: enough for every kind of answer, soon validated. */
export const SMALL: ShippedShape = { batches: 2, requestsPerBatch: 2, scenariosPerRequest: 6, targetScenarios: 1000 };

/** A new folder with the shipped `config/`, of the shipped size where `shape` does not say otherwise. */
export function shippedProject(shape: ShippedShape = {}): SceneProject {
  const parent = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-shipped-")));
  const root = join(parent, shape.folder ?? "project");
  mkdirSync(root);
  cpSync(join(REPOSITORY, "config"), join(root, "config"), { recursive: true });
  const project: SceneProject = {
    root,
    path: (...parts) => join(root, ...parts),
    read: (path) => readFileSync(join(root, path), "utf8"),
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
  const numbers = {
    batches: shape.batches,
    requests_per_batch: shape.requestsPerBatch,
    scenarios_per_request: shape.scenariosPerRequest,
    target_scenarios: shape.targetScenarios,
  };
  for (const [key, value] of Object.entries(numbers)) {
    if (value !== undefined)
      edit(project, "config/tasks/refusal.yaml", RegExp(`^${key}: .*$`, "m"), `${key}: ${value}`);
  }
  if (shape.tokenizers !== undefined) {
    const line = `tokenizers: [${shape.tokenizers.join(", ")}]`;
    edit(project, "config/tasks/refusal.yaml", /^tokenizers: .*$/m, line);
    edit(project, "config/tasks/sentiment.yaml", /^tokenizers: .*$/m, line);
  }
  // Seconds to a person, hundredths here: how long to wait for a provider that is on this machine.
  append(project, "config/dsgen.yaml", [
    "poll_seconds: { min: 0.02, max: 0.1 }",
    "batch: { listing_lag_seconds: 0.3, retry_wait_seconds: 0.02 }",
    "simulator: { speed: 20 }",
  ]);
  return project;
}

/** Replaces the one place that `pattern` matches; a scene whose edit no longer applies must not pass. */
export function edit(project: SceneProject, file: string, pattern: RegExp | string, replacement: string): void {
  const before = project.read(file);
  const after = before.replace(pattern, () => replacement);
  if (after === before) throw new Error(`${file}: nothing in it matches ${String(pattern)}`);
  write(project, file, after);
}

export function append(project: SceneProject, file: string, lines: readonly string[]): void {
  write(project, file, `${project.read(file)}${lines.join("\n")}\n`);
}

export function write(project: SceneProject, file: string, text: string): void {
  mkdirSync(dirname(project.path(file)), { recursive: true });
  writeFileSync(project.path(file), text);
}

/** A copy of one of the shipped tokenizers, with one added token: another tokenizer, and so another fingerprint. */
export function otherTokenizer(project: SceneProject, folder: string): void {
  const source = join(REPOSITORY, "node_modules", "@lenml", "tokenizer-qwen1_5", "models");
  mkdirSync(project.path(folder), { recursive: true });
  cpSync(join(source, "tokenizer_config.json"), project.path(folder, "tokenizer_config.json"));
  const text = readFileSync(join(source, "tokenizer.json"), "utf8");
  const added =
    ',{"id":151646,"content":"<|scene|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}';
  const changed = text.replace(/("added_tokens":\s*\[[^\]]*\})/, (tokens) => `${tokens}${added}`);
  if (changed === text) throw new Error("the tokenizer has no added_tokens");
  writeFileSync(project.path(folder, "tokenizer.json"), changed);
}

/** Each line of JSON Lines, as an object. */
export function jsonLines(text: string): readonly JsonObject[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => jsonObject(line));
}

export function jsonObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error(`expected an object, found ${text.slice(0, 80)}`);
  return value;
}

/** The line of one kind among `--json` output; the last, when there are several. */
export function lineOf(stdout: string, type: string): JsonObject {
  const found = jsonLines(stdout).findLast((line) => line["type"] === type);
  if (found === undefined) throw new Error(`no line of type ${type} in:\n${stdout}`);
  return found;
}

/** How many requests a provider has executed and charged, all batches and direct calls together. */
export async function executed(provider: Provider): Promise<number> {
  return (await provider.ledger()).charges.length;
}
