import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";

/*
 * dsgen starts from one file that carries its modules. An installation of its own here, of which files are edited: what is run
 * is always what lies there.
 */

const REPOSITORY = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PACKAGE = "node_modules/fastest-levenshtein";
let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "dsgen-start-"));
  for (const part of ["bin", "dist", "config", "package.json"]) {
    cpSync(join(REPOSITORY, part), join(root, "dsgen", part), { recursive: true, preserveTimestamps: true });
  }
  rmSync(join(root, "dsgen/dist/start.cache"), { recursive: true, force: true });
  mkdirSync(join(root, "dsgen/node_modules"));
  for (const name of readdirSync(join(REPOSITORY, "node_modules"))) {
    symlinkSync(join(REPOSITORY, "node_modules", name), join(root, "dsgen/node_modules", name));
  }
  bundle();
  mkdirSync(join(root, "project"));
  cpSync(join(REPOSITORY, "config"), join(root, "project/config"), { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Makes the file anew of the installation's own compiled code. */
function bundle(...args: readonly string[]): void {
  cpSync(join(REPOSITORY, "scripts"), join(root, "dsgen/scripts"), { recursive: true });
  const made = spawnSync(process.execPath, ["--import", "jiti/register", "scripts/bundle.ts", ...args], {
    cwd: join(root, "dsgen"),
  });
  expect(made.stderr.toString()).toBe("");
}

/** `dsgen status`, with a debug line of Node's for every file that is loaded as a module of its own. */
function status() {
  const env = { PATH: process.env["PATH"], HOME: join(root, "home"), NODE_DEBUG: "esm" };
  const { stdout, stderr } = spawnSync(process.execPath, [join(root, "dsgen/bin/dsgen.js"), "status"], {
    cwd: join(root, "project"),
    encoding: "utf8",
    env,
    maxBuffer: 1 << 26,
  });
  return { said: stdout, carried: !stderr.includes("dist/src/cli/process.js") };
}

const own = (path: string) => join(root, "dsgen", path);
const cached = () => (existsSync(own("dist/start.cache")) ? readdirSync(own("dist/start.cache")) : []);

it("runs what it carries, and keeps V8's code of it", () => {
  const first = status();
  expect(first).toEqual({ said: "No batch jobs yet. dsgen plan says what a build would send.\n", carried: true });
  expect(cached()).toEqual([expect.stringMatching(/^status-v\d/)]);
  expect(status()).toEqual(first);
});

it("an edited module is what runs, whatever its times and size say", () => {
  const file = own("dist/src/cli/status.js");
  const text = readFileSync(file, "utf8");
  const edited = text.replace("No batch jobs yet", "NO BATCH JOBS YET");
  const { atime, mtime } = { atime: new Date(0), mtime: new Date(0) };
  utimesSync(file, atime, mtime);
  expect(status()).toMatchObject({ carried: true });
  writeFileSync(file, edited);
  utimesSync(file, atime, mtime);
  expect(status()).toMatchObject({ said: expect.stringMatching(/^NO BATCH/), carried: false });
  bundle();
  expect(status()).toMatchObject({ said: expect.stringMatching(/^NO BATCH/), carried: true });
  writeFileSync(file, text);
  expect(status()).toMatchObject({ said: expect.stringMatching(/^No batch/), carried: false });
  bundle();
  expect(status()).toMatchObject({ carried: true });
});

it("another version of a package that it carries, or a nearer one, is what runs", () => {
  const real = join(REPOSITORY, PACKAGE);
  rmSync(own(PACKAGE));
  expect(status().carried).toBe(false);
  cpSync(real, own(PACKAGE), { recursive: true });
  expect(status().carried).toBe(true);
  const manifest = own(`${PACKAGE}/package.json`);
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"version": "[^"]*"/, '"version": "99.0.0"'));
  expect(status().carried).toBe(false);
  rmSync(own(PACKAGE), { recursive: true });
  symlinkSync(real, own(PACKAGE));
  expect(status().carried).toBe(true);
});

it("a damaged or foreign file of V8's is made anew", () => {
  const [name = ""] = cached();
  const file = own(`dist/start.cache/${name}`);
  const whole = readFileSync(file);
  for (const damaged of [
    Buffer.alloc(0),
    whole.subarray(0, 2000),
    Buffer.concat([whole.subarray(0, -4000), Buffer.alloc(4000)]),
  ]) {
    writeFileSync(file, damaged);
    expect(status()).toEqual({ said: expect.stringMatching(/^No batch/), carried: true });
  }
});

it("keeps no code that parses a config for runs that parse none", () => {
  const project = join(root, "kept");
  cpSync(join(REPOSITORY, "config"), join(project, "config"), { recursive: true });
  const run = (...args: readonly string[]) => {
    const env = { PATH: process.env["PATH"], HOME: join(root, "home") };
    expect(spawnSync(process.execPath, [own("bin/dsgen.js"), ...args], { cwd: project, env }).status).toBe(0);
    const [name] = cached().filter((file) => file.startsWith("plan-"));
    if (name === undefined) return undefined;
    const bytes = readFileSync(own(`dist/start.cache/${name}`));
    return { parses: JSON.parse(bytes.toString("latin1", 0, bytes.indexOf("\n"))).parses, size: bytes.length };
  };
  const parsing = run("plan");
  expect(parsing).toMatchObject({ parses: true });
  // Nobody keeps the parsed config for it: it is parsed each time.
  expect(run("plan")).toEqual(parsing);
  run("build", "requests/refusal/request_batch0.jsonl");
  expect(run("plan")).toBeUndefined();
  const lean = run("plan");
  expect(lean).toMatchObject({ parses: false });
  expect(lean?.size).toBeLessThan((parsing?.size ?? 0) * 0.8);
  expect(run("plan")).toEqual(lean);
  writeFileSync(join(project, "config/tasks/refusal.yaml"), "\n", { flag: "a" });
  expect(run("plan")).toEqual(lean);
});

/** Loaded by no command that finds everything as it was: each takes about as long as the whole rest. */
const HEAVY =
  /^node_modules\/(?!commander|get-east-asian-width|fastest-levenshtein|xxhash-wasm|es-module-lexer)|^dist\/src\/(simulator\/server|providers\/openai\/provider|executors\/(slurm|shared)|remote\/(s3|http|folder|push|pull)|page|export\/hub|config\/(schema|rules|yaml)|report\/live|tokenizers\/judge-)/;
const HEAVY_NODE = "child_process crypto dgram dns fs/promises http https net perf_hooks worker_threads zlib".split(
  " ",
);
/** Characters of compiled source: a tenth more than what `plan` loads today. */
const MOST_LOADED = 1_050_000;

it("plan and status of a project that is as it was load nothing heavy", () => {
  bundle("--tell");
  const project = join(root, "built");
  cpSync(join(REPOSITORY, "config"), join(project, "config"), { recursive: true });
  const task = join(project, "config/tasks/refusal.yaml");
  writeFileSync(task, readFileSync(task, "utf8").replace(/^requests_per_batch: .*$/m, "requests_per_batch: 2"));
  const file = join(root, "loaded.json");
  const TELL = `import { writeFileSync } from "node:fs";
const modules = {};
process.on("dsgen:loads", (name, size) => { modules[name] = size; });
process.on("exit", () => writeFileSync(${JSON.stringify(file)}, JSON.stringify({ modules, node: process.moduleLoadList })));`;
  const loadedBy = (...args: readonly string[]) => {
    const command = ["--import", `data:text/javascript,${encodeURIComponent(TELL)}`, own("bin/dsgen.js"), ...args];
    const env = { PATH: process.env["PATH"], HOME: join(root, "home") };
    expect(spawnSync(process.execPath, command, { cwd: project, env, stdio: "ignore" }).status).toBe(0);
    return JSON.parse(readFileSync(file, "utf8")) as { modules: Record<string, number>; node: readonly string[] };
  };
  const first = loadedBy("build", "--wait", "--set", "dsgen.simulator.speed=100");
  expect(Object.keys(first.modules).filter((name) => HEAVY.test(name))).not.toEqual([]);
  loadedBy("build");
  for (const command of ["plan", "status"]) {
    // The first of its kind holds what it was made of against what lies there.
    loadedBy(command);
    const { modules, node } = loadedBy(command);
    expect(Object.keys(modules)).toContain(`dist/src/cli/${command}.js`);
    expect(Object.keys(modules).filter((name) => HEAVY.test(name))).toEqual([]);
    expect(HEAVY_NODE.filter((name) => node.includes(`NativeModule ${name}`))).toEqual([]);
    expect(Object.values(modules).reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST_LOADED);
  }
});
