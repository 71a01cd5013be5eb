import { readFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { ActionCache, ActionManifest, Trace } from "../engine/ports.ts";
import type { ActionKey, Fingerprint } from "../graph/digest.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { isManifest, isTrace, openSealed, sealBody } from "./action-file.ts";
import { codeOf, replaceFile, throwAsProblem } from "./durable.ts";
import { pass } from "./fault-names.ts";
import { type StorePaths, shown } from "./layout.ts";

/** What gc and fsck need besides the engine's port. */
export interface Actions extends ActionCache {
  pathOf(key: ActionKey): string;
  expansionPathOf(key: Fingerprint): string;
  /** Deletes an action's file. */
  remove(key: ActionKey): void;
}

/**
 * The action cache of `v1/actions` and `v1/expansions`. A file that is torn, altered, of another version or under
 * another action's name is a miss and a warning. Look-ups throw a ProblemError when a file may not be read, and `put`
 * when it is not on disk.
 */
export function openActions(paths: StorePaths, warn: (message: string) => void): Actions {
  const fileIn = (folder: string, key: Fingerprint): string => join(folder, key.slice(0, 2), `${key}.json`);
  const pathOf = (key: ActionKey): string => fileIn(paths.actions, key);
  const expansionPathOf = (key: Fingerprint): string => fileIn(paths.expansions, key);

  function bodyOf(path: string): JsonObject | undefined {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      return throwAsProblem(error, shown(paths, path));
    }
    const opened = openSealed(text);
    if (opened.state === "whole") return opened.body;
    warn(`${shown(paths, path)}: ${opened.why}; taken for a result never made.`);
    return undefined;
  }

  function write(path: string, body: string, point: "actions.put" | "expansions.put"): void {
    try {
      replaceFile(path, paths.tmp, [sealBody(body)], point);
    } catch (error) {
      throwAsProblem(error, shown(paths, path));
    }
  }

  return {
    pathOf,
    expansionPathOf,
    trace(key) {
      const trace = bodyOf(pathOf(key))?.["trace"];
      if (trace === undefined) return undefined;
      const value: unknown = trace;
      if (!isTrace(value) || value.key !== key) {
        warn(`${shown(paths, pathOf(key))}: it holds no trace of this action; taken for a result never made.`);
        return undefined;
      }
      return value;
    },
    manifest(key) {
      const body = bodyOf(pathOf(key));
      const manifest: unknown = body?.["manifest"];
      const trace: unknown = body?.["trace"];
      return isManifest(manifest) && isTrace(trace) && trace.key === key ? manifest : undefined;
    },
    async put(manifest: ActionManifest, trace: Trace) {
      write(pathOf(trace.key), JSON.stringify({ manifest, trace }), "actions.put");
    },
    expansion(key) {
      const body = bodyOf(expansionPathOf(key));
      const value = body?.["value"];
      return body?.["key"] === key && isJsonObject(value) ? value : undefined;
    },
    async putExpansion(key, value) {
      write(expansionPathOf(key), JSON.stringify({ key, value }), "expansions.put");
    },
    remove(key) {
      pass("gc.action.unlink");
      try {
        unlinkSync(pathOf(key));
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throwAsProblem(error, shown(paths, pathOf(key)));
      }
    },
  };
}
