import { afterAll, beforeAll, expect, test } from "vitest";
import type { OddCase } from "../support/odd-case.ts";
import { odd } from "../support/odd-scene.ts";
import { type OddServer, refusal } from "../support/odd-server.ts";
import { filesBelow, KEY, makeProject, runDsgen, startProvider } from "../support/project.ts";
import { inScene } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* A key is never written: not to a file, a log, a message or an event, whatever goes wrong. */

let warm: Warm;
beforeAll(() => {
  warm = startWarm();
});
afterAll(() => warm.close());

const FAULTS = [
  "upload:500-after#1",
  "upload:html-200#3",
  "create:reset-after#1",
  "create:html-200#2",
  "retrieve:html-200#1",
  "retrieve:500-before#2",
  "list:503#1",
  "download:truncated-body#1",
  "download:html-200#3",
  "retrieve:401#9",
  "create:batch-failed#4",
];

test("after a run full of faults no file, stream or event holds the key, or half of it", async () => {
  await inScene(
    warm,
    { shape: { batches: 4, requestsPerBatch: 2 }, provider: { faultNames: FAULTS } },
    async (scene) => {
      const written: string[] = [];
      for (const flags of [["--json"], ["--verbose"], []]) {
        const { stdout, stderr } = await scene.run("build", "--wait", "--poll", "0.03", "--keep-going", ...flags);
        written.push(stdout, stderr);
      }
      for (const command of ["status", "plan", "cost", "recover", "fsck"]) {
        const { stdout, stderr } = await scene.run(command, "--json");
        written.push(stdout, stderr);
      }
      expect(written.join("")).toMatch(/batch_\w+/);
      expectNoKey(scene.project.root, written);
      // Whoever tests with the simulator may have a real key in the environment.
      expectNoKey(scene.provider.stateDir, []);
    },
  );
});

test("a provider that repeats the key in its refusal is not believed that much", async () => {
  const project = makeProject({ batches: 1, requestsPerBatch: 1 });
  const provider = await startProvider({ keys: { wrong: [KEY] } });
  try {
    const refused = await runDsgen(project, ["build", "--wait", "--json"], { url: provider.url });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/the provider refused the key \(401\)/);
    expectNoKey(project.root, [refused.stdout, refused.stderr]);
  } finally {
    project.remove();
    await provider.remove();
  }
});

/** A server, or something before it, that repeats the key wherever it may say anything. */
function echoing(server: OddServer): OddCase {
  const escaped = [...KEY].map((character) => `\\u00${Buffer.from(character).toString("hex")}`).join("");
  const headers = { "x-request-id": `req_${KEY}`, "openai-organization": KEY, [`x-${KEY}`]: KEY };
  const error = (text: string) => ({ message: text, code: KEY, param: KEY, type: KEY });
  const said = `Header was "Authorization: Bearer ${KEY}", in base64 ${Buffer.from(KEY).toString("base64")}`;
  return {
    onUpload: (file, n) => (n === 1 ? { ...file, filename: `${KEY}.jsonl`, status_details: said } : file),
    onCreate: (_, n) => (n === 1 ? { ...refusal(429, said, { code: KEY }), headers } : undefined),
    show: (shown) => ({
      ...shown,
      errors: { data: [{ ...error(said), line: 1 }] },
      metadata: { ...(shown["metadata"] as object), seen: KEY, [KEY]: "seen" },
      [KEY]: KEY,
    }),
    onContent(_, data, n) {
      if (n === 1) return { ...refusal(503, said), headers };
      if (n === 2) return { status: 307, body: {}, headers: { location: `/v1/nowhere?signature=${KEY}` } };
      return { status: 200, body: data, headers };
    },
    settle(batch, lines) {
      // Two of the four are refused, again and again.
      const [second, third] = lines.slice(-2);
      const answered = lines.slice(0, -2);
      for (const line of answered) server.charge(line, batch);
      return {
        output: answered.map((line) => server.answer(line, server.completion(line.body, { system_fingerprint: KEY }))),
        errors: [
          ...(second === undefined ? [] : [server.line(second, 400, { error: error(said) })]),
          ...(third === undefined
            ? []
            : [JSON.stringify(server.line(third, 400, { error: error("KEY") })).replaceAll("KEY", escaped)]),
        ],
      };
    },
    direct(body, n) {
      if (n === 1) return { ...refusal(400, said), headers };
      return { status: 200, body: server.completion(body, { id: KEY, service: said }), headers };
    },
  };
}

test.each([
  ["batches", []],
  ["direct calls", ["--realtime"]],
])("a server that repeats the key wherever it can is kept and shown without it: %s", async (_, flags) => {
  await odd(echoing, async (scene) => {
    const written: string[] = [];
    const run = async (...args: readonly string[]) => {
      const { stdout, stderr } = await scene.run(...args);
      written.push(stdout, stderr);
      return stdout + stderr;
    };
    const told = await run("build", "--wait", "--poll", "0.03", "--keep-going", "--verbose", ...flags);
    expect(told).toMatch(/repeats the API key/);
    await run("build", "--wait", "--poll", "0.03", "--json", "--retry-refused", ...flags);
    for (const command of ["status", "plan", "cost", "recover", "fsck"]) {
      await run(command);
      await run(command, "--json");
    }
    await run("explain", "dataset.jsonl");
    await run("explain", "dataset.jsonl", "--json");
    await run("inspect", "batch_outputs/tiny/output_batch0.jsonl");
    await run("cancel", "--json");
    // What was paid for is there all the same, and can be read.
    expect([...filesBelow(scene.project.root)].some(({ content }) => content.includes('"*****'))).toBe(true);
    expectNoKey(scene.project.root, written);
  });
});

test("a key with a line break is refused before anything is done, and not shown", async () => {
  const project = makeProject({ batches: 1, requestsPerBatch: 1 });
  try {
    const key = `${KEY.slice(0, 20)}\n${KEY.slice(20)}`;
    const refused = await runDsgen(project, ["build", "--json"], { url: "http://127.0.0.1:9", key });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/OPENAI_API_KEY: .*line break after 20/);
    expectNoKey(project.root, [refused.stdout, refused.stderr], 4);
  } finally {
    project.remove();
  }
});

/** The key, each piece of it of eight characters that is not what every key begins with, and its base64. */
function secretsOf(key: string): readonly string[] {
  const pieces = Array.from({ length: key.length - 8 }, (_, at) => key.slice(at + 1, at + 9));
  return [...pieces, Buffer.from(key).toString("base64").slice(0, 32)];
}

function expectNoKey(root: string, written: readonly string[], fewest = 10): void {
  const secrets = secretsOf(KEY);
  const found: string[] = [];
  let files = 0;
  for (const { path, content } of filesBelow(root)) {
    files++;
    if (secrets.some((secret) => path.includes(secret) || content.includes(secret))) found.push(path);
    // Escaped, it is the key to whoever parses it.
    if (/(?:\\u00[0-9a-f]{2}){8}/i.test(content.toString("latin1"))) found.push(`${path}: escaped`);
  }
  for (const text of written) if (secrets.some((secret) => text.includes(secret))) found.push(text.slice(0, 2000));
  expect(found).toEqual([]);
  expect(files).toBeGreaterThan(fewest);
}
