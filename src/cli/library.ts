import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findProject } from "../config/config-files.ts";
import { loadConfig } from "../config/load.ts";
import { type BuildEvent, buildEventSchema } from "../events/schema.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { type BuildOptions, type OpenProject, ProjectError, type ProjectOptions } from "../library/project.ts";
import { memoryOutput, type Output } from "../report/output.ts";
import { jsonLineSchema } from "../report/result-schema.ts";
import type { Manifest } from "../tasks/manifest.ts";
import { main } from "./main.ts";
import { readLines, unreadable } from "./read-lines.ts";

type Line = ReturnType<typeof jsonLineSchema.parse>;

/** The project around a folder, by the same commands as on the command line: their `--json` lines are what calls answer. */
export function projectIn(options: ProjectOptions): OpenProject {
  const cwd = options.cwd ?? process.cwd();
  const found = findProject(cwd, options.configDir);
  if (!found.ok) throw new ProjectError([found.error]);
  const { root, configDir } = found.value;
  const { configDir: written, cacheDir, provider, set = [] } = options;
  const common = [
    ...given("--config-dir", written),
    ...given("--cache-dir", cacheDir),
    ...given("--provider", provider),
    ...set.flatMap((one) => ["--set", one]),
  ];

  async function run(argv: readonly string[], signal: AbortSignal, tell: (line: Line) => void): Promise<void> {
    const problems: Problem[] = [];
    const stdout: Output = { ...memoryOutput(), write: lineReader(tell, problems) };
    const stderr = memoryOutput();
    const io = { stdout, stderr, terminal: undefined, cwd, env: { ...(options.env ?? process.env) }, now: Date.now };
    const code = await main([...argv, "--json", ...common], io, signal);
    if (code === 2 || code === 9) throw new ProjectError(problems);
    if (code === 70) throw new Error(stderr.text());
  }

  async function collect(argv: readonly string[]): Promise<readonly Line[]> {
    const lines: Line[] = [];
    await run(argv, new AbortController().signal, (line) => lines.push(line));
    return lines;
  }

  /** A dataset's file; by default that of the first default task. */
  function dataset(target: string | undefined): string {
    if (target !== undefined) return target;
    const config = loadConfig({ root, configDir, sets: set });
    if (!config.ok) throw new ProjectError(config.error);
    const { tasks, dsgen } = config.value;
    return tasks.find(({ task_name }) => task_name === dsgen.default_tasks[0])?.output ?? "dataset.jsonl";
  }

  function checked(file: string): string {
    const problem = unreadable(join(root, file), file);
    if (problem !== undefined) throw new ProjectError([problem]);
    return join(root, file);
  }

  return {
    root,
    async plan(targets = []) {
      const lines = await collect(["plan", ...targets]);
      const problems = lines.flatMap((line) => (line.type === "problem" ? [line.problem] : []));
      const total = lines.find((line) => line.type === "plan-total");
      if (total === undefined) throw new ProjectError(problems);
      return { targets: lines.filter((line) => line.type === "plan"), total, problems };
    },
    build: (targets = [], how = {}) =>
      eventsOf((signal, tell) => run(buildWords(targets, how), signal, tell), how.signal),
    async status() {
      const lines = await collect(["status"]);
      const problems = lines.flatMap((line) => (line.type === "problem" ? [line.problem] : []));
      const total = lines.find((line) => line.type === "status-total");
      if (total === undefined) throw new ProjectError(problems);
      return { jobs: lines.filter((line) => line.type === "job-status"), total };
    },
    async *readDataset(target) {
      const file = dataset(target);
      for await (const line of readLines(checked(file), file)) yield objectIn(line, file);
    },
    async readManifest(target) {
      const file = dataset(target).replace(/\.jsonl$/, ".manifest.json");
      // As its recipe writes it.
      return objectIn(readFileSync(checked(file), "utf8"), file) as unknown as Manifest;
    },
  };
}

function given(option: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [option, value];
}

function buildWords(targets: readonly string[], { wait, maxCost, poll }: BuildOptions): readonly string[] {
  const numbers = [...given("--max-cost", maxCost?.toString()), ...given("--poll", poll?.toString())];
  return ["build", ...targets, ...(wait === true ? ["--wait"] : []), ...numbers];
}

/** Gathers what is written into lines, and problems apart as well. */
function lineReader(tell: (line: Line) => void, problems: Problem[]): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop() ?? "";
    for (const each of lines.filter((line) => line !== "")) {
      const line = jsonLineSchema.parse(JSON.parse(each));
      if (line.type === "problem") problems.push(line.problem);
      tell(line);
    }
  };
}

/** A build's events as they come. Who stops reading stops the build, and waits until it has ended. */
async function* eventsOf(
  run: (signal: AbortSignal, tell: (line: Line) => void) => Promise<void>,
  outer: AbortSignal | undefined,
): AsyncGenerator<BuildEvent, void> {
  const stop = new AbortController();
  // Not by `AbortSignal.any`: with Node 20 an `AbortSignal.timeout` that only it refers to never aborts.
  const abort = () => stop.abort();
  if (outer?.aborted === true) abort();
  outer?.addEventListener("abort", abort, { once: true });
  const events: BuildEvent[] = [];
  let wake: () => void = () => undefined;
  let over = false;
  const running = run(stop.signal, (line) => {
    const event = buildEventSchema.safeParse(line);
    if (event.success) events.push(event.data);
    wake();
  }).finally(() => {
    over = true;
    wake();
  });
  // What it throws is thrown to the reader, at the end.
  running.catch(() => undefined);
  try {
    while (!over || events.length > 0) {
      const next = events.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (over || events.length > 0) resolve();
        });
    }
  } finally {
    outer?.removeEventListener("abort", abort);
    stop.abort();
    await running;
  }
}

function objectIn(text: string, file: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Told below, as any other that is no object.
  }
  const message = `expected a JSON object, found ${JSON.stringify(text.slice(0, 60))}.`;
  throw new ProjectError([{ kind: "corrupt", where: file, message, fix: "Build it again." }]);
}
