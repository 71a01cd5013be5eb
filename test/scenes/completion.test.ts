import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { environment, runDsgen, type SceneProject } from "./support/project.ts";
import { SMALL, shippedProject } from "./support/shipped.ts";

/* `dsgen completion`: what a shell offers, asked through the shells themselves where the machine has them. */

const LAUNCHER = resolve(import.meta.dirname, "..", "..", "bin", "dsgen.js");
let project: SceneProject;

beforeAll(async () => {
  project = shippedProject({ ...SMALL, batches: 1, tokenizers: ["solar"] });
  mkdirSync(project.path("bin"));
  symlinkSync(LAUNCHER, project.path("bin", "dsgen"));
  expect((await runDsgen(project, ["build", "--wait"])).code).toBe(0);
});
afterAll(() => project.remove());

function shell(program: string, script: string) {
  const env = { ...environment({}), PATH: `${project.path("bin")}:${process.env["PATH"] ?? ""}` };
  const ran = spawnSync(program, program === "bash" ? ["--norc", "-c", script] : ["-c", script], {
    cwd: project.root,
    env,
    encoding: "utf8",
  });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}

/** What bash would offer for a line of these words, the last being typed. */
function bash(...words: readonly string[]): readonly string[] {
  const quoted = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
  const ran = shell(
    "bash",
    `source <(dsgen completion bash); COMP_WORDS=(dsgen ${quoted}); COMP_CWORD=${words.length}; _dsgen dsgen; printf '%s\n' "${"$"}{COMPREPLY[@]}"`,
  );
  expect([ran.code, ran.err]).toEqual([0, ""]);
  return ran.out.split("\n").filter((line) => line !== "");
}

it("bash: commands, options, values, tasks, targets and jobs", () => {
  expect(bash("co")).toEqual(["cost", "completion"]);
  expect(bash("build", "--re")).toEqual(["--realtime", "--retry-refused"]);
  expect(bash("build", "--col")).toEqual(["--color"]);
  expect(bash("--color", "")).toEqual(["auto", "always", "never"]);
  expect(bash("graph", "--format", "m")).toEqual(["mermaid"]);
  expect(bash("status", "--task", "")).toEqual(["refusal", "sentiment", "trivia"]);
  expect(bash("build", "-w", "--poll", "5", "dataset.j")).toEqual(["dataset.jsonl"]);
  expect(bash("build", "dataset.jsonl", "requests/refusal/")).toContain("requests/refusal/request_batch0.jsonl");
  expect(bash("cancel", "")).toHaveLength(1);
  expect(bash("completion", "")).toEqual(["bash", "zsh", "fish"]);
  expect(bash("remote", "")).toEqual(["keygen", "trust", "list", "stats", "gc"]);
});

it("values after `=`, which is a word of its own for bash and for no other shell", async () => {
  const offered = async (...words: string[]) => (await runDsgen(project, ["complete", "--", ...words])).stdout;
  expect(bash("build", "--color", "=", "al")).toEqual(["always"]);
  expect(bash("build", "--color", "=")).toEqual(["auto", "always", "never"]);
  expect(bash("--task", "=", "sentiment", "build", "dataset.j")).toEqual(["dataset.jsonl"]);
  expect(await offered("build", "--color=al")).toBe("--color=always\n");
  expect(await offered("--task=sentiment", "build", "dataset.j")).toBe("dataset.jsonl\n");
  expect(await offered("build", "--nothing=al")).toBe("");
});

it("bash: files where the project has nothing to offer, and nothing for what is no command", () => {
  expect(bash("validate", "")).toEqual([]);
  expect(bash("status", "")).toEqual([]);
  expect(bash("--config-dir", "")).toEqual([]);
  expect(bash("nothing", "")).toEqual([]);
  const ran = shell("bash", "source <(dsgen completion bash); complete -p dsgen");
  expect(ran.out).toBe("complete -o default -F _dsgen dsgen\n");
});

it("bash: what was typed is not run, and a name that holds code is offered as one word", () => {
  const typed = "$(touch typed-ran)";
  expect(bash("build", typed)).toEqual([]);
  expect(existsSync(project.path("typed-ran"))).toBe(false);
  const ran = shell(
    "bash",
    `source <(dsgen completion bash); f() { printf 'a$(touch offered-ran) b -- about\\n'; }; COMP_WORDS=(f x); COMP_CWORD=1; _dsgen f; printf '%s\n' "${"$"}{COMPREPLY[@]}"`,
  );
  expect(ran.out).toBe(`${String.raw`a\$\(touch\ offered-ran\)\ b`}\n`);
  expect(existsSync(project.path("offered-ran"))).toBe(false);
});

it("says nothing in the middle of a line, whatever is wrong with the project, and takes no lock", async () => {
  const ask = (...words: string[]) => runDsgen(project, ["complete", "--", ...words]);
  const file = project.path("config", "dsgen.yaml");
  const before = project.read("config/dsgen.yaml");
  writeFileSync(file, "provider: nobody\n");
  expect(await ask("build", "")).toMatchObject({ code: 0, stdout: "", stderr: "" });
  writeFileSync(file, before);
  const holder = project.path(".dsgen-cache", "v1", "lock");
  const held = existsSync(holder);
  expect((await ask("build", "dataset.jsonl")).stdout).toBe("dataset.jsonl\n");
  expect(existsSync(holder)).toBe(held);
  rmSync(project.path("config"), { recursive: true });
  expect(await ask("build", "")).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect((await ask("bu")).stdout).toBe(
    "build -- make targets: reuse what is there, send what is unanswered, take in what has come\n",
  );
});

it("offers nothing that the project's own code prints", async () => {
  const own = shippedProject({ ...SMALL, batches: 1, tokenizers: ["solar"] });
  mkdirSync(own.path("targets"));
  const target = `{ name: "mine.txt", outputs: ["mine.txt"], recipe: "targets/mine.js", stage: "own", inputs: {} }`;
  const printing = `console.log("printed"); process.stdout.write("written\\n");`;
  writeFileSync(
    own.path("targets", "index.js"),
    `${printing} export default () => ({ targets: [${target}], live: [] });`,
  );
  const graph = await runDsgen(own, ["graph"]);
  expect([graph.code, graph.stdout], graph.stderr).toEqual([0, expect.stringContaining("printed\nwritten\n")]);
  expect((await runDsgen(own, ["complete", "--", "build", ""])).stdout).toBe("mine.txt\n");
  own.remove();
});

it.each(["zsh", "fish"] as const)("%s reads its script, where there is such a shell", (name) => {
  const script = shell("bash", `dsgen completion ${name}`);
  expect(script.code).toBe(0);
  writeFileSync(project.path(`_${name}`), script.out);
  if (spawnSync(name, ["--version"]).status !== 0) return;
  const ran = shell(name, `${name} -n ${join(project.root, `_${name}`)}`);
  expect([ran.code, ran.err]).toEqual([0, ""]);
});

it("refuses a shell that it has no script for", async () => {
  const ran = await runDsgen(project, ["completion", "tcsh"]);
  expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('there is no script for "tcsh"')]);
});
