import { posix } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { name } from "../../src/graph/declare.ts";
import { projectPath, targetName } from "../../src/graph/names.ts";
import { ProblemError } from "../../src/graph/problem.ts";

describe("a path in the project", () => {
  test.each([
    ["dataset.jsonl", "dataset.jsonl"],
    ["./a//b/./c", "a/b/c"],
    ["a/b/", "a/b"],
    ["with a space/and ümläut.txt", "with a space/and ümläut.txt"],
    ["..hidden/...", "..hidden/..."],
    ["-rf", "-rf"],
    // One letter and a colon is a drive; a longer word before it is only a name.
    ["ab:c/d", "ab:c/d"],
  ])("%j is %j", (text, expected) => {
    expect(projectPath(text)).toEqual({ ok: true, value: expected });
  });

  test.each([
    ["", "empty"],
    [".", "root itself"],
    ["./", "root itself"],
    ["..", "leaves the project"],
    ["a/../..", "leaves the project"],
    ["a/../b", "leaves the project"],
    ["/etc/passwd", "absolute"],
    ["C:/data", "absolute"],
    ["c:data", "absolute"],
    ["a\\b", "backslash"],
    ["a\0b", "NUL"],
    [".dsgen-cache/v1/journal.jsonl", "in the cache"],
    ["./.dsgen-cache/x", "in the cache"],
    ["a\tb", "U+0009"],
    ["a/\u009b31m", "U+009B"],
    ["a\ud800b", "surrogate"],
    [`a/${"x".repeat(256)}/b`, "256 bytes"],
    [`${"xy/".repeat(400)}z`, "at most 1000"],
  ])("%j is refused: %s", (text, why) => {
    const path = projectPath(text);
    expect(path.ok ? path.value : path.error).toContain(why);
    expect(path.ok).toBe(false);
  });

  test("never leaves the project, whatever was written, and is written one way", () => {
    const segment = fc.constantFrom("a", "b c", "..", ".", "", "...", ".x", "é");
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const path = projectPath(segments.join("/"));
        if (!path.ok) return;
        expect(posix.normalize(`/project/${path.value}`)).toBe(`/project/${path.value}`);
        expect(projectPath(path.value)).toEqual(path);
      }),
    );
  });

  test.each([
    ".git",
    "a/.GIT",
    ".git/x",
    "a/.Git/hooks/x",
    "node_modules/x/y",
    "config/x",
    "Targets/index.ts",
    "x".repeat(224),
  ])("%j is no target's name", (text) => {
    expect(projectPath(text).ok).toBe(true);
    expect(targetName(text).ok).toBe(false);
  });

  test.each(["a/config/x", "data/targets/x", ".gitignore", "x".repeat(223)])("%j is a target's name", (text) => {
    expect(targetName(text)).toEqual({ ok: true, value: text });
  });

  test("names a target the same way", () => {
    expect(targetName("a/./b")).toEqual({ ok: true, value: "a/b" });
    expect(targetName("../a").ok).toBe(false);
    expect(name("a//b")).toBe("a/b");
    expect(() => name("../a")).toThrow(ProblemError);
  });

  // What begins with `./` is never taken for plain, and means the same.
  test("is the same however shortly it was looked at", () => {
    const part = fc.oneof(
      fc.constantFrom("config", "Targets", "node_modules", "NODE_modules", ".git", ".dsgen-cache", "..", ".", "-a", ""),
      fc.stringMatching(/^[\w.-]{1,12}$/),
      fc.integer({ min: 100, max: 260 }).map((length) => "x".repeat(length)),
    );
    const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(path, (text) => {
        fc.pre(text !== "" && !text.startsWith("/"));
        expect(targetName(text)).toEqual(targetName(`./${text}`));
        expect(projectPath(text)).toEqual(projectPath(`./${text}`));
      }),
    );
  });
});
