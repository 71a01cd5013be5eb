import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Provider, runDsgen, type SceneProject, startProvider } from "../scenes/support/project.ts";
import { REPOSITORY, shippedProject, write } from "../scenes/support/shipped.ts";

/*
 * Every command that a ```sh block of README.md, CONTRIBUTING.md and docs/ shows is run, in the order of its page, in a
 * copy of the shipped project made small. What would ask OpenAI asks the simulator on this machine. A `dsgen simulate` serves
 * what follows it on the page, a ```js block among it.
 */

const PAGES = ["README.md", "CONTRIBUTING.md", ...docs()];

/** A synopsis (`dsgen build [TARGET...] [options]`) is no command: cli.md is generated, and its commands are tested there. */
const SYNOPSES = new Set(["docs/cli.md"]);

/** What would do to this very checkout, or take minutes: that npm knows it is checked instead. */
const NPM_SCRIPTS = /^npm run (?<script>[\w:]+)(?: .*)?$/;
/** Needs the npm registry; tried by hand for each release. */
const NEEDS_REGISTRY = [/^npm install --save-dev \.\.\/dsgen\/dsgen-[\d.]+\.tgz$/];
/** With or without npx; what a page pipes the result into is another program's business. */
const DSGEN = /^(?:npx )?dsgen (?<args>[^|]+?)(?: \| jq .*)?$/;
/** Serves until it is ended, on a port of its own here. */
const SIMULATE = /^dsgen simulate (?<args>.+)$/;
/** Asks the server that the page has started. */
const CURL = /^curl -s "\$OPENAI_BASE_URL\//;
const SCRIPT = "// js\n";
/** Everything the tests would run themselves. */
const TEST_RUNS = /^npx vitest run (?<folder>\S+)$/;

let provider: Provider;
beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
});
afterAll(() => provider.remove());

describe.each(PAGES)("%s", (page) => {
  const commands = SYNOPSES.has(page) ? [] : commandsOf(readFileSync(join(REPOSITORY, page), "utf8"));
  let project: SceneProject;
  let withKey = false;
  let served: { readonly child: ChildProcess; readonly env: NodeJS.ProcessEnv } | undefined;
  beforeAll(() => {
    project = shippedProject({
      batches: 1,
      requestsPerBatch: 2,
      scenariosPerRequest: 5,
      targetScenarios: 5,
      tokenizers: ["solar"],
    });
    cpSync(join(REPOSITORY, "package.json"), project.path("package.json"));
    // The shipped file names a whole repo's worth of work; the page's other files stay as they are.
    write(project, "README.md", readFileSync(join(REPOSITORY, "README.md"), "utf8"));
  });
  afterAll(async () => {
    await endServer();
    project.remove();
  });

  it("has only commands that this test knows how to run", () => {
    for (const command of commands.filter((one) => !one.startsWith(SCRIPT))) {
      const known = [
        DSGEN,
        CURL,
        /^make [a-z]+$/,
        /^npm pack$/,
        /^export \w+=\S+$/,
        NPM_SCRIPTS,
        TEST_RUNS,
        ...NEEDS_REGISTRY,
      ];
      expect([command, known.some((pattern) => pattern.test(command))]).toEqual([command, true]);
    }
  });

  it.each(commands.filter((command) => !NEEDS_REGISTRY.some((pattern) => pattern.test(command))))(
    "%s",
    async (command) => {
      if (command.startsWith("export OPENAI_API_KEY=")) {
        withKey = true;
        return;
      }
      if (command.startsWith("export OPENAI_BASE_URL=")) {
        expect(command).toMatch(/=http:\/\/127\.0\.0\.1:\d+\/v1$/);
        return;
      }
      const simulate = SIMULATE.exec(command)?.groups?.["args"];
      if (simulate !== undefined) {
        await serve(simulate.replace(/--port \d+/, "--port 0").split(" "));
        return;
      }
      if (CURL.test(command) || command.startsWith(SCRIPT)) {
        const [program, args] = command.startsWith(SCRIPT)
          ? [process.execPath, ["--input-type=module", "-e", command]]
          : ["sh", ["-c", command]];
        const ran = spawnSync(program, args, { cwd: REPOSITORY, encoding: "utf8", env: served?.env ?? {} });
        expect(ran).toMatchObject({ status: 0, stderr: "" });
        expect(ran.stdout.length).toBeGreaterThan(20);
        expect(ran.stdout).not.toContain('"error"');
        return;
      }
      const script = NPM_SCRIPTS.exec(command)?.groups?.["script"];
      const folder = TEST_RUNS.exec(command)?.groups?.["folder"];
      if (script !== undefined) expect(Object.keys(scripts())).toContain(script);
      else if (folder !== undefined) expect(readdirSync(join(REPOSITORY, folder)).length).toBeGreaterThan(0);
      else if (command === "npm pack") {
        const files = packed();
        expect(files).toEqual(expect.arrayContaining(["bin/dsgen.js", "config/dsgen.yaml"]));
        // What the compiler keeps for itself is there, and is not sent along.
        expect(existsSync(join(REPOSITORY, "dist/.tsbuildinfo"))).toBe(true);
        expect(files.filter((file) => file.includes("tsbuildinfo"))).toEqual([]);
      } else if (command.startsWith("make ")) await make(command.slice("make ".length));
      else await dsgen(argumentsOf(command));
    },
  );

  /** Starts what the page serves, and ends what it served before. */
  async function serve(args: readonly string[]): Promise<void> {
    await endServer();
    const child = spawn(process.execPath, [join(REPOSITORY, "bin/dsgen.js"), "simulate", ...args], {
      cwd: project.root,
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
    served = { child, env };
  }

  async function endServer(): Promise<void> {
    if (served === undefined) return;
    const { child } = served;
    served = undefined;
    child.kill("SIGINT");
    const [code] = await once(child, "exit");
    expect(code).toBe(0);
  }

  async function dsgen(args: readonly string[]): Promise<void> {
    const ran = await runDsgen(project, args, withKey ? { url: provider.url } : {});
    // A build that does not wait may have to be run again.
    const fine = args[0] === "build" || args[0] === "status" ? [0, 75] : [0];
    expect([ran.stderr, fine.includes(ran.code ?? -1)]).toEqual([ran.stderr, true]);
  }

  /** Asks make what it would run, which shows that it knows the target, and runs what of that is dsgen's. */
  async function make(target: string): Promise<void> {
    const dry = spawnSync("make", ["--dry-run", "--no-print-directory", target], { cwd: REPOSITORY, encoding: "utf8" });
    expect(dry).toMatchObject({ status: 0, stderr: "" });
    const command = /^node bin\/dsgen\.js (?<args>.+?) *$/m.exec(dry.stdout)?.groups?.["args"];
    if (command !== undefined && target !== "clean") await dsgen(command.split(" "));
  }
});

describe("links", () => {
  it.each(PAGES)("of %s lead to files that are there", (page) => {
    const text = readFileSync(join(REPOSITORY, page), "utf8");
    for (const [, link] of text.matchAll(/\]\((?!https?:|#|\.\.\/\.\.\/)([^)#]+)(?:#[^)]*)?\)/g)) {
      const path = join(REPOSITORY, page, "..", link ?? "");
      expect(() => readFileSync(path), `${page}: ${link}`).not.toThrow();
    }
  });
});

function argumentsOf(command: string): string[] {
  const args = DSGEN.exec(command)?.groups?.["args"];
  if (args === undefined) throw new Error(`not a command of dsgen: ${command}`);
  return args.split(" ");
}

/** The commands of a page's ```sh blocks, without comments, and its ```js blocks as they are, in order. */
function commandsOf(text: string): string[] {
  return [...text.matchAll(/^```(sh|js)\n([\s\S]*?)^```$/gm)]
    .flatMap(([, language, block]) => (language === "js" ? [SCRIPT + (block ?? "")] : linesOf(block ?? "")))
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function linesOf(block: string): string[] {
  return block.split("\n").map((line) => line.replace(/\s+#.*$/, "").trim());
}

function docs(): string[] {
  return readdirSync(join(REPOSITORY, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`);
}

function scripts(): object {
  const manifest: { scripts: object } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8"));
  return manifest.scripts;
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
