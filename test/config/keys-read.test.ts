import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { JobBook } from "../../src/batch/job-book.ts";
import { answerService } from "../../src/cli/answers.ts";
import { CONFIG_KINDS, jsonSchemaOf } from "../../src/config/json-schema.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { TaskConfig } from "../../src/config/project-config.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/graph/json.ts";
import { openSimulatorProvider } from "../../src/simulator/provider.ts";
import { openStore } from "../../src/store/store.ts";
import pipeline from "../../targets/index.ts";

/* A key that a person may write, that is documented, and that nobody reads is a promise that is not kept. */

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

test("every member of a task is read by the pipeline, or by whoever asks for its answers", () => {
  const loaded = loadConfig({ root, configDir: join(root, "config"), sets: ["refusal.strategy=adaptive"] });
  if (!loaded.ok) throw new Error("the shipped config does not load");
  const read = new Set<PropertyKey>();
  const watched = loaded.value.tasks.map((task) => watch(task, read));
  const config = { ...loaded.value, tasks: watched };
  const cacheDir = mkdtempSync(join(tmpdir(), "dsgen-keys-"));
  onTestFinished(() => rmSync(cacheDir, { recursive: true, force: true }));
  const store = openStore({ cacheDir, projectRoot: root });
  if (!store.ok) throw new Error(store.error.message);
  const provider = openSimulatorProvider({ stateDir: cacheDir, seed: 1 });
  pipeline({ ...config, provider: { namespace: provider.namespace.id, simulated: true }, dsgen_version: "0" });
  answerService(
    {},
    config,
    { provider, label: "", whySimulated: undefined },
    store.value,
    new JobBook(store.value.journal),
    { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() },
    () => undefined,
    undefined,
  ).ledger.report();
  // `fields` holds the two names of `pair`: see TaskConfig.
  const elsewhere = ["pair"];
  const unread = [...new Set(config.tasks.flatMap((task) => Object.keys(task)))].filter((key) => !read.has(key));
  expect(unread).toEqual(elsewhere);
});

function watch(task: TaskConfig, read: Set<PropertyKey>): TaskConfig {
  return new Proxy(task, {
    get(target, key, receiver) {
      read.add(key);
      return Reflect.get(target, key, receiver);
    },
  });
}

test("every other key of a config file is a word of the code outside src/config, unless it has one value only", () => {
  const code = ["src", "targets"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.startsWith("config/"))
      .map((path) => readFileSync(join(root, folder, path), "utf8")),
  );
  // How the files name a tokenizer's source; src/config makes one member of these.
  const renamed = ["npm", "folder", "hub", "revision"];
  const keys = CONFIG_KINDS.filter((kind) => kind !== "task").flatMap((kind) => keysIn(jsonSchemaOf(kind)));
  expect(keys.length).toBeGreaterThan(20);
  const unread = keys.filter(
    (key) => !renamed.includes(key) && !code.some((text) => RegExp(`\\b${key}\\b`).test(text)),
  );
  expect(unread).toEqual([]);
});

/** The names of all properties that a person has a choice about. */
function keysIn(schema: JsonValue | undefined): readonly string[] {
  if (Array.isArray(schema)) return schema.flatMap(keysIn);
  if (!isJsonObject(schema)) return [];
  const own = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const chosen = Object.entries(own).filter(([, value]) => !isFixed(value));
  const inner = ["properties", "additionalProperties", "anyOf", "items"].map((key) => schema[key]);
  const nested = inner.flatMap((value) => (isJsonObject(value) && value === own ? Object.values(value) : [value]));
  return [...chosen.map(([key]) => key), ...nested.flatMap(keysIn)];
}

function isFixed(schema: JsonObject | JsonValue): boolean {
  if (!isJsonObject(schema)) return false;
  return "const" in schema || (Array.isArray(schema["enum"]) && schema["enum"].length === 1);
}
