import { describe, expect, test } from "vitest";
import type { ActionManifest, ManifestEntry } from "../../src/engine/ports.ts";
import { staleReasons } from "../../src/engine/stale.ts";
import { fingerprintOf, fingerprintOfJson } from "../../src/graph/digest.ts";
import type { JsonValue } from "../../src/graph/json.ts";

function manifest(
  inputs: Readonly<Record<string, readonly ManifestEntry[]>>,
  modules: Readonly<Record<string, string>> = { "r.ts": "1" },
): ActionManifest {
  return {
    v: 1,
    recipe: { ref: "targets/recipes/r.ts", identity: fingerprintOfJson(modules), modules },
    outputs: 1,
    inputs,
  };
}

function value(of: JsonValue, label = "tasks/t.v"): ManifestEntry {
  return { kind: "value", label, hash: fingerprintOfJson(of), shown: of };
}

function file(label: string, content: string): ManifestEntry {
  return { kind: "file", label, hash: fingerprintOf(content) };
}

const valueChange = (before: JsonValue, after: JsonValue) =>
  staleReasons(manifest({ v: [value(before)] }), manifest({ v: [value(after)] }));

describe("the difference of two manifests", () => {
  test("is `never-built` when there is none to compare with, and nothing when they are the same", () => {
    expect(staleReasons(undefined, manifest({}))).toEqual([{ kind: "never-built" }]);
    const same = { v: [value({ a: 1 })], f: [file("a", "x"), file("b", "y")] };
    expect(staleReasons(manifest(same), manifest(same))).toEqual([]);
  });

  test.each<[string, JsonValue, JsonValue, string, string, string]>([
    [
      "the one member that differs",
      { a: 1, b: { c: [1], d: "x" } },
      { a: 1, b: { c: [1], d: "y" } },
      "tasks/t.v.b.d",
      '"x"',
      '"y"',
    ],
    [
      "the object, when two differ",
      { a: { b: 1, c: 2 } },
      { a: { b: 2, c: 3 } },
      "tasks/t.v.a",
      '{"b":1,"c":2}',
      '{"b":2,"c":3}',
    ],
    ["the object, when a member is new", { a: 1 }, { a: 1, b: 2 }, "tasks/t.v", '{"a":1}', '{"a":1,"b":2}'],
    ["a list as a whole", { a: [1, 2] }, { a: [1, 3] }, "tasks/t.v.a", "[1,2]", "[1,3]"],
    ["a value of another kind", { a: 1 }, { a: { b: 1 } }, "tasks/t.v.a", "1", '{"b":1}'],
    ["a value by itself", 1, null, "tasks/t.v", "1", "null"],
  ])("names %s", (_what, before, after, what, from, to) => {
    expect(valueChange(before, after)).toEqual([{ kind: "input-changed", input: "v", what, from, to }]);
  });

  test("shows the start of a hash where there is no short value", () => {
    const [reason] = staleReasons(manifest({ f: [file("a.txt", "x")] }), manifest({ f: [file("a.txt", "y")] }));
    expect(reason).toEqual({
      kind: "input-changed",
      input: "f",
      what: "a.txt",
      from: fingerprintOf("x").slice(0, 12),
      to: fingerprintOf("y").slice(0, 12),
    });
  });

  test("does not care about a label that moved when the content did not", () => {
    expect(staleReasons(manifest({ v: [value(1, "here")] }), manifest({ v: [value(1, "there")] }))).toEqual([]);
    const [reason] = staleReasons(manifest({ v: [value(1, "here")] }), manifest({ v: [value(2, "there")] }));
    expect(reason).toMatchObject({ what: "here → there" });
  });

  test("names inputs that came and went", () => {
    const reasons = staleReasons(manifest({ a: [file("a.txt", "x")] }), manifest({ b: [file("b.txt", "x")] }));
    expect(reasons).toEqual([
      { kind: "input-added", input: "b", what: "b.txt" },
      { kind: "input-removed", input: "a", what: "a.txt" },
    ]);
  });

  test("names files that came into a list, left it, or changed in it", () => {
    const before = { list: [file("a", "1"), file("b", "2"), file("c", "3")] };
    const after = { list: [file("a", "1"), file("c", "4"), file("d", "5")] };
    expect(staleReasons(manifest(before), manifest(after))).toMatchObject([
      { kind: "input-changed", what: "c" },
      { kind: "input-added", what: "d" },
      { kind: "input-removed", what: "b" },
    ]);
  });

  test("names the order when only that changed", () => {
    const before = { list: [file("a", "1"), file("b", "2")] };
    const after = { list: [file("b", "2"), file("a", "1")] };
    expect(staleReasons(manifest(before), manifest(after))).toEqual([
      { kind: "input-changed", input: "list", what: "the order", from: "a, b", to: "b, a" },
    ]);
  });

  test("begins with the recipe and the modules that differ, came or went", () => {
    const before = manifest({}, { "r.ts": "1", "a.ts": "1", "gone.ts": "1" });
    const after = manifest({}, { "r.ts": "1", "a.ts": "2", "new.ts": "1" });
    expect(staleReasons(before, after)).toEqual([
      { kind: "recipe-changed", recipe: "targets/recipes/r.ts", modules: ["a.ts", "gone.ts", "new.ts"] },
    ]);
  });
});
