import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasNginx, hasS3, startNginx, startS3 } from "../remote/support/installed.ts";
import { AWS_TEST, listening, serveFiles, serveS3, TOKEN } from "../remote/support/servers.ts";
import {
  filesBelow,
  KEY,
  makeProject,
  type Ran,
  type RunOptions,
  runDsgen,
  type SceneProject,
} from "./support/project.ts";
import { startPayingProvider } from "./support/sold.ts";

/* One person pays and shares; another, with no key and in another place, builds the same bytes for nothing. */

const SHAPE = { batches: 2, requestsPerBatch: 3, scenariosPerRequest: 2 };
const MADE = ["dataset.jsonl", "dataset.manifest.json", "batch_outputs/tiny/output_batch0.jsonl"];

let provider: Awaited<ReturnType<typeof startPayingProvider>>;
let shared: string;
/** Where the clones share, as the config has it and with what their environment says. */
let cache: { readonly at: string; readonly env: Readonly<Record<string, string>> };
const projects: SceneProject[] = [];

beforeEach(async () => {
  provider = await startPayingProvider();
  shared = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-shared-")));
  cache = { at: `at: ${shared}`, env: {} };
});

afterEach(async () => {
  for (const project of projects.splice(0)) project.remove();
  rmSync(shared, { recursive: true, force: true });
  await provider.remove();
});

/** A clone with a home folder of its own, which the signing key lies in. */
function clone(more: readonly string[] = [], access = "read-write") {
  const dsgen = [
    "remote:",
    "  project: scene",
    "  timeout_seconds: 5",
    ...more,
    "  caches:",
    `    - { ${cache.at}, access: ${access} }`,
  ];
  const project = makeProject({ ...SHAPE, dsgen });
  projects.push(project);
  const home = project.path("home");
  mkdirSync(home);
  const run = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
    runDsgen(project, args, {
      ...options,
      env: { ...cache.env, HOME: home, XDG_CONFIG_HOME: join(home, "config"), ...options.env },
    });
  return { project, run };
}

const SHARE = ["  share: answers"];
const trusting = (word: string) => [...SHARE, `  trust: [${JSON.stringify(word)}]`];

/** Pays for a dataset and shares it; what it came to and the public key that signed. */
async function payAndPush() {
  const first = clone(SHARE);
  const made = await first.run(["remote", "keygen"]);
  const word = /ed25519:\S+/.exec(made.stdout)?.[0] ?? "";
  expect((await first.run(["remote", "trust"])).code).toBe(0);
  const built = await first.run(["build", "--wait", "--poll", "0.03"], { url: provider.url });
  expect([built.code, built.stderr]).toEqual([0, expect.anything()]);
  const pushed = await first.run(["push", "--json"]);
  expect([pushed.code, pushed.stderr]).toEqual([0, ""]);
  expect(JSON.parse(pushed.stdout)).toMatchObject({ type: "pushed", answers: 6, simulated: 0 });
  return { ...first, word };
}

/** This machine's and this person's names as words of their own: a signature may hold any few letters. */
const NAMES = new RegExp(`(?<![\\w+/=-])(?:${hostname()}|${userInfo().username})(?![\\w+/=-])`);

/** Holds every file that was shared against what must not leave; how many there are. */
function nothingPrivate({ root }: SceneProject): number {
  const secrets = [KEY, root, tmpdir(), shared, "PRIVATE KEY"];
  let files = 0;
  for (const { path, content } of filesBelow(shared)) {
    files++;
    for (const secret of secrets) expect(content.includes(secret), `${secret} in ${path}`).toBe(false);
    expect(NAMES.exec(content.toString("latin1")), path).toBeNull();
  }
  return files;
}

/** The last line under --json. */
function lastOf({ stdout }: Ran): unknown {
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

describe("a shared cache", () => {
  it("gives another clone the same bytes, without a key and without a call", async () => {
    const first = await payAndPush();
    const paid = provider.calls();
    const second = clone(trusting(first.word), "read");
    const planned = await second.run(["plan", "--json", "--set", "dsgen.budget=0.01"]);
    expect([planned.code, lastOf(planned)]).toMatchObject([0, { requests: 0, reused: 6, simulated: false }]);
    expect(planned.stderr).toMatch(
      /6 answers more that a build takes, for nothing, from the shared cache \S+, \$0\.0\d+ not spent/,
    );
    const built = await second.run(["build"], { env: { TZ: "Pacific/Apia", USER: "somebody" } });
    expect([built.code, built.stderr]).toEqual([
      0,
      expect.stringMatching(/6 answers from the shared cache \S+, \$0\.0\d+ not spent/),
    ]);
    for (const file of MADE) expect(second.project.read(file), file).toBe(first.project.read(file));
    expect(provider.calls()).toBe(paid);
    const cost = await second.run(["cost", "--json"]);
    expect(JSON.parse(cost.stdout)).toMatchObject({ spentUsd: 0, inFlightUsd: 0 });
  });

  it("takes in everything by pull, once; and the second push sends nothing", async () => {
    const first = await payAndPush();
    const again = await first.run(["push", "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ answers: 6, bytes: 0 });
    const second = clone(trusting(first.word));
    expect(lastOf(await second.run(["pull", "--json"]))).toMatchObject({ answers: 6, known: 0 });
    expect(lastOf(await second.run(["pull", "--json"]))).toMatchObject({ answers: 0, known: 6, bytes: 0 });
    expect((await second.run(["build"])).code).toBe(0);
    expect((await second.run(["fsck"])).stdout).toContain("The cache is whole.");
  });

  it("is a backup too, in any place, from which a lost cache comes back", async () => {
    const first = await payAndPush();
    const paid = provider.calls();
    const backup = first.project.path("backup");
    mkdirSync(backup);
    expect(lastOf(await first.run(["push", "--to", "backup", "--json"]))).toMatchObject({ cache: backup, answers: 6 });
    rmSync(shared, { recursive: true });
    const made = first.project.read("dataset.jsonl");
    rmSync(first.project.path(".dsgen-cache"), { recursive: true });
    rmSync(first.project.path("dataset.jsonl"));
    expect(lastOf(await first.run(["pull", "--from", "backup", "--json"]))).toMatchObject({ answers: 6 });
    expect((await first.run(["build"])).code).toBe(0);
    expect([first.project.read("dataset.jsonl") === made, provider.calls()]).toEqual([true, paid]);
    for (const where of ["https://me:hidden@127.0.0.1/x", "http://[", "https:///?a"]) {
      const ran = await first.run(["push", "--to", where]);
      expect([where, ran.code, ran.stderr]).toEqual([where, 2, expect.stringContaining("expected an address")]);
      expect(ran.stderr).not.toContain("hidden");
    }
  });

  it("is not asked, and not written, for paid answers unless the config says so", async () => {
    const first = await payAndPush();
    const second = clone([`  trust: [${JSON.stringify(first.word)}]`]);
    await second.run(["remote", "keygen"]);
    const before = [...filesBelow(shared)].length;
    const pushed = await second.run(["push"]);
    expect([pushed.code, pushed.stdout]).toEqual([0, expect.stringContaining("Answers are not shared")]);
    expect([...filesBelow(shared)].length).toBe(before);
    const pulled = await second.run(["pull"]);
    expect([pulled.code, pulled.stderr]).toEqual([2, expect.stringContaining("share: answers")]);
    expect((await second.run(["pull", "--answers", "--json"])).stdout).toContain('"answers":6');
  });

  it("holds no key, no path of this machine, no user or host name", async () => {
    const first = await payAndPush();
    expect(nothingPrivate(first.project)).toBeGreaterThan(2);
  });

  it("is counted, and kept small without losing an answer", async () => {
    const first = await payAndPush();
    const stats = lastOf(await first.run(["remote", "stats", "--json"]));
    expect(stats).toMatchObject({
      kinds: { answers: { count: 2 }, files: { count: 2 } },
      writers: { [first.word]: 2 },
    });
    expect((await first.run(["remote", "stats"])).stdout).toContain(`2 records by ${first.word}`);
    const before = [...filesBelow(shared)].map(({ path }) => path);
    const longAgo = new Date(Date.now() - 200 * 86_400_000);
    for (const path of before) utimesSync(path, longAgo, longAgo);
    const stray = join(shared, "v1/cas/ab/".concat("ab".repeat(32)));
    mkdirSync(join(shared, "v1/cas/ab"), { recursive: true });
    writeFileSync(stray, "nobody's");
    utimesSync(stray, longAgo, longAgo);
    const dry = lastOf(await first.run(["remote", "gc", "--keep", "90d", "--dry-run", "--json"]));
    expect(dry).toMatchObject({ files: 1, results: 0, dryRun: true });
    const removed = await first.run(["remote", "gc", "--keep", "90d"]);
    expect([removed.code, removed.stdout]).toEqual([0, expect.stringContaining("0 results and 1 file")]);
    expect([...filesBelow(shared)].map(({ path }) => path).sort()).toEqual(before.sort());
    const paid = ["remote", "gc", "--keep", "90d", "--include-paid"];
    const unasked = await first.run(paid);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining("2 records of paid answers")]);
    expect(lastOf(await first.run([...paid, "--dry-run", "--json"]))).toMatchObject({ answers: 2, files: 2 });
    expect([...filesBelow(shared)]).toHaveLength(before.length);
    expect((await first.run([...paid, "--yes"])).stdout).toContain("2 records of paid answers, 0 results and 2 files");
    expect([...filesBelow(shared)].filter(({ path }) => !path.includes("/v1/flight/"))).toEqual([]);
    // Nothing is left that anybody would have to be asked about.
    expect((await first.run(paid)).code).toBe(0);
    for (const args of [
      ["remote", "gc"],
      ["remote", "gc", "--include-paid", "--yes"],
      ["remote", "gc", "--keep", "soon"],
      ["remote", "list", "--keep", "9d"],
    ]) {
      const wrong = await first.run(args);
      expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("expected gc --keep DAYS")]);
    }
  });

  it("is signed by a key that is to stay out of the project: one in it is warned of", async () => {
    const first = clone(SHARE);
    const away = mkdtempSync(join(tmpdir(), "dsgen-key-"));
    const keygen = (at: string) => first.run(["remote", "keygen"], { env: { DSGEN_REMOTE_KEY: at } });
    expect(await keygen(join(away, "key.pem"))).toMatchObject({ code: 0, stderr: "" });
    expect((await keygen(first.project.path("key.pem"))).stderr).toContain("lies in the project");
    rmSync(away, { recursive: true });
  });

  it("never gets a made-up answer", async () => {
    const first = clone(SHARE);
    await first.run(["remote", "keygen"]);
    expect((await first.run(["build", "--wait", "--poll", "0.03"])).code).toBe(0);
    const pushed = await first.run(["push", "--json"]);
    expect(lastOf(pushed)).toMatchObject({ answers: 0, simulated: 6 });
    expect([...filesBelow(shared)]).toEqual([]);
  });

  it("gives results too, which are not made again; and of a cache without them they are made", async () => {
    const slow =
      "export default () => { let x = 0; for (let i = 0; i < 2e8; i++) x ^= i; return x >= 0 || { reason: 'odd' }; };\n";
    const withCheck = ({ project }: ReturnType<typeof clone>) => {
      mkdirSync(project.path("targets"), { recursive: true });
      writeFileSync(project.path("slow.ts"), slow);
      const file = project.path("config/tasks/tiny.yaml");
      const text = readFileSync(file, "utf8");
      writeFileSync(
        file,
        `${text.replace(/^checks:.*$/m, "")}checks: [distinct-texts, { check: module, path: slow.ts }]\n`,
      );
    };
    const first = clone(SHARE);
    withCheck(first);
    const word = /ed25519:\S+/.exec((await first.run(["remote", "keygen"])).stdout)?.[0] ?? "";
    await first.run(["remote", "trust"]);
    const made = await first.run(["build", "--wait", "--poll", "0.03"], { url: provider.url });
    expect(made.code, made.stderr).toBe(0);
    const pushed = lastOf(await first.run(["push", "--json"]));
    expect(pushed).toMatchObject({ type: "pushed", answers: 6, results: 2 });
    expect(nothingPrivate(first.project)).toBeGreaterThan(6);
    // Without the word for answers, what has their texts in it stays too.
    mkdirSync(first.project.path("elsewhere"));
    const config = first.project.path("config/dsgen.yaml");
    const written = readFileSync(config, "utf8");
    writeFileSync(config, written.replace("  share: answers\n", ""));
    const free = lastOf(await first.run(["push", "--to", "elsewhere", "--json"]));
    writeFileSync(config, written);
    expect(free).toMatchObject({ type: "pushed", answers: 0, results: 0, kept: 2 });
    expect([...filesBelow(first.project.path("elsewhere"))]).toEqual([]);
    const second = clone(trusting(word), "read");
    withCheck(second);
    const built = await second.run(["build", "--json"]);
    expect(built.code).toBe(0);
    const restored = built.stdout.split("\n").filter((line) => line.includes('"reason":"shared"'));
    expect(restored.map((line) => JSON.parse(line).target)).toEqual(
      expect.arrayContaining(["validated/tiny/shard0.jsonl", "validated/tiny/shard1.jsonl"]),
    );
    for (const file of MADE) expect(second.project.read(file), file).toBe(first.project.read(file));
    // They are this cache's now, and nobody else's word is given for one's own.
    rmSync(second.project.path("validated"), { recursive: true });
    rmSync(shared, { recursive: true });
    mkdirSync(shared);
    expect((await second.run(["build"])).stderr).not.toContain("warning");
    for (const { content } of filesBelow(second.project.path("validated"))) expect(content.length).toBeGreaterThan(0);
    const third = clone(trusting(word), "read");
    withCheck(third);
    expect((await third.run(["build"], { url: provider.url })).stderr).not.toContain("made by others");
  });

  it("costs one warning and no build when it is gone", async () => {
    const first = await payAndPush();
    rmSync(shared, { recursive: true });
    const built = await first.run(["build", "--set", "tiny.target_scenarios=3"], { url: provider.url });
    expect(built.code).toBe(0);
    expect(built.stderr.match(/warning: the shared cache/g)).toHaveLength(1);
  });
});

const inBucket = (url: string) => `at: "s3://bucket/lab", endpoint: "${url}", region: eu-central-1`;
const awsEnv = (of: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) => ({
  AWS_ACCESS_KEY_ID: of.accessKeyId,
  AWS_SECRET_ACCESS_KEY: of.secretAccessKey,
  AWS_SESSION_TOKEN: of.sessionToken ?? "",
});

/** Kinds of shared caches on a server of their own; what is not installed is left out. */
const SERVERS = [
  {
    name: "a small HTTP server",
    there: true,
    start: async () => {
      const server = await serveFiles();
      return { ...server, at: `at: "${server.url}/lab"`, env: { DSGEN_REMOTE_TOKEN: TOKEN } };
    },
  },
  {
    name: "a small S3 server",
    there: true,
    start: async () => {
      const server = await serveS3();
      return { ...server, at: inBucket(server.url), env: awsEnv(AWS_TEST) };
    },
  },
  {
    name: "nginx with DAV",
    there: hasNginx,
    start: async () => {
      const server = await startNginx();
      return { ...server, received: [], at: `at: "${server.url}"`, env: {} };
    },
  },
  {
    name: "a real S3 server",
    there: hasS3,
    start: async () => {
      const server = await startS3();
      const { credentials = { accessKeyId: "", secretAccessKey: "" } } = server;
      return { ...server, received: [], at: inBucket(server.url), env: awsEnv(credentials) };
    },
  },
];

describe.each(SERVERS)("a cache shared by $name", ({ there, start }) => {
  it.skipIf(!there)(
    "gives the same bytes without a call to the provider, and gets nothing that is nobody's",
    async () => {
      const server = await start();
      try {
        cache = server;
        const first = await payAndPush();
        const paid = provider.calls();
        const second = clone(trusting(first.word), "read");
        const built = await second.run(["build"]);
        expect([built.code, built.stderr]).toEqual([0, expect.stringContaining("6 answers from the shared cache")]);
        for (const file of MADE) expect(second.project.read(file), file).toBe(first.project.read(file));
        expect(provider.calls()).toBe(paid);
        const received = Buffer.concat(server.received).toString("latin1");
        const secrets = [KEY, first.project.root, second.project.root, tmpdir(), AWS_TEST.secretAccessKey];
        expect(secrets.filter((secret) => received.includes(secret))).toEqual([]);
        expect(received).not.toMatch(NAMES);
        expect(received).not.toContain("PRIVATE KEY");
      } finally {
        await server.close();
      }
    },
  );
});

it("a shared cache that never answers costs one warning and its time limit", async () => {
  const silent = await listening(() => undefined);
  try {
    cache = { at: `at: "${silent.url}"`, env: {} };
    const { project, run } = clone(SHARE);
    const file = project.path("config/dsgen.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace("timeout_seconds: 5", "timeout_seconds: 0.3"));
    const built = await run(["build", "--wait", "--poll", "0.03"], { url: provider.url });
    expect(built.code).toBe(0);
    expect(built.stderr.match(/warning: the shared cache .*the build goes on without it/g)).toHaveLength(1);
  } finally {
    await silent.close();
  }
});

describe("what is in a shared cache", () => {
  it("is not believed when its writer is not, or no longer, on the list", async () => {
    await payAndPush();
    const second = clone(SHARE);
    const pulled = await second.run(["pull", "--json"]);
    expect(pulled.stdout).toContain('"untrusted":');
    expect(pulled.stderr).toContain("not under remote.trust");
    expect(lastOf(pulled)).toMatchObject({ answers: 0 });
  });

  it("is not believed when somebody changed it", async () => {
    const first = await payAndPush();
    const files = [...filesBelow(shared)];
    for (const { path } of files) chmodSync(path, 0o644);
    const blob = files.find(({ path }) => path.includes("/cas/"));
    if (blob === undefined) throw new Error("no blob was shared");
    writeFileSync(blob.path, Buffer.concat([blob.content, Buffer.from("\n")]));
    const exchanged = await clone(trusting(first.word)).run(["pull"]);
    expect([exchanged.code, exchanged.stderr]).toEqual([1, expect.stringContaining("does not match its name")]);
    writeFileSync(blob.path, blob.content);
    for (const { path, content } of files.filter(({ path }) => path.endsWith(".json")))
      writeFileSync(path, content.toString("utf8").replace('"via":"batch"', '"via":"direct"'));
    const changed = await clone(trusting(first.word)).run(["pull", "--json"]);
    expect(changed.stderr).toContain("not as their writer signed them");
    expect(changed.stdout).toContain('"answers":0');
  });

  it("is bought where its content is damaged: a plan says that only a build sees that", async () => {
    const first = await payAndPush();
    const blobs = [...filesBelow(shared)].filter(({ path }) => path.includes("/cas/"));
    for (const { path, content } of blobs) {
      chmodSync(path, 0o644);
      writeFileSync(path, Buffer.concat([content, Buffer.from("\n")]));
    }
    const second = clone(trusting(first.word), "read");
    const planned = await second.run(["plan", "--json"]);
    expect([planned.code, lastOf(planned)]).toMatchObject([0, { reused: 6 }]);
    expect(planned.stderr).toContain("not spent (if they are whole, which is seen when they are taken)");
    const built = await second.run(["build", "--wait", "--poll", "0.03"], { url: provider.url });
    expect([built.code, built.stderr]).toEqual([0, expect.stringContaining("does not match its name")]);
    for (const { path } of blobs) rmSync(path);
    const third = clone(trusting(first.word), "read");
    expect(lastOf(await third.run(["plan", "--json"], { url: provider.url }))).toMatchObject({ reused: 0 });
  });

  it("is another project's when it was signed for that", async () => {
    const first = await payAndPush();
    const second = clone(trusting(first.word));
    const file = second.project.path("config/dsgen.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace("project: scene", "project: other"));
    expect((await second.run(["pull", "--json"])).stdout).toContain('"answers":0');
  });
});
