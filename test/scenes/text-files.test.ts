import { writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeProject, type Provider, type SceneProject, startProvider } from "./support/project.ts";
import { executed, write } from "./support/shipped.ts";
import { startWarm, type Warm } from "./support/warm.ts";

/* Files of texts that are no UTF-8, or whose lines end in CR alone, as some editors still save them. */

const WAYS: readonly (readonly [way: string, found: string, encode: (text: string) => Buffer])[] = [
  ["UTF-16 with its mark", "UTF-16", (text) => Buffer.from(`\ufeff${text}`, "utf16le")],
  ["UTF-16, the other way round", "UTF-16", (text) => Buffer.from(`\ufeff${text}`, "utf16le").swap16()],
  ["UTF-16 without its mark", "a NUL byte", (text) => Buffer.from(text, "utf16le")],
  ["lines that end in CR alone", "CR alone", (text) => Buffer.from(text.replaceAll("\n", "\r"))],
];
const TOPICS = "cakes\nlocks\nboats\n";
const REQUEST =
  '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[]}}\n';

let provider: Provider;
let warm: Warm;
let project: SceneProject;
const run = (...args: string[]) => warm.run(project, args, { url: provider.url });
beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
  warm = startWarm();
});
afterAll(async () => {
  warm.close();
  await provider.remove();
});
afterEach(() => project.remove());

describe.each(WAYS)("%s", (_way, found, encode) => {
  it("is refused in a file of an axis, with the file and line, before anything is sent", async () => {
    project = makeProject({ batches: 1, task: ["axes: { topic: { file: topics.txt } }"] });
    writeFileSync(project.path("topics.txt"), encode(TOPICS));
    const ran = await run("build", "--wait");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/topics\.txt:1: expected UTF-8 text/);
    expect(ran.stderr).toContain(found);
    expect(await executed(provider)).toBe(0);
  });

  it("is refused in a file of requests, and in a file to look into", async () => {
    project = makeProject({ batches: 1, task: ["requests_from: given/*.jsonl"] });
    write(
      project,
      "config/tasks/tiny.yaml",
      project
        .read("config/tasks/tiny.yaml")
        .split("\n")
        .filter(
          (line) =>
            !/^(description|role|sampling|scenarios_per_request|examples|generation_instructions| {2}- \{)/.test(line),
        )
        .join("\n"),
    );
    write(project, "given/a.jsonl", "");
    writeFileSync(project.path("given/a.jsonl"), encode(REQUEST.repeat(2)));
    for (const command of [["plan"], ["inspect", "given/a.jsonl"]]) {
      const ran = await run(...command);
      expect([1, 2]).toContain(ran.code);
      expect(`${ran.stdout}${ran.stderr}`).toMatch(/given\/a\.jsonl:1: expected UTF-8 text/);
    }
  });
});

it("takes lines that end in CR LF, as ever", async () => {
  project = makeProject({ batches: 1, task: ["axes: { topic: { file: topics.txt } }"] });
  writeFileSync(project.path("topics.txt"), TOPICS.replaceAll("\n", "\r\n"));
  expect((await run("build", "--wait")).code).toBe(0);
});
