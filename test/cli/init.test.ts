import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { choose } from "../../src/cli/init.ts";
import { putFile } from "../../src/cli/put-file.ts";
import { KIND_NAMES } from "../../src/cli/starters.ts";
import { namesIn } from "../../src/config/config-files.ts";
import { jsonLineSchema } from "../../src/report/result-schema.ts";
import { dsgen, jsonLines, temporaryFolder } from "./terminal.ts";

const MAKEFILE = { file: "Makefile", text: "dataset:\n\ttrue\n", as: "block", clash: /^dataset[ \t]*:/m } as const;

describe("a file that is there", () => {
  test("is left whole, whatever is in it, where all of it would be written", () => {
    const root = temporaryFolder();
    writeFileSync(join(root, "a.yaml"), "mine");
    expect(putFile(root, { file: "a.yaml", text: "theirs", as: "new" }).action).toBe("left");
    expect(readFileSync(join(root, "a.yaml"), "utf8")).toBe("mine");
  });

  test.each([
    ["all: x", "all: x\n\n# dsgen: begin\ndataset:\n\ttrue\n# dsgen: end\n"],
    ["all: x\n", "all: x\n\n# dsgen: begin\ndataset:\n\ttrue\n# dsgen: end\n"],
    ["all: x\r\n", "all: x\r\n\r\n# dsgen: begin\r\ndataset:\r\n\ttrue\r\n# dsgen: end\r\n"],
    ["", "# dsgen: begin\ndataset:\n\ttrue\n# dsgen: end\n"],
  ])("%j gets a block at its end, once", (before, after) => {
    const root = temporaryFolder();
    writeFileSync(join(root, "Makefile"), before);
    expect(putFile(root, MAKEFILE)).toEqual({ file: "Makefile", action: "added", why: null });
    expect(readFileSync(join(root, "Makefile"), "utf8")).toBe(after);
    expect(putFile(root, MAKEFILE).action).toBe("left");
    expect(readFileSync(join(root, "Makefile"), "utf8")).toBe(after);
  });

  test("with a rule of its own of that name is left, and that is said", () => {
    const root = temporaryFolder();
    writeFileSync(join(root, "Makefile"), "dataset: a\n");
    expect(putFile(root, MAKEFILE).why).toBe('it has a line "dataset:" of its own');
    expect(readFileSync(join(root, "Makefile"), "utf8")).toBe("dataset: a\n");
  });

  test("gets only the lines that it lacks", () => {
    const root = temporaryFolder();
    writeFileSync(join(root, ".gitignore"), "b\r\nc");
    const given = { file: ".gitignore", text: "a\nb\n", as: "lines" } as const;
    expect(putFile(root, given).action).toBe("added");
    expect(readFileSync(join(root, ".gitignore"), "utf8")).toBe("b\r\nc\r\na\r\n");
    expect(putFile(root, given).action).toBe("left");
  });

  test("is not written through a symbolic link, nor is a folder", () => {
    const root = temporaryFolder();
    writeFileSync(join(root, "elsewhere"), "mine\n");
    symlinkSync("elsewhere", join(root, "Makefile"));
    symlinkSync("nowhere", join(root, "new.yaml"));
    mkdirSync(join(root, "README.md"));
    expect(putFile(root, MAKEFILE).why).toBe("it is no plain file");
    expect(putFile(root, { file: "new.yaml", text: "x", as: "new" }).action).toBe("left");
    expect(putFile(root, { ...MAKEFILE, file: "README.md" }).action).toBe("left");
    expect(readFileSync(join(root, "elsewhere"), "utf8")).toBe("mine\n");
  });
});

describe("the questions", () => {
  async function answers(...typed: readonly string[]) {
    const from = new PassThrough();
    const to = new PassThrough();
    const asked: string[] = [];
    const said: string[] = [];
    to.on("data", (chunk: Buffer) => {
      // Each answer comes once its question is there.
      if (!/\] $/.test(String(chunk))) return;
      asked.push(String(chunk).trim());
      const answer = typed[asked.length - 1];
      if (answer === undefined) from.end();
      else from.write(`${answer}\n`);
    });
    const signal = new AbortController().signal;
    const say = (text: string) => said.push(text);
    const chosen = await choose({ dialogue: { from, to }, say, signal }, "/nowhere", undefined, undefined, undefined);
    return { asked, said, chosen };
  }

  test("are three, and nothing typed is what stands in brackets", async () => {
    const { asked, chosen } = await answers("", "", "");
    expect(asked).toHaveLength(3);
    expect(chosen).toEqual({ task: { beginning: { kind: "pairs" }, name: "pairs" }, without: [] });
  });

  test("are asked again after an answer that cannot be", async () => {
    const { said, chosen } = await answers("rows", "records", "My Quiz", "quiz", "make", "ci, readme");
    expect(said).toHaveLength(3);
    expect(chosen).toEqual({ task: { beginning: { kind: "records" }, name: "quiz" }, without: ["ci", "readme"] });
  });

  test("an input that ends is no answer", async () => {
    expect((await answers("records")).chosen).toBeUndefined();
  });
});

describe("dsgen init and dsgen new task", () => {
  test.each([...KIND_NAMES.map((kind) => ["--kind", kind]), ["--from", "refusal"], ["--from", "trivia"]])(
    "%s %s makes a project that reads right, and leaves it the second time",
    async (option, value) => {
      const root = temporaryFolder();
      const first = await dsgen(["init", ".", option, value, "--json"], { cwd: root });
      expect([first.code, first.stderr]).toEqual([0, ""]);
      const made = jsonLines(first.stdout).map((line) => jsonLineSchema.parse(line));
      expect(made.every((line) => line.type === "put" && line.action === "made")).toBe(true);
      const second = await dsgen(["init", option, value, "--json"], { cwd: root });
      expect(second.code).toBe(0);
      for (const line of jsonLines(second.stdout)) expect(line).toMatchObject({ action: "left" });
      const more = await dsgen(["new", "task", "other", option, value], { cwd: root });
      expect(more).toMatchObject({ code: 0, stderr: "" });
      expect(readFileSync(join(root, ".gitignore"), "utf8")).toContain("\n/other*.jsonl\n");
      const plan = await dsgen(["plan", "other.jsonl", "--provider", "simulator"], { cwd: root });
      expect([plan.code, plan.stderr]).toEqual([0, ""]);
    },
  );

  test("keep everything that is made out of git, and nothing else", async () => {
    const root = temporaryFolder();
    await dsgen(["init", "--kind", "pairs", "--yes"], { cwd: root });
    await dsgen(["new", "task", "capitals", "--kind", "records"], { cwd: root });
    const git = (args: readonly string[], input = "") => spawnSync("git", args, { cwd: root, input, encoding: "utf8" });
    expect(git(["init", "-q"]).status).toBe(0);
    const graph = jsonLines((await dsgen(["graph", "--json"], { cwd: root })).stdout);
    const outputs = graph.flatMap((line) => {
      const told = jsonLineSchema.parse(line);
      return told.type === "graph" ? told.outputs : [];
    });
    expect(outputs).toContain("capitals.huggingface/croissant.json");
    const ignored = git(["check-ignore", "--stdin"], outputs.join("\n")).stdout.trim().split("\n");
    expect(outputs.filter((file) => !ignored.includes(file))).toEqual([]);
    const kept = git(["ls-files", "--others", "--exclude-standard"]).stdout.trim().split("\n");
    expect(kept).toEqual(expect.arrayContaining(["Makefile", "README.md", "config/tasks/capitals.yaml"]));
  });

  test("fit into a repo: its own files stay, with lines added at the end of some", async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "config"));
    const own = { "config/models.yaml": "models: {}\n", "README.md": "# Mine", ".gitignore": "node_modules/\n" };
    for (const [file, text] of Object.entries(own)) writeFileSync(join(root, file), text);
    writeFileSync(join(root, "GNUmakefile"), "all:\n");
    const { code, stdout } = await dsgen(["init", "--name", "mine", "--without", "ci"], { cwd: root });
    expect(code).toBe(0);
    for (const [file, text] of Object.entries(own)) {
      expect(readFileSync(join(root, file), "utf8").startsWith(text)).toBe(true);
    }
    expect(readFileSync(join(root, "config/models.yaml"), "utf8")).toBe("models: {}\n");
    expect(readFileSync(join(root, "GNUmakefile"), "utf8")).toContain("dataset-plan:");
    expect(namesIn(root)).not.toContain("Makefile");
    expect(namesIn(root)).not.toContain(".github");
    expect(stdout).toMatch(/left {3}config\/models\.yaml +it is there already\n/);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("say what is wrong, and do nothing then", async () => {
    const root = temporaryFolder();
    for (const [argv, said] of [
      [["init", "--without", "makefil"], "Did you mean makefile?"],
      [["init", "--name", "My Task"], "its name must be"],
      [["init", "--config-dir", "c"], "a new project's configuration"],
      [["new", "task", "x"], "a project must have a config folder"],
    ] as const) {
      const { code, stderr } = await dsgen(argv, { cwd: root });
      expect([code, stderr.includes(said)]).toEqual([2, true]);
    }
    expect(namesIn(root)).toEqual([]);
    await dsgen(["init"], { cwd: root });
    mkdirSync(join(root, "inside"));
    for (const [argv, cwd, said] of [
      [["init"], join(root, "inside"), "it lies in the project"],
      [["new", "tsk", "x"], root, "Write dsgen new task NAME."],
      [["new", "task", "pairs"], root, "its file must be a new one"],
      [["new", "task", "tasks"], root, "its name must be"],
    ] as const) {
      const { code, stderr } = await dsgen(argv, { cwd });
      expect([code, stderr.includes(said)]).toEqual([2, true]);
    }
    expect(namesIn(join(root, "inside"))).toEqual([]);
  });

  test("name what is in the way, and what was made before that", async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, ".github"), "a file");
    const { code, stdout, stderr } = await dsgen(["init"], { cwd: root });
    expect(code).toBe(1);
    expect(stdout).toContain("made   config/dsgen.yaml");
    expect(stderr).toMatch(/\.github: it is a file, and a folder is needed there\./);
  });
});
