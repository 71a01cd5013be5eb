import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, type TestContext } from "vitest";
import { cells } from "../../src/report/cells.ts";
import {
  ended,
  environment,
  type Provider,
  type RunOptions,
  runDsgen,
  type SceneProject,
} from "../scenes/support/project.ts";
import { edit, REPOSITORY, shippedProject, write } from "../scenes/support/shipped.ts";
import { oldScripts } from "./old-scripts.ts";
import { type Language, missingOf, type Step } from "./page.ts";

const LAUNCHER = join(REPOSITORY, "bin", "dsgen.js");
/** Where the pages' reader keeps a project. */
const HOME = "/home/me/dataset";

/** With or without npx; what a page pipes the result into is another program's business. */
const DSGEN = /^(?:npx )?dsgen (?<args>[^|]+?)(?: \| jq .*)?$/;
/** Serves until it is ended, on a port of its own here. */
const SIMULATE = /^dsgen simulate(?<args>.*)$/;
const EXPORT = /^export (?<name>\w+)=(?<value>\S+)$/;
const UNSET_KEY = "unset OPENAI_API_KEY";
/** Asks the server that the page has started. */
const CURL = /^curl -s "\$OPENAI_BASE_URL\//;
/** What would do to this very checkout, or take minutes: that npm knows it is checked instead. */
const NPM_SCRIPTS = /^npm run (?<script>[\w:]+)(?: .*)?$/;
/** Everything the tests would run themselves. */
const TEST_RUNS = /^npx vitest run (?<folder>\S+)$/;
const MAKE = /^make (?<target>[a-z.]+)$/;
/** What a person does to a project by other programs. */
const BY_HAND = /^rm -r \.dsgen-cache$/;

export function isKnown(command: string): boolean {
  const known = [DSGEN, EXPORT, CURL, NPM_SCRIPTS, TEST_RUNS, MAKE, BY_HAND, /^npm pack$/];
  return command === UNSET_KEY || known.some((pattern) => pattern.test(command));
}

/** What a page's reader has: a copy of the shipped project made small, or a folder with nothing but the package installed. */
export type Start = "project" | "nothing";

/**
 * One reader of one page: what the reader had to start with, and what the page has exported and served so far. What
 * would ask OpenAI asks the simulator on this machine. A `dsgen simulate` begins anew, with a project of its own.
 */
export class PageSession {
  readonly #provider: Provider;
  readonly #start: Start;
  #project: SceneProject;
  #exported: Record<string, string> = {};
  /** Whether the page shows a Makefile of its own; otherwise it means dsgen's. */
  #ownMakefile = false;
  #url: string | undefined;
  #served: { readonly child: ChildProcess; readonly env: NodeJS.ProcessEnv } | undefined;

  constructor(provider: Provider, start: Start) {
    this.#provider = provider;
    this.#start = start;
    this.#project = newProject(start);
  }

  async end(): Promise<void> {
    await this.#endServer();
    this.#project.remove();
  }

  async run(step: Step, context: TestContext): Promise<void> {
    switch (step.kind) {
      case "command":
        return this.#command(step.text);
      case "screen":
        return this.#screen(step.text, step.says, step.code);
      case "scheduled":
        return this.#shell(step.text.replaceAll(HOME, this.#project.root));
      case "program":
        return this.#program(step.language, step.text, context);
      case "edit":
        return edit(this.#project, step.path, step.before, step.after);
      case "file":
        this.#ownMakefile ||= step.path === "Makefile";
        return write(this.#project, step.path, step.text);
    }
  }

  async #command(command: string): Promise<void> {
    const exported = EXPORT.exec(command)?.groups;
    if (exported !== undefined) return this.#export(exported["name"] ?? "", exported["value"] ?? "");
    if (command === UNSET_KEY) return this.#forgetKey();
    const simulate = SIMULATE.exec(command)?.groups?.["args"];
    if (simulate !== undefined) return this.#serve(argumentsOf(simulate.replace(/--port \d+/, "")));
    if (CURL.test(command)) return this.#asks("sh", ["-c", command]);
    const target = MAKE.exec(command)?.groups?.["target"];
    if (target !== undefined) return this.#ownMakefile ? this.#shell(command) : this.#make(target);
    if (BY_HAND.test(command)) return this.#shell(command);
    const script = NPM_SCRIPTS.exec(command)?.groups?.["script"];
    const folder = TEST_RUNS.exec(command)?.groups?.["folder"];
    if (script !== undefined) expect(Object.keys(scripts())).toContain(script);
    else if (folder !== undefined) expect(existsSync(join(REPOSITORY, folder))).toBe(true);
    else if (command === "npm pack") expectPackable();
    else await this.#dsgen(dsgenArguments(command));
  }

  #export(name: string, value: string): void {
    if (name === "OPENAI_BASE_URL") expect(value).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    if (!name.startsWith("OPENAI_")) this.#exported[name] = value;
    else if (this.#served === undefined) this.#url = this.#provider.url;
  }

  #forgetKey(): void {
    this.#url = undefined;
  }

  #options(): RunOptions {
    return {
      ...(this.#url === undefined ? {} : { url: this.#url }),
      env: { XDG_CONFIG_HOME: this.#project.path(".config"), ...this.#exported },
    };
  }

  async #dsgen(args: readonly string[]): Promise<void> {
    const ran = await runDsgen(this.#project, args, this.#options());
    // A build that does not wait may have to be run again.
    const fine = args[0] === "build" || args[0] === "status" ? [0, 75] : [0];
    expect([ran.stderr, fine.includes(ran.code ?? -1)]).toEqual([ran.stderr, true]);
  }

  /** Both streams into one file, as a screen has them. */
  async #screen(command: string, says: string, code: number): Promise<void> {
    for (const line of says.split("\n")) expect([line, cells(line) <= 80]).toEqual([line, true]);
    const path = this.#project.path(".screen");
    const file = openSync(path, "w");
    const child = spawn(process.execPath, [LAUNCHER, ...dsgenArguments(command)], {
      cwd: this.#project.root,
      env: environment(this.#options()),
      stdio: ["ignore", file, file],
      timeout: 60_000,
    });
    const [ended] = await once(child, "close");
    closeSync(file);
    const screen = readFileSync(path, "utf8");
    expect([screen, missingOf(says, screen)]).toEqual([screen, undefined]);
    expect(ended).toBe(code);
  }

  async #shell(command: string): Promise<void> {
    const child = spawn("sh", ["-c", command], {
      cwd: this.#project.root,
      env: environment(this.#options()),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { code, stdout, stderr } = await ended(child, command);
    expect([stdout, stderr, code]).toEqual([stdout, stderr, 0]);
  }

  async #program(language: Language, text: string, context: TestContext): Promise<void> {
    if (language === "js") return this.#asks(process.execPath, ["--input-type=module", "-e", `// js\n${text}`]);
    const python = process.env["PYTHON"] ?? "python3";
    const run = (code: string, input = "", ...args: string[]) => {
      const env = { ...environment({}), HF_HOME: this.#project.path(".hf") };
      return spawnSync(python, ["-c", code, ...args], { cwd: this.#project.root, encoding: "utf8", env, input });
    };
    if (run("").status !== 0) return context.skip(`${python} is not here`);
    const modules =
      language === "sql" ? ["duckdb"] : [...text.matchAll(/^(?:import|from) (\w+)/gm)].map(([, name = ""]) => name);
    if (language === "python")
      expect(run("import sys; compile(sys.stdin.read(), 'page', 'exec')", text).stderr).toBe("");
    const absent = "import importlib.util as u, sys; print(*[m for m in sys.argv[1:] if u.find_spec(m) is None])";
    const missing = run(absent, "", ...modules).stdout.trim();
    if (missing !== "") return context.skip(`${python} has no ${missing}`);
    const ran = language === "sql" ? run("import duckdb, sys; print(duckdb.sql(sys.stdin.read()))", text) : run(text);
    expect([ran.stderr, ran.status]).toEqual([ran.stderr, 0]);
    expect(ran.stdout.length).toBeGreaterThan(20);
  }

  /** A program of the page's that asks the server which the page has started. */
  #asks(program: string, args: readonly string[]): void {
    const ran = spawnSync(program, args, { cwd: REPOSITORY, encoding: "utf8", env: this.#served?.env ?? {} });
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    expect(ran.stdout.length).toBeGreaterThan(20);
    expect(ran.stdout).not.toContain('"error"');
  }

  async #serve(args: readonly string[]): Promise<void> {
    await this.end();
    this.#project = newProject(this.#start);
    this.#exported = {};
    this.#ownMakefile = false;
    const child = spawn(process.execPath, [LAUNCHER, "simulate", ...args], {
      cwd: this.#project.root,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes("Ctrl-C")) break;
    }
    const env: NodeJS.ProcessEnv = { ...process.env };
    for (const [, name, value] of said.matchAll(/export (\w+)=(\S+)/g)) env[name ?? ""] = value;
    expect(Object.keys(env)).toEqual(expect.arrayContaining(["OPENAI_BASE_URL", "OPENAI_API_KEY"]));
    this.#served = { child, env };
    this.#url = env["OPENAI_BASE_URL"]?.replace(/\/v1$/, "");
  }

  async #endServer(): Promise<void> {
    if (this.#served === undefined) return;
    const { child } = this.#served;
    this.#served = undefined;
    this.#url = undefined;
    child.kill("SIGINT");
    const [code] = await once(child, "exit");
    expect(code).toBe(0);
  }

  /** Asks dsgen's own Makefile what it would run, which shows that it knows the target, and runs what of that is dsgen's. */
  async #make(target: string): Promise<void> {
    const dry = spawnSync("make", ["--dry-run", "--no-print-directory", target], { cwd: REPOSITORY, encoding: "utf8" });
    expect(dry).toMatchObject({ status: 0, stderr: "" });
    const command = /^node bin\/dsgen\.js (?<args>.+?) *$/m.exec(dry.stdout)?.groups?.["args"];
    if (command !== undefined && target !== "clean") await this.#dsgen(command.split(" "));
  }
}

function newProject(start: Start): SceneProject {
  const project = shippedProject({
    batches: 1,
    requestsPerBatch: 2,
    scenariosPerRequest: 5,
    targetScenarios: 5,
    tokenizers: ["solar"],
  });
  // Installed, as npm would have done it.
  mkdirSync(project.path("node_modules", ".bin"), { recursive: true });
  symlinkSync(REPOSITORY, project.path("node_modules", "dsgen"), "dir");
  symlinkSync(LAUNCHER, project.path("node_modules", ".bin", "dsgen"));
  if (start === "nothing") {
    rmSync(project.path("config"), { recursive: true });
    write(project, "package.json", "{}\n");
    return project;
  }
  cpSync(join(REPOSITORY, "package.json"), project.path("package.json"));
  // The shipped file names a whole repo's worth of work; the page's other files stay as they are.
  write(project, "README.md", readFileSync(join(REPOSITORY, "README.md"), "utf8"));
  oldScripts(project);
  return project;
}

function dsgenArguments(command: string): string[] {
  const args = DSGEN.exec(command)?.groups?.["args"];
  if (args === undefined) throw new Error(`not a command of dsgen: ${command}`);
  return argumentsOf(args);
}

/** The words of a command line, one in single quotes being one word. */
function argumentsOf(words: string): string[] {
  return [...words.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain = ""]) => quoted ?? plain);
}

function scripts(): object {
  const manifest: { scripts: object } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8"));
  return manifest.scripts;
}

function expectPackable(): void {
  const files = packed();
  expect(files).toEqual(expect.arrayContaining(["bin/dsgen.js", "config/dsgen.yaml"]));
  // What the compiler keeps for itself is there, and is not sent along.
  expect(existsSync(join(REPOSITORY, "dist/.tsbuildinfo"))).toBe(true);
  expect(files.filter((file) => file.includes("tsbuildinfo"))).toEqual([]);
}

/** The files that `npm pack` would put in; a dry run writes nothing. */
function packed(): string[] {
  const ran = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: REPOSITORY,
    encoding: "utf8",
  });
  const listed: unknown = JSON.parse(ran.stdout);
  const first: { files: readonly { path: string }[] } = Array.isArray(listed) ? listed[0] : listed;
  return first.files.map(({ path }) => path);
}
