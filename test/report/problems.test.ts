import { expect, test } from "vitest";
import type { Problem } from "../../src/graph/problem.ts";
import { groupProblems, problemsText } from "../../src/report/problems.ts";
import { styleFor } from "../../src/report/style.ts";
import { printed } from "../../src/report/visible.ts";

const missing = (where: string): Problem => ({
  kind: "tokenizer",
  where,
  message: "the npm package x is not installed.",
  fix: "Run: npm install x",
});

test("a problem says where, what, and what to do", () => {
  expect(problemsText([missing("config/tokenizers.yaml:3")])).toBe(
    "error: config/tokenizers.yaml:3: the npm package x is not installed.\n  → Run: npm install x\n",
  );
  expect(problemsText([{ kind: "io", where: "a", message: "the file system answered EIO." }])).toBe(
    "error: a: the file system answered EIO.\n",
  );
});

test("what ten targets share is said once", () => {
  const shards = Array.from({ length: 10 }, (_, i) => missing(`validated/refusal/shard${i}.jsonl`));
  const other: Problem = { kind: "io", where: "b", message: "the file system answered EIO." };
  expect(problemsText([...shards, other, ...shards])).toBe(
    "error: validated/refusal/shard0.jsonl (and 9 more): the npm package x is not installed.\n" +
      "  → Run: npm install x\n" +
      "error: b: the file system answered EIO.\n",
  );
  expect(groupProblems(shards)).toHaveLength(1);
});

test("signs and colours follow the locale and the stream", () => {
  const terminal = { isTty: true };
  const shown = (env: Record<string, string>, stream = terminal) =>
    printed(problemsText([missing("a")], styleFor("auto", stream, env)));
  expect(shown({ LANG: "C" })).toContain("->");
  expect(shown({ LC_ALL: "en_US.UTF-8", LANG: "C" })).toContain("→");
  expect(shown({})).toContain("\u001b[31merror:");
  for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) expect(shown(env)).not.toContain("\u001b");
  expect(shown({}, { isTty: false })).not.toContain("\u001b");
  expect(shown({ FORCE_COLOR: "1" }, { isTty: false })).toContain("\u001b");
  const chosen = (choice: "always" | "never", stream: { isTty: boolean }, env: Record<string, string>) =>
    printed(problemsText([missing("a")], styleFor(choice, stream, env)));
  expect(chosen("always", { isTty: false }, { NO_COLOR: "1" })).toContain("\u001b");
  expect(chosen("never", terminal, {})).not.toContain("\u001b");
});
