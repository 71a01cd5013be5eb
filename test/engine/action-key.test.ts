import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Action, type ActionSources, type Artifact, resolveAction } from "../../src/engine/action.ts";
import { Modules } from "../../src/engine/modules.ts";
import type { ContentIndex } from "../../src/engine/ports.ts";
import { made, madeAll, recipe, target, tool, value } from "../../src/graph/declare.ts";
import { digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { JsonValue } from "../../src/graph/json.ts";
import type { TargetName } from "../../src/graph/names.ts";
import { ok } from "../../src/graph/result.ts";
import type { Input } from "../../src/graph/target.ts";

/*
 * Promises 1 and 2 as algebra: an action's key is a function of the content of its inputs, and of nothing else.
 */

/** One declared input, with the content it has. */
type Given =
  | { readonly kind: "value"; readonly value: JsonValue }
  | { readonly kind: "file"; readonly content: string }
  | { readonly kind: "tool"; readonly hash: string }
  | { readonly kind: "target"; readonly content: string }
  | { readonly kind: "targets"; readonly contents: readonly string[] };

const text = fc.string({ unit: "binary", maxLength: 12 });
const hash = fc.stringMatching(/^[0-9a-f]{8}$/);
const given: fc.Arbitrary<Given> = fc.oneof(
  fc.record({
    kind: fc.constant("value" as const),
    value: fc.json({ maxDepth: 2 }).map((json): JsonValue => JSON.parse(json)),
  }),
  fc.record({ kind: fc.constant("file" as const), content: text }),
  fc.record({ kind: fc.constant("tool" as const), hash }),
  fc.record({ kind: fc.constant("target" as const), content: text }),
  fc.record({ kind: fc.constant("targets" as const), contents: fc.array(text, { maxLength: 4 }) }),
);
const inputName = fc.stringMatching(/^[a-z][a-z "\n]{0,6}$/);
const inputs = fc.uniqueArray(fc.tuple(inputName, given), { maxLength: 5, selector: ([name]) => name });

/** Where everything lies and what it is called: nothing that a key may see. */
interface Setting {
  readonly root: string;
  readonly folder: string;
  readonly at: string;
}
const HERE: Setting = { root: "/here", folder: "data", at: "tasks/one" };
const THERE: Setting = { root: "/some/where else", folder: "moved/data", at: "tasks/two" };

const PACKAGE_ROOT = fileURLToPath(new URL("../..", import.meta.url));
const sourcesOnDisk: ContentIndex = {
  fingerprint: (path) => fingerprintOf(path),
  digest: () => undefined,
  learn: () => undefined,
};
const modules = Modules.open(PACKAGE_ROOT, PACKAGE_ROOT, sourcesOnDisk);
const RECIPE = recipe("dsgen/recipes/render-requests");

function actionOf(declared: readonly (readonly [string, Given])[], setting: Setting = HERE, gate?: string): Action {
  const contents = new Map<string, string>();
  const hashes = new Map<string, string>();
  const place = (name: string, content: string) => {
    contents.set(name, content);
    return name as TargetName;
  };
  const inputOf = ([input, given_]: readonly [string, Given], i: number): [string, Input] => {
    switch (given_.kind) {
      case "value":
        return [input, value(given_.value, `${setting.at}.${input}`)];
      case "file":
        return [input, { kind: "file", path: place(`${setting.folder}/${i}`, given_.content) }];
      case "tool":
        hashes.set(`${setting.at} ${i}`, given_.hash);
        return [input, tool("tokenizer", `${setting.at} ${i}`)];
      case "target":
        return [input, made(place(`${setting.folder}/${i}`, given_.content))];
      case "targets":
        return [input, madeAll(given_.contents.map((content, j) => place(`${setting.folder}/${i}.${j}`, content)))];
    }
  };
  const graph = Graph.build({ targets: [], live: [] });
  if (!graph.ok) throw new Error("an empty graph is sound");
  const sources: ActionSources = {
    projectRoot: setting.root,
    graph: graph.value,
    modules,
    content: {
      fingerprint: (path) => fingerprintOf(contents.get(path.slice(setting.root.length + 1)) ?? ""),
      digest: () => undefined,
      learn: () => undefined,
    },
    environment: {},
    tools: {
      fingerprint: ({ name }) => ok({ hash: hashes.get(name) ?? "", shown: name }),
      open: () => Promise.reject(new Error("not run")),
    },
  };
  const artifact = (name: TargetName): Artifact => ({
    name,
    digest: digestOf(contents.get(name) ?? ""),
    path: `${setting.root}/${name}`,
  });
  const one = target({
    name: `${setting.folder}/out` as TargetName,
    recipe: RECIPE,
    stage: setting.at,
    inputs: Object.fromEntries(declared.map(inputOf)),
  });
  const action = resolveAction(sources, one, artifact, new Map(), gate);
  if (!action.ok) throw new Error(action.error.message);
  return action.value;
}

describe("an action's key", () => {
  test("is the same in any order of declaration", () => {
    fc.assert(
      fc.property(
        inputs.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, other]) => {
          expect(actionOf(other).key).toBe(actionOf(list).key);
        },
      ),
    );
  });

  test("does not see the project's place, paths, labels or the target's own name", () => {
    fc.assert(
      fc.property(inputs, (list) => {
        expect(actionOf(list, THERE).key).toBe(actionOf(list, HERE).key);
      }),
    );
  });

  test("differs whenever an input differs: added, removed, renamed, or of other content", () => {
    fc.assert(
      fc.property(inputs, inputs, (one, other) => {
        expect(actionOf(one).key === actionOf(other).key).toBe(sameInputs(one, other));
      }),
    );
  });

  test("differs with one changed input among many", () => {
    fc.assert(
      fc.property(
        inputs.filter((list) => list.length > 0),
        fc.nat(),
        given,
        (list, at, replacement) => {
          const index = at % list.length;
          const changed = list.map(([name, old], i): [string, Given] => [name, i === index ? replacement : old]);
          expect(actionOf(changed).key === actionOf(list).key).toBe(sameInputs(changed, list));
        },
      ),
    );
  });

  test("differs with what a gate let through, and with the number of outputs", () => {
    const keys = [actionOf([]), actionOf([], HERE, "a"), actionOf([], HERE, "b")].map(({ key }) => key);
    expect(new Set(keys).size).toBe(3);
  });

  test("keeps a long value out of the manifest, but not out of the key", () => {
    const long = (end: string): [string, Given][] => [["v", { kind: "value", value: "x".repeat(20_000) + end }]];
    expect(actionOf(long("a")).key).not.toBe(actionOf(long("b")).key);
    expect(JSON.stringify(actionOf(long("a")).manifest).length).toBeLessThan(3000);
  });
});

/** Equality of what is declared, by its definition; kinds that read alike (a target, a list of one) count as one. */
function sameInputs(one: readonly (readonly [string, Given])[], other: readonly (readonly [string, Given])[]): boolean {
  const shape = (list: readonly (readonly [string, Given])[]) =>
    new Map(
      list.map(([name, given_]): [string, unknown] => [
        name,
        given_.kind === "target" ? { kind: "targets", contents: [given_.content] } : given_,
      ]),
    );
  const [a, b] = [shape(one), shape(other)];
  return a.size === b.size && [...a].every(([name, content]) => b.has(name) && equal(content, b.get(name)));
}

function equal(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [inA, inB] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return inA.size === inB.size && [...inA].every(([key, member]) => inB.has(key) && equal(member, inB.get(key)));
}
