import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ONCE_MORE, SLURM, SLURM_NAMED, startSlurm, type TestSlurm } from "../support/slurm.ts";
import { filesBelow, makeProject, type Ran, runDsgen, type SceneProject } from "./support/project.ts";
import { edit, SMALL, shippedProject, write } from "./support/shipped.ts";

/* The shipped pipeline with its shards made on a cluster: the real command line, a real Slurm, its two nodes on this machine. */

/** However small, and soon looked at. */
const ON_CLUSTER = [
  "--executor",
  "slurm",
  "--set",
  "dsgen.executor.local_below_bytes=0",
  "--set",
  "dsgen.executor.poll_seconds=0.3",
];
const CANARIES = Object.fromEntries(
  ["HF_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SLURM_JWT", "SOME_NEW_SECRET"].map((name) => [
    name,
    "canary-5a1d",
  ]),
);

describe.skipIf(!SLURM)(`the shipped pipeline on a real ${SLURM_NAMED}`, ONCE_MORE, () => {
  let slurm: TestSlurm;
  /** Has its answers, and nothing made of them. */
  let answered: SceneProject;
  let expected: Readonly<Record<string, string>>;
  const copies: SceneProject[] = [];

  beforeAll(async () => {
    slurm = await startSlurm();
    answered = shippedProject(SMALL);
    const outputs = [0, 1].map((i) => `batch_outputs/refusal/output_batch${i}.jsonl`);
    const asked = await runDsgen(answered, ["build", "--wait", ...outputs]);
    expect(asked.code, asked.stderr).toBe(0);
    const local = copy();
    const built = await runDsgen(local, ["build", "--wait"]);
    expect(built.code, built.stderr).toBe(0);
    expected = madeIn(local);
    expect(Object.keys(expected).length).toBeGreaterThanOrEqual(6);
    return () => slurm.stop();
  }, 120_000);
  afterAll(() => {
    for (const project of [answered, ...copies]) project?.remove();
  });

  function copy(): SceneProject {
    const project = shippedProject(SMALL);
    cpSync(answered.root, project.root, { recursive: true });
    copies.push(project);
    return project;
  }

  function madeIn(project: SceneProject): Readonly<Record<string, string>> {
    const files = [...filesBelow(project.path("validated"))].map(({ path, content }) => [
      path.slice(project.root.length),
      content.toString("utf8"),
    ]);
    const datasets = ["dataset.jsonl", "dataset.manifest.json"].map((name) => [name, project.read(name)]);
    return Object.fromEntries([...files, ...datasets]);
  }

  const build = (project: SceneProject, args: readonly string[] = [], env = {}): Promise<Ran> =>
    runDsgen(project, ["build", ...ON_CLUSTER, ...args], {
      env: { ...slurm.env, ...CANARIES, ...env },
      deadlineMs: 100_000,
    });

  test("gives the bytes of a local build; without --wait it ends with 75 and says where its shards stand", async () => {
    const project = copy();
    const first = await build(project);
    expect(first.code, first.stderr).toBe(75);
    expect(first.stdout).toMatch(/Waiting on slurm:\n {2}\d targets?: .*job \d+/);
    const status = await runDsgen(project, ["status"], { env: slurm.env });
    expect(status.stdout).toMatch(/1 job array on the cluster, tasks by how they stand:\n {2}job \d+: \d /);
    expect(status.code, status.stdout).toBe(75);
    const lines = await runDsgen(project, ["status", "--json"], { env: slurm.env });
    expect(lines.stdout).toContain('"type":"array-status"');
    const again = await build(project, ["--wait"]);
    expect(again.code, again.stderr).toBe(0);
    expect(madeIn(project)).toEqual(expected);
    const records = project.read(".dsgen-cache/v1/journal.jsonl").match(/"t":"array-intended"/g);
    expect(records).toHaveLength(1);
    expect((await runDsgen(project, ["status"], { env: slurm.env })).code).toBe(0);
    const none = await build(project);
    expect([none.code, none.stdout]).toEqual([0, expect.stringMatching(/Everything is up to date/)]);
  }, 120_000);

  test("a check of one's own that asks for a machine goes there, however small, and nothing else does; an edit makes it again", async () => {
    const project = makeProject({
      batches: 2,
      dsgen: ["executor: { kind: slurm, poll_seconds: 0.3 }"],
      task: ["# own"],
    });
    copies.push(project);
    const own = "checks: [{ check: module, path: targets/checks/short.ts, limit: 1000, resources: { gpus: 1 } }]";
    edit(project, "config/tasks/tiny.yaml", /^checks: .*$/m, own);
    const check = (passes: string) =>
      write(
        project,
        "targets/checks/short.ts",
        `export default (entry: Record<string, string>, params: { limit: number }) =>
  Object.values(entry).some((text) => ${passes}) || { reason: "odd" };\n`,
      );
    check("text.length < params.limit");
    const env = { ...slurm.env, ...CANARIES };
    const options = { env, deadlineMs: 100_000 };
    const first = await runDsgen(project, ["build", "--wait", "--json"], options);
    expect(first.code, first.stderr).toBe(0);
    const waited = new Set([...first.stdout.matchAll(/"target":"([^"]+)"[^\n]*"elsewhere"/g)].map(([, name]) => name));
    expect([...waited].sort()).toEqual(["validated/tiny/shard0.jsonl", "validated/tiny/shard1.jsonl"]);
    const shards = project.read("validated/tiny/shard0.jsonl");
    expect((await runDsgen(project, ["build", "--executor", "local"], options)).stdout).toMatch(
      /Everything is up to date/,
    );
    check("text.length % 2 === 0");
    const edited = await runDsgen(project, ["build", "--wait"], options);
    expect(edited.code, edited.stderr).toBe(0);
    expect(project.read("validated/tiny/shard0.jsonl")).not.toBe(shards);
  }, 120_000);

  test("a worker sees no key, whatever its name, and opens no socket", async () => {
    const project = copy();
    expect((await build(project, ["--wait"])).code).toBe(0);
    const work = project.path(".dsgen-cache/v1/elsewhere/work");
    const [file] = readdirSync(work);
    if (file === undefined) throw new Error("nothing was handed over");
    // What a task itself saw: all that the environment of this process had is in no file that it left.
    for (const { path, content } of filesBelow(project.path(".dsgen-cache/v1/elsewhere")))
      expect(content.includes("canary-5a1d"), path).toBe(false);
    // And one that is started with all of it removes it before it does anything.
    mkdirSync(project.path("spy"));
    const seen = project.path("spy/seen.json");
    writeFileSync(
      project.path("spy/spy.cjs"),
      `const { Socket } = require("node:net");
const sockets = [];
const connect = Socket.prototype.connect;
Socket.prototype.connect = function (...args) { sockets.push(String(args[0])); return connect.apply(this, args); };
process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(seen)}, JSON.stringify({ sockets, env: process.env })));
`,
    );
    const args = ["worker", `${work}/${file}`, "--part", "0"];
    const keys = {
      ...CANARIES,
      OPENAI_API_KEY: "canary-5a1d",
      NODE_OPTIONS: `--require=${project.path("spy/spy.cjs")}`,
    };
    const ran = await runDsgen(project, args, { env: keys });
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/^made validated\/refusal\/shard\d\.jsonl\n/);
    const { sockets, env } = JSON.parse(readFileSync(seen, "utf8"));
    expect(sockets).toEqual([]);
    expect(JSON.stringify(env)).not.toContain("canary-5a1d");
    expect(Object.keys(env)).toEqual(expect.arrayContaining(["PATH", "HOME"]));
  }, 120_000);
});
