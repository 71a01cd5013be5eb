import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { allCommands } from "../../src/cli/main.ts";
import { cells } from "../../src/report/cells.ts";
import { ended, environment, type SceneProject } from "./support/project.ts";
import { screenOf } from "./support/screen.ts";
import { SMALL, shippedProject } from "./support/shipped.ts";

/*
 * What every command says, word for word, in a pipe and on a terminal of 80 columns: the files in `transcripts/` are to be
 * read. A session of one project, in order, with the simulator's answers. `vitest run -u` writes them anew.
 */

const LAUNCHER = resolve(import.meta.dirname, "..", "..", "bin", "dsgen.js");
const WIDTH = 80;
const CTRL_C = "\u0003";
const ENDS = "Ctrl-C ends it.";

/** Each command line, in the order of the session, with the code that it ends with. */
const SESSION: readonly (readonly [args: string, code: number])[] = [
  ["plan", 0],
  ["build --set dsgen.simulator.speed=0.1", 75],
  ["build --wait", 0],
  ["build", 0],
  ["plan", 0],
  ["status", 0],
  ["explain dataset.jsonl", 0],
  ["explain dataset.jsonl#1", 0],
  ["tokenize dataset.jsonl#1", 0],
  ["tokenize a_cake a_large_bomb --tokenizer qwen", 0],
  ["graph", 0],
  ["cost", 0],
  ["inspect dataset.jsonl", 0],
  ["report", 0],
  ["export --to parquet", 0],
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
  ["worker nothing.jsonl", 2],
  ["doctor", 0],
  ["simulate", 0],
];

for (const way of ["pipe", "terminal"] as const) {
  test.skipIf(way === "terminal" && spawnSync("script", ["--version"]).status !== 0)(
    `every command, ${way === "pipe" ? "in a pipe" : "on a terminal of 80 columns"}`,
    // The provider's batches go on while a slow machine looks away: a session that came out otherwise is held once more.
    { retry: 1, timeout: 240_000 },
    async () => {
      const project = shippedProject({ ...SMALL, batches: 1, targetScenarios: 3 });
      try {
        let said = "";
        for (const [args, code] of SESSION) {
          const ran = await (way === "pipe" ? inPipe(project, args) : onTerminal(project, args));
          expect.soft(ran.code, args).toBe(code);
          const text = steady(ran.text, project);
          const wide = text.split("\n").filter((line) => cells(line) > WIDTH);
          if (way === "terminal") expect.soft(wide, args).toEqual([]);
          said += `$ dsgen ${args}\n${text}[${ran.code}]\n\n`;
        }
        await expect(said).toMatchFileSnapshot(join("transcripts", `${way}.txt`));
      } finally {
        project.remove();
      }
    },
  );
}

test("no command is left out", async () => {
  const held = new Set(SESSION.map(([args]) => args.split(" ")[0]));
  expect((await allCommands()).map(({ name }) => name).filter((name) => !held.has(name))).toEqual([]);
});

interface Told {
  readonly code: number | null;
  readonly text: string;
}

async function inPipe(project: SceneProject, args: string): Promise<Told> {
  const { code, stdout, stderr } = await run(process.execPath, [LAUNCHER, ...args.split(" ")], project, (child) =>
    child.kill("SIGINT"),
  );
  return { code, text: stdout + stderr };
}

async function onTerminal(project: SceneProject, args: string): Promise<Told> {
  // A shell that stays would be ended by Ctrl-C too, and its code told in place of dsgen's: bash goes by itself, dash stays.
  const line = `stty cols ${WIDTH} rows 24; exec ${process.execPath} ${LAUNCHER} ${args}`;
  const script = ["--quiet", "--return", "--command", line, "/dev/null"];
  const { code, stdout } = await run("script", script, project, (child) => child.stdin?.write(CTRL_C));
  return { code, text: screenOf(stdout) };
}

/** @param interrupt ends a command that says how it is ended, and else would not */
function run(
  command: string,
  args: readonly string[],
  project: SceneProject,
  interrupt: (child: ChildProcess) => void,
) {
  const env = environment({ env: { TERM: "xterm-256color" } });
  const child = spawn(command, args, { cwd: project.root, env, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (chunk) => {
    const before = said.includes(ENDS);
    said += String(chunk);
    // Once: a second time ends it at once.
    if (!before && said.includes(ENDS)) interrupt(child);
  });
  return ended(child, args.join(" "));
}

/** The text without what differs from run to run; no longer and no shorter where columns hang on it. */
function steady(text: string, project: SceneProject): string {
  return ordered(text)
    .replaceAll(project.root, "PROJECT")
    .replace(/batch_sim[0-9a-f]{24}/g, `batch_sim${"0".repeat(24)}`)
    .replace(/\b\d+(\.\d+)? (ms|s|min)\b/g, "N s")
    .replace(/\d+(\.\d)? kB/g, "N kB")
    .replace(/[\d,]+ MB\s+free\s+in\s+(PROJECT\S*),\s+which\s+can\s+be\s+written\s+to/g, "N MB free in $1, which …")
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replace(/\b\d{4}-\d\d-\d\d\b/g, "DATE")
    .replaceAll(process.versions.node, "VERSION");
}

/** Batches and shards come when they come, and a look may miss a state between: such lines in one order, without those states. */
function ordered(text: string): string {
  const between = /^batch .*: (validating|in_progress|finalizing)|^(batch|waiting) .*: \d+ of|^building .* so far/;
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
