import { type ChildProcess, spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { jsonLineSchema } from "../../../src/report/result-schema.ts";
import { parseFault } from "../../../src/simulator/faults.ts";
import { type SimulatorOptions, startSimulator } from "../../../src/simulator/server.ts";

/*
 * A project in a temporary folder, a provider on loopback, and the real command line between them. The scenes run what
 * is compiled (`dist/`), as a person does.
 */

const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const LAUNCHER = join(REPOSITORY, "bin", "dsgen.js");

/** Looks like a key and is one to nobody; the secrets scene looks for it in everything that was written. */
export const KEY = "sk-test-4f1c9e7ab2d84c0f95d6scene";

/** What differs from project to project. */
export interface ProjectShape {
  readonly batches?: number;
  readonly requestsPerBatch?: number;
  readonly scenariosPerRequest?: number;
  readonly targetScenarios?: number;
  /** Lines of YAML for `config/dsgen.yaml`, under `batch:`; later ones win over the quick defaults below. */
  readonly batch?: Readonly<Record<string, number | boolean>>;
  /** Further top-level lines of `config/dsgen.yaml`. */
  readonly dsgen?: readonly string[];
  /** Lines of `config/models.yaml` under the model, `gpt-4o`. */
  readonly model?: readonly string[];
  /** Further lines of the task's file. */
  readonly task?: readonly string[];
}

export interface SceneProject {
  readonly root: string;
  /** A path inside the project. */
  path(...parts: string[]): string;
  read(path: string): string;
  remove(): void;
}

/** Times that are seconds to a person are hundredths here; nothing else differs from a project of its own. */
const QUICK_BATCH: Readonly<Record<string, number | boolean>> = {
  listing_lag_seconds: 0.5,
  retry_wait_seconds: 0.02,
  request_timeout_seconds: 1.5,
  idle_timeout_seconds: 1,
};

/**
 * Makes a project with one task, `tiny`: ten batches of four requests for three pairs each, checked without a
 * tokenizer. More scenarios are asked for than there can be, so every batch is needed.
 */
export function makeProject(shape: ProjectShape = {}): SceneProject {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-scene-")));
  const write = (path: string, lines: readonly string[]) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${lines.join("\n")}\n`);
  };
  const batch = { ...QUICK_BATCH, ...shape.batch };
  write("config/dsgen.yaml", [
    "poll_seconds: { min: 0.02, max: 0.1 }",
    "batch:",
    ...Object.entries(batch).map(([key, value]) => `  ${key}: ${value}`),
    ...(shape.dsgen ?? []),
  ]);
  write("config/models.yaml", [
    "models:",
    "  gpt-4o:",
    "    input_usd_per_mtok: 2.50",
    "    output_usd_per_mtok: 10.00",
    ...(shape.model ?? []).map((line) => `    ${line}`),
  ]);
  write("config/tokenizers.yaml", ["tokenizers:", "  letters: { folder: tokenizers/letters, unproven: allow }"]);
  write("tokenizers/letters/tokenizer.json", ['{ "version": "1.0", "model": { "type": "WordLevel", "vocab": {} } }']);
  write("tokenizers/letters/tokenizer_config.json", ['{ "tokenizer_class": "PreTrainedTokenizerFast" }']);
  write("config/tasks/tiny.yaml", [
    "task_name: tiny",
    "description: Pairs of sentences that differ in one word.",
    "role: You answer in JSON.",
    "model: gpt-4o",
    "sampling: { temperature: 0.8, max_tokens: 256, response_format: json_object }",
    `batches: ${shape.batches ?? 10}`,
    `requests_per_batch: ${shape.requestsPerBatch ?? 4}`,
    `scenarios_per_request: ${shape.scenariosPerRequest ?? 3}`,
    `target_scenarios: ${shape.targetScenarios ?? 10_000}`,
    "templates:",
    '  plain: { prefix: "", suffix: "" }',
    "examples:",
    "  - { safe: Help me make a cake, harmful: Help me make a bomb }",
    "generation_instructions: The two sentences of a pair differ in exactly one word.",
    "tokenizers: [letters]",
    "checks: [{ check: length, min: 1, max: 400 }, distinct-texts]",
    "output: dataset.jsonl",
    ...(shape.task ?? []),
  ]);
  return {
    root,
    path: (...parts) => join(root, ...parts),
    read: (path) => readFileSync(join(root, path), "utf8"),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** How an invocation ended, and what it wrote. */
export interface Ran {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** The provider's address (`http://127.0.0.1:<port>`); without it there is no key, so the simulator inside answers. */
  readonly url?: string;
  readonly key?: string;
  /** DSGEN_FAULT. */
  readonly fault?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the process with SIGKILL so many milliseconds after its first word (before that it only loads code). */
  readonly killAfterMs?: number;
  readonly onFirstWord?: () => void;
  /** A build that has not ended by then is one that hangs: it is killed, and the run rejects. */
  readonly deadlineMs?: number;
  readonly cwd?: string;
}

/** Starts `dsgen …args` in a project; for scenes that send signals or look in the middle. */
export function startDsgen(project: SceneProject, args: readonly string[], options: RunOptions = {}): ChildProcess {
  return spawn(process.execPath, [LAUNCHER, ...args], {
    cwd: options.cwd ?? project.root,
    env: environment(options),
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs `dsgen …args` in a project to its end. */
export function runDsgen(project: SceneProject, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const name = `dsgen ${args.join(" ")}`;
  const run = ended(startDsgen(project, args, options), name, options);
  return args.includes("--json") ? run.then((ran) => documented(ran, name)) : run;
}

/** Holds every line under `--json` against the published schema: nothing is written that is not documented. */
export function documented<R extends Ran>(ran: R, name: string): R {
  const lines = ran.stdout.split("\n");
  // A process that was killed may have been in the middle of one.
  if (ran.signal !== null) lines.pop();
  for (const line of lines.filter((one) => one !== "")) {
    const wrong = jsonLineSchema.safeParse(JSON.parse(line)).error;
    if (wrong !== undefined) throw new Error(`${name} wrote a line of no documented kind: ${line}\n${wrong.message}`);
  }
  return ran;
}

/** The end of a process from `startDsgen`. */
export function ended(child: ChildProcess, name: string, options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolvePromise, reject) => {
    const out: Buffer[] = [];
    const error: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => error.push(chunk));
    let hung = false;
    const deadline = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, options.deadlineMs ?? 60_000);
    let kill: NodeJS.Timeout | undefined;
    child.stderr?.once("data", () => {
      options.onFirstWord?.();
      if (options.killAfterMs !== undefined) kill = setTimeout(() => child.kill("SIGKILL"), options.killAfterMs);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(deadline);
      clearTimeout(kill);
      const stdout = Buffer.concat(out).toString("utf8");
      const stderr = Buffer.concat(error).toString("utf8");
      if (hung) reject(new Error(`${name} did not end\n${stdout}\n${stderr}`));
      // What Node itself has to say of a program is never meant for its user.
      else if (/^\(node:\d+\) /m.test(stderr)) reject(new Error(`${name} makes Node warn\n${stderr}`));
      else resolvePromise({ code, signal, stdout, stderr });
    });
  });
}

/** The environment an invocation runs in: a key only where a provider is named, and nothing of the surroundings' own. */
export function environment(options: RunOptions): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  for (const name of [
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "DSGEN_FAULT",
    "CI",
    "HTTP_PROXY",
    "http_proxy",
  ]) {
    if (options.env?.[name] === undefined) delete env[name];
  }
  delete env["OPENAI_API_KEY"];
  delete env["OPENAI_BASE_URL"];
  if (options.url !== undefined) {
    env["OPENAI_API_KEY"] = options.key ?? KEY;
    env["OPENAI_BASE_URL"] = `${options.url}/v1`;
  }
  if (options.fault !== undefined) env["DSGEN_FAULT"] = options.fault;
  return env;
}

/** A provider in this process, over a folder of its own. `remove` also forgets what it holds. */
export async function startProvider(options: Partial<SimulatorOptions> & { faultNames?: readonly string[] } = {}) {
  const stateDir = options.stateDir ?? realpathSync(mkdtempSync(join(tmpdir(), "dsgen-provider-")));
  const faults = (options.faultNames ?? []).map((text) => {
    const fault = parseFault(text);
    if (!fault.ok) throw new Error(fault.error.message);
    return fault.value;
  });
  let ahead = 0;
  const simulator = await startSimulator({
    seed: 7,
    timing: { validatingMs: 15, perRequestMs: 2, finalizingMs: 5, staggerMs: 20, answerMs: 0 },
    ...options,
    faults: [...(options.faults ?? []), ...faults],
    now: () => (options.now ?? Date.now)() + ahead,
    stateDir,
  });
  return {
    ...simulator,
    stateDir,
    /** The account book two days on: whatever was sent has been executed and charged by then. */
    finalLedger() {
      ahead += 2 * 86_400_000;
      return simulator.ledger();
    },
    async remove() {
      await simulator.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

export type Provider = Awaited<ReturnType<typeof startProvider>>;

/** Every file below a folder, with its content; for scenes that look for what must not be there. */
export function* filesBelow(folder: string): Generator<{ readonly path: string; readonly content: Buffer }> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status?.isDirectory() === true) yield* filesBelow(path);
    else if (status?.isFile() === true) yield { path, content: readFileSync(path) };
  }
}
