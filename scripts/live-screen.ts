import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { environment, runDsgen, startProvider } from "../test/scenes/support/project.ts";
import { edit, REPOSITORY, shippedProject } from "../test/scenes/support/shipped.ts";
import { COLUMNS } from "./screen-svg.ts";

const ROWS = 24;
/** Batches take half a minute to a minute. */
const TIMING = { validatingMs: 4000, perRequestMs: 500, finalizingMs: 2000, staggerMs: 30_000 };
const PATIENCE_MS = 180_000;

/**
 * The screen of `dsgen build --wait`, the shipped project, half done, with its colours. An earlier build of another prompt
 * has taught how long batches take. Needs tmux, and two minutes.
 */
export async function liveScreen(): Promise<string> {
  const provider = await startProvider({ seed: 1, timing: TIMING });
  const project = shippedProject();
  try {
    edit(project, "config/dsgen.yaml", /^poll_seconds: .*$/m, "poll_seconds: { min: 5, max: 5 }");
    edit(project, "config/dsgen.yaml", /^confirm_above: .*$/m, "confirm_above: null");
    const before = await runDsgen(
      project,
      ["build", "--wait", "--set", "refusal.role=You answer in JSON.", "--set", "dsgen.poll_seconds.min=0.5"],
      { url: provider.url, deadlineMs: PATIENCE_MS },
    );
    if (before.code !== 0) throw new Error(before.stderr);
    return await screenWhen(project.root, provider.url, /^… on the provider +[456]\/10 /m);
  } finally {
    await provider.remove();
    project.remove();
  }
}

/** Runs the build in a terminal of its own until its screen is what is looked for. */
async function screenWhen(cwd: string, url: string, wanted: RegExp): Promise<string> {
  const socket = `dsgen-pictures-${process.pid}`;
  const tmux = (...args: string[]) => {
    const env = environment({ url });
    const ran = spawnSync("tmux", ["-L", socket, "-f", "/dev/null", ...args], { cwd, env, encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`tmux ${args.join(" ")}: ${ran.stderr}`);
    return ran.stdout;
  };
  const command = `printf '$ npx dsgen build --wait\\n'; exec ${process.execPath} ${REPOSITORY}/bin/dsgen.js build --wait`;
  tmux("new-session", "-d", "-x", String(COLUMNS), "-y", String(ROWS), command);
  try {
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(300)) {
      const screen = tmux("capture-pane", "-p", "-e");
      if (wanted.test(stripVTControlCharacters(screen))) return screen;
    }
    throw new Error(`the screen never was ${wanted}`);
  } finally {
    tmux("kill-server");
  }
}
