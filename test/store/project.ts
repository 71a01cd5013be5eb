import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ActionManifest, Trace } from "../../src/engine/ports.ts";
import { type ActionKey, type Digest, type Fingerprint, fingerprintOf } from "../../src/graph/digest.ts";
import type { JsonObject } from "../../src/graph/json.ts";
import type { TargetName } from "../../src/graph/names.ts";
import type { Result } from "../../src/graph/result.ts";
import { initialiseStore } from "../../src/store/layout.ts";
import { openStore, type Store } from "../../src/store/store.ts";

/** A folder of its own for one test, removed when it ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function valueIn<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(`expected a value, got ${JSON.stringify(result.error)}`);
  return result.value;
}

export function errorIn<T, E>(result: Result<T, E>): E {
  if (result.ok) throw new Error("expected an error, got a value");
  return result.error;
}

export function cacheOf(projectRoot: string): string {
  return join(projectRoot, ".dsgen-cache");
}

/** Opens the project's cache as a new process would: nothing remembered. */
export function reopen(projectRoot: string): Store {
  const store = valueIn(openStore({ cacheDir: cacheOf(projectRoot), projectRoot }));
  onTestFinished(() => store.close());
  return store;
}

export function newStore(projectRoot: string): Store {
  valueIn(initialiseStore(cacheOf(projectRoot)));
  return reopen(projectRoot);
}

export function keyOf(text: string): ActionKey {
  return fingerprintOf(text) as ActionKey;
}

export function targetOf(text: string): TargetName {
  return text as TargetName;
}

export function manifestOf(label: string): ActionManifest {
  return {
    v: 1,
    recipe: { ref: "dsgen/recipes/copy", identity: fingerprintOf("copy"), modules: { "copy.ts": "1" } },
    outputs: 1,
    inputs: { source: [{ kind: "file", label, hash: fingerprintOf(label) }] },
  };
}

export function traceOf(
  key: ActionKey,
  outputs: readonly { digest: Digest; size: number }[],
  notes: JsonObject = {},
): Trace {
  return { v: 1, key, outputs, durationMs: 5, notes };
}

export function requestIdOf(text: string): Fingerprint {
  return fingerprintOf(text);
}

/** What a call throws. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error, got a value");
}
