import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { allCommands } from "../../src/cli/main.ts";
import { cells } from "../../src/report/cells.ts";
import { environment, type SceneProject } from "./support/project.ts";
import { SMALL, shippedProject } from "./support/shipped.ts";

/*
 * What every command says, word for word, in a pipe and on a terminal of 80 columns: the files in `transcripts/` are to be
 * read. A session of one project, in order, with the simulator's answers. `vitest run -u` writes them anew.
 */

const LAUNCHER = resolve(import.meta.dirname, "..", "..", "bin", "dsgen.js");
const WIDTH = 80;

/** Each command line, in the order of the session, with the code that it ends with. */
const SESSION: readonly (readonly [args: string, code: number])[] = [
  ["plan", 0],
  ["build --set dsgen.simulator.speed=1", 75],
  ["build --wait", 0],
  ["build", 0],
  ["plan", 0],
  ["status", 0],
  ["explain dataset.jsonl", 0],
  ["tokenize dataset.jsonl#1", 0],
  ["tokenize a_cake a_large_bomb --tokenizer qwen", 0],
  ["graph", 0],
  ["cost", 0],
  ["inspect dataset.jsonl", 0],
  ["report", 0],
  ["validate dataset.jsonl", 0],
  ["import given", 2],
  ["cancel", 0],
  ["recover", 0],
  ["push", 2],
  ["pull", 2],
  ["remote list", 2],
  ["gc --dry-run", 0],
  ["fsck", 0],
  ["clean --dry-run", 0],
  ["completion bash", 0],
  ["new task quiz --kind records", 0],
  ["init --yes", 0],
  ["explain nothing.jsonl", 2],
  ["build --set refusal.batches=none", 2],
];
/** Commands that a session of this kind cannot have, and the scene that holds their words. */
const ELSEWHERE = ["simulate", "doctor"];

for (const way of ["pipe", "terminal"] as const) {
  test.skipIf(way === "terminal" && spawnSync("script", ["--version"]).status !== 0)(
    `every command, ${way === "pipe" ? "in a pipe" : "on a terminal of 80 columns"}`,
    async () => {
      const project = shippedProject({ ...SMALL, batches: 1, targetScenarios: 3 });
      try {
        const said = SESSION.map(([args, code]) => {
          // The frames of a live view depend on the clock; what stays when it has ended is the same as in a pipe.
          const live = way === "terminal" && args.startsWith("build") && code !== 2;
          const ran = live || way === "pipe" ? inPipe(project, args) : onTerminal(project, args);
          expect.soft(ran.code, args).toBe(code);
          const text = steady(ran.text, project);
          const wide = text.split("\n").filter((line) => cells(line) > WIDTH);
          if (way === "terminal" && !live) expect.soft(wide, args).toEqual([]);
          return live ? "" : `$ dsgen ${args}\n${text}[${ran.code}]\n\n`;
        });
        await expect(said.join("")).toMatchFileSnapshot(join("transcripts", `${way}.txt`));
      } finally {
        project.remove();
      }
    },
    120_000,
  );
}

test("no command is left out", async () => {
  const held = new Set([...SESSION.map(([args]) => args.split(" ")[0]), ...ELSEWHERE]);
  expect((await allCommands()).map(({ name }) => name).filter((name) => !held.has(name))).toEqual([]);
});

interface Told {
  readonly code: number | null;
  readonly text: string;
}

function inPipe(project: SceneProject, args: string): Told {
  const { status, stdout, stderr } = run(process.execPath, [LAUNCHER, ...args.split(" ")], project);
  return { code: status, text: stdout + stderr };
}

function onTerminal(project: SceneProject, args: string): Told {
  const line = `stty cols ${WIDTH} rows 24; ${process.execPath} ${LAUNCHER} ${args}`;
  const { status, stdout } = run("script", ["--quiet", "--return", "--command", line, "/dev/null"], project);
  return { code: status, text: stripVTControlCharacters(stdout).replaceAll("\r", "") };
}

function run(command: string, args: readonly string[], project: SceneProject) {
  const env = environment({ env: { TERM: "xterm-256color" } });
  return spawnSync(command, args, { cwd: project.root, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** The text without what differs from run to run; no longer and no shorter where columns hang on it. */
function steady(text: string, project: SceneProject): string {
  return ordered(text)
    .replaceAll(project.root, "PROJECT")
    .replace(/batch_sim[0-9a-f]{24}/g, `batch_sim${"0".repeat(24)}`)
    .replace(/\b\d+(\.\d+)? (ms|s|min)\b/g, "N s")
    .replace(/\d+(\.\d)? kB/g, "N kB");
}

/** Batches and shards come when they come, and a look may miss a state between: such lines in one order, without those states. */
function ordered(text: string): string {
  const between = /^batch .*: (validating|in_progress|finalizing)|^(batch|waiting) .*: \d+ of/;
  const lines = text.split("\n").filter((line) => !between.test(line));
  const any = (line: string | undefined) => line !== undefined && /^(batch|built) /.test(line);
  for (let from = 0; from < lines.length; from++) {
    let to = from;
    while (any(lines[to])) to++;
    if (to > from) lines.splice(from, to - from, ...lines.slice(from, to).sort());
    from = to;
  }
  return lines.join("\n");
}
