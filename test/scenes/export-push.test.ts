import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { HUB_TOKEN, type HubFault, startHub } from "../export/hub-server.ts";
import {
  filesBelow,
  type Ran,
  type RunOptions,
  runDsgen,
  type SceneProject,
  startProvider,
} from "./support/project.ts";
import { append, SMALL, shippedProject } from "./support/shipped.ts";

/* A dataset's folder put on the hub: one commit, private, once; and what is said when it is not. */

const REPO = "our-lab/refusals";
const PUSH = ["export", "--push", `hub:${REPO}`];
const FILES = ["README.md", "croissant.json", "data/train.parquet", "data/validation.parquet", "data/test.parquet"];

let project: SceneProject;
let hub: Awaited<ReturnType<typeof startHub>>;

beforeAll(async () => {
  hub = await startHub();
  project = shippedProject({ ...SMALL, tokenizers: ["qwen"] });
  expect((await runDsgen(project, ["build", "--wait"])).code).toBe(0);
});
afterEach(() => {
  hub.strike(undefined);
  hub.repos.clear();
});
afterAll(async () => {
  project.remove();
  await hub.close();
});

function push(args: readonly string[] = ["--simulated"], options: RunOptions = {}): Promise<Ran> {
  const env = { HF_TOKEN: HUB_TOKEN, HF_ENDPOINT: hub.url, ...options.env };
  return runDsgen(project, [...PUSH, ...args], { ...options, env });
}

it("is one private commit that names the dataset, and nothing the second time", async () => {
  const first = await push();
  expect([first.code, first.stdout]).toEqual([
    0,
    expect.stringMatching(/sent in one commit, in a repository that is private\n$/),
  ]);
  const repo = hub.repos.get(REPO);
  const digest = createHash("sha256").update(project.read("dataset.jsonl")).digest("hex");
  expect(repo?.visibility).toBe("private");
  expect(repo?.commits).toEqual([`dsgen: dataset sha256:${digest}`]);
  expect([...(repo?.files.keys() ?? [])].sort()).toEqual([...FILES].sort());
  for (const file of FILES) {
    const content = readFileSync(project.path("dataset.huggingface", file));
    const { lfs, size } = repo?.files.get(file) ?? { size: -1 };
    expect(size, file).toBe(content.length);
    if (file.endsWith(".parquet")) expect(lfs?.oid).toBe(createHash("sha256").update(content).digest("hex"));
  }
  const second = await push(["--simulated", "--json"]);
  expect(JSON.parse(second.stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
    type: "pushed-to-hub",
    sent: false,
    commit: null,
  });
  expect(repo?.commits).toHaveLength(1);
});

it("is a second commit when the folder has changed", async () => {
  await push();
  append(project, "config/tasks/refusal.yaml", ["exports: { license: cc-by-4.0 }"]);
  const again = await push();
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("sent in one commit")]);
  expect(hub.repos.get(REPO)?.commits).toHaveLength(2);
  expect(again.stderr).toContain("exports says no creator, no url, no published");
});

it("may be public, when that is said", async () => {
  expect((await push(["--simulated", "--public"])).stdout).toContain("anybody may see");
  expect(hub.repos.get(REPO)?.visibility).toBe("public");
});

it("does not push made-up rows unless told to; what it pushes then says so", async () => {
  const refused = await push([]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("SIMULATED")]);
  expect(hub.repos.size).toBe(0);
  expect(project.read("dataset.huggingface/README.md")).toContain("SIMULATED");
});

it("knows made-up rows by what they are, and not by the address that they came from", async () => {
  const simulator = await startProvider({ timing: "instant" });
  const asked = shippedProject({ ...SMALL, tokenizers: ["qwen"] });
  const env = { HF_TOKEN: HUB_TOKEN, HF_ENDPOINT: hub.url };
  const run = (...args: string[]) => runDsgen(asked, args, { url: simulator.url, env });
  expect((await run("build", "--wait", "--poll", "0.05")).code).toBe(0);
  const refused = await run(...PUSH);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("SIMULATED")]);
  expect(hub.repos.size).toBe(0);
  for (const args of [["export", "--to", "csv"], ["report"], [...PUSH, "--simulated"]]) {
    const last = (await run(...args, "--json")).stdout.trim().split("\n").at(-1) ?? "";
    expect([args, JSON.parse(last)]).toEqual([args, expect.objectContaining({ simulated: true })]);
  }
  asked.remove();
  await simulator.remove();
});

const COMES_THROUGH: readonly HubFault[] = [
  "429-commit",
  "500-once",
  "torn-commit",
  "lost-commit",
  "reset-upload",
  "created-meanwhile",
];
it.each(COMES_THROUGH)("comes through %s with one commit", async (fault) => {
  hub.strike(fault);
  const ran = await push();
  expect([ran.code, ran.stderr]).toEqual([0, expect.anything()]);
  expect(hub.repos.get(REPO)?.commits).toHaveLength(1);
});

it.each([
  ["401", "does not let this token write"],
  ["403", "does not let this token write"],
  ["404", "the hub knows no such place"],
  ["412-commit", "somebody else committed at the same moment"],
  ["409-commit", "somebody else committed at the same moment"],
  ["500", "gave no clear answer"],
] as const)("says what %s is, and never the token", async (fault, said) => {
  hub.strike(fault);
  const ran = await push();
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining(said)]);
  expect(ran.stderr + ran.stdout).not.toContain(HUB_TOKEN);
  expect(hub.repos.get(REPO)?.commits ?? []).toEqual([]);
});

it("says what is missing before anything is made", async () => {
  const wrong: readonly (readonly [readonly string[], Readonly<Record<string, string>>, string])[] = [
    [[...PUSH], { HF_TOKEN: "" }, "HF_TOKEN"],
    [[...PUSH], { HF_TOKEN: "abc" }, "does not begin with hf_"],
    [[...PUSH], { HF_ENDPOINT: "http://hub.example.org" }, "could be read on the way"],
    [["export", "--push", "refusals"], {}, "expected hub:ORG/NAME"],
    [[...PUSH, "--to", "csv"], {}, "the folder for the hub"],
    [["export", "--public"], {}, "it goes with --push"],
  ];
  for (const [args, more, said] of wrong) {
    const env = { HF_TOKEN: HUB_TOKEN, HF_ENDPOINT: hub.url, ...more };
    const ran = await runDsgen(project, args, { env });
    expect([args, ran.code, ran.stderr]).toEqual([args, 2, expect.stringContaining(said)]);
  }
  expect(hub.repos.size).toBe(0);
});

it("says that a hub that is gone cannot be reached, and that nothing is there", async () => {
  const gone = await startHub();
  await gone.close();
  const ran = await push(["--simulated"], { env: { HF_ENDPOINT: gone.url } });
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("could not be reached")]);
});

it("gives the token to the hub alone, and leaves it nowhere", async () => {
  await push();
  for (const { url, value } of hub.authorizations)
    expect([url, value]).toEqual([url, url.startsWith("storage ") ? undefined : `Bearer ${HUB_TOKEN}`]);
  expect(hub.authorizations.some(({ url }) => url.startsWith("storage "))).toBe(true);
  for (const { path, content } of filesBelow(project.root)) expect(content.includes(HUB_TOKEN), path).toBe(false);
});
