import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ActionCache, ActionManifest, Trace } from "../engine/ports.ts";
import { type ActionKey, type Fingerprint, fingerprintOf } from "../graph/digest.ts";
import { type JsonObject, jsonObjectIn } from "../graph/json.ts";
import { all, list, number, object, oneOf, optional, recordOf, text } from "../graph/members.ts";
import { ifThere, naming, replaceFile } from "./durable.ts";
import { type StorePaths, shown } from "./layout.ts";

/** What gc and fsck need besides the engine's port. */
export interface Actions extends ActionCache {
  pathOf(key: ActionKey): string;
  expansionPathOf(key: Fingerprint): string;
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
    const text = naming(shown(paths, path), () => ifThere(() => readFileSync(path, "utf8")));
    if (text === undefined) return undefined;
    const opened = openSealed(text);
    if (opened.state === "whole") return opened.body;
    warn(`${shown(paths, path)}: ${opened.why}; taken for a result never made.`);
    return undefined;
  }

  function write(path: string, body: string, point: "actions.put" | "expansions.put"): void {
    naming(shown(paths, path), () => replaceFile(path, paths.tmp, [sealBody(body)], point));
  }

  return {
    pathOf,
    expansionPathOf,
    trace(key) {
      const trace = bodyOf(pathOf(key))?.["trace"];
      if (trace === undefined) return undefined;
      if (!isTrace(trace) || trace.key !== key) {
        warn(`${shown(paths, pathOf(key))}: it holds no trace of this action; taken for a result never made.`);
        return undefined;
      }
      return trace;
    },
    manifest(key) {
      const body = bodyOf(pathOf(key));
      const { manifest, trace } = body ?? {};
      return isManifest(manifest) && isTrace(trace) && trace.key === key ? manifest : undefined;
    },
    async put(manifest: ActionManifest, trace: Trace) {
      write(pathOf(trace.key), JSON.stringify({ manifest, trace }), "actions.put");
    },
    expansion(key) {
      const body = bodyOf(expansionPathOf(key));
      const value = body?.["value"];
      return body?.["key"] === key && object(value) ? (value as JsonObject) : undefined;
    },
    async putExpansion(key, value) {
      write(expansionPathOf(key), JSON.stringify({ key, value }), "expansions.put");
    },
  };
}

/*
 * One file an action (or an expansion): a JSON object that carries the fingerprint of its own body, so that a person can
 * read it with any tool and a torn or altered one is told from a whole one. The prefix has a fixed length.
 */
const HEAD = '{"v":1,"sum":"';
const MIDDLE = '","body":';
const TAIL = "}\n";
const BODY_AT = HEAD.length + 32 + MIDDLE.length;

export type Opened =
  | { readonly state: "whole"; readonly body: JsonObject }
  | { readonly state: "damaged"; readonly why: string };

/** The file's text for a body. */
export function sealBody(body: string): string {
  return `${HEAD}${fingerprintOf(body)}${MIDDLE}${body}${TAIL}`;
}

/** The body of a file's text, if it is exactly what `sealBody` wrote. */
export function openSealed(text: string): Opened {
  const sum = text.slice(HEAD.length, HEAD.length + 32);
  const body = text.slice(BODY_AT, -TAIL.length);
  const whole =
    text.startsWith(HEAD) &&
    text.startsWith(MIDDLE, HEAD.length + 32) &&
    text.endsWith(TAIL) &&
    fingerprintOf(body) === sum;
  if (!whole) return { state: "damaged", why: versionOf(text) ?? "it fails its checksum" };
  const value = jsonObjectIn(body);
  return value === undefined ? { state: "damaged", why: "it holds no JSON object" } : { state: "whole", body: value };
}

function versionOf(text: string): string | undefined {
  const version = jsonObjectIn(text)?.["v"] ?? 1;
  return version === 1 ? undefined : `it is of version ${JSON.stringify(version)}, and this dsgen reads version 1`;
}

const TRACE = all({
  v: oneOf([1]),
  key: text,
  durationMs: number,
  notes: object,
  outputs: list(all({ digest: text, size: number })),
  by: optional(text),
});
const MANIFEST = all({
  v: oneOf([1]),
  outputs: number,
  recipe: all({ ref: text, identity: text, modules: object }),
  inputs: recordOf(list(all({ kind: text, label: text, hash: text }))),
});

/** True for a trace as this version writes it. What a checksum vouches for still may be another dsgen's idea of one. */
export function isTrace(value: unknown): value is Trace {
  return TRACE(value);
}

/** True for a manifest as this version writes it. */
export function isManifest(value: unknown): value is ActionManifest {
  return MANIFEST(value);
}
