import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Tokenizers } from "../../src/tokenizers/tokenizers.ts";
import { gitSha1, readingIndex, sha256, TINY, temporaryFolder, writeFiles } from "./tiny-tokenizer.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const REPO = "org/model";

interface Hub {
  readonly url: string;
  readonly asked: string[];
  readonly tokens: (string | undefined)[];
}

/** A hub on the loopback. `answer` plays it; what it does not end is answered as the real one answers. */
async function startHub(answer?: (request: IncomingMessage, response: ServerResponse) => boolean): Promise<Hub> {
  const asked: string[] = [];
  const tokens: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    tokens.push(request.headers.authorization);
    if (answer?.(request, response) === true) return;
    serveFile(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}`, asked, tokens };
}

/** Large files are redirected to a store and named by SHA-256; small ones come at once, named by git's SHA-1. */
function serveFile(request: IncomingMessage, response: ServerResponse): void {
  const file = request.url?.split("/").at(-1) ?? "";
  const content = TINY[file] ?? "";
  if (request.url?.startsWith("/store/") === true) {
    response.writeHead(200, { "content-length": Buffer.byteLength(content), etag: '"of-the-store"' }).end(content);
  } else if (file === "tokenizer.json") {
    const etag = `"${sha256(content)}"`;
    response
      .writeHead(302, { location: `/store/${file}`, "x-repo-commit": COMMIT, "x-linked-etag": etag, etag: '"pointer"' })
      .end();
  } else {
    const headers = {
      "x-repo-commit": COMMIT,
      etag: `W/"${gitSha1(content)}"`,
      "content-length": Buffer.byteLength(content),
    };
    response.writeHead(200, headers).end(content);
  }
}

function tokenizers(
  hub: string,
  more: Readonly<Record<string, string>> = {},
  revision = "main",
): { readonly all: Tokenizers; readonly home: string; readonly repo: string } {
  const home = more["HF_HOME"] ?? temporaryFolder();
  const all = new Tokenizers({
    projectRoot: home,
    tokenizers: {
      it: { source: { kind: "hub", repo: REPO, revision }, unproven: "refuse", at: "tokenizers.yaml:1:1" },
    },
    content: readingIndex,
    environment: { HF_HOME: home, HF_ENDPOINT: hub, ...more },
  });
  return { all, home, repo: join(home, "hub", "models--org--model") };
}

const IT = { kind: "tokenizer", name: "it" } as const;

test("a tokenizer is fetched once, laid out as huggingface_hub does, and then used offline", async () => {
  const hub = await startHub();
  const { all, home, repo } = tokenizers(hub.url);
  expect(all.fingerprint(IT)).toMatchObject({
    ok: false,
    error: { message: expect.stringContaining("has not been fetched yet") },
  });
  const fetches: string[] = [];
  expect(await all.prepare(["it", "it"], (name, label) => fetches.push(`${name} ${label}`))).toEqual([]);
  expect(fetches).toEqual(["it org/model@main"]);
  expect(hub.asked).toEqual([
    "/org/model/resolve/main/tokenizer.json",
    "/store/tokenizer.json",
    // by the commit that the first answer named: the branch may move in between
    `/org/model/resolve/${COMMIT}/tokenizer_config.json`,
  ]);
  expect(readFileSync(join(repo, "refs/main"), "utf8")).toBe(COMMIT);
  const blob = sha256(TINY["tokenizer.json"] ?? "");
  const snapshot = join(repo, "snapshots", COMMIT);
  expect(readlinkSync(join(snapshot, "tokenizer.json"))).toBe(`../../blobs/${blob}`);
  expect(readdirSync(join(repo, "blobs")).sort()).toEqual([blob, gitSha1(TINY["tokenizer_config.json"] ?? "")].sort());
  for (const [file, content] of Object.entries(TINY)) expect(readFileSync(join(snapshot, file), "utf8")).toBe(content);

  const offline = tokenizers("http://127.0.0.1:9", { HF_HOME: home, HF_HUB_OFFLINE: "1" }).all;
  expect(await offline.prepare(["it"])).toEqual([]);
  expect(offline.fingerprint(IT)).toMatchObject({ ok: true, value: { shown: `org/model@main (${blob.slice(0, 8)})` } });
});

test("what huggingface_hub fetched is used without asking anyone", async () => {
  const { all, repo } = tokenizers("http://127.0.0.1:9", {}, COMMIT);
  writeFiles(join(repo, "snapshots", COMMIT), TINY);
  expect(await all.prepare(["it"])).toEqual([]);
  expect(all.fingerprint(IT).ok).toBe(true);
});

test("a snapshot with one of its files is not taken for whole", async () => {
  const hub = await startHub();
  const { all, repo } = tokenizers(hub.url, {}, COMMIT);
  writeFiles(join(repo, "snapshots", COMMIT), { "tokenizer.json": "{}" });
  expect(all.fingerprint(IT).ok).toBe(false);
  expect(await all.prepare(["it"])).toEqual([]);
  expect(readFileSync(join(repo, "snapshots", COMMIT, "tokenizer.json"), "utf8")).toBe(TINY["tokenizer.json"]);
});

test("a cut connection leaves nothing behind, and the next try succeeds", async () => {
  let cuts = 0;
  const hub = await startHub((request, response) => {
    if (request.url?.startsWith("/store/") !== true || cuts >= 3) return false;
    cuts++;
    response.writeHead(200, { "content-length": 1_000_000 });
    response.write(TINY["tokenizer.json"]);
    setTimeout(() => response.destroy(), 5);
    return true;
  });
  const { all, repo } = tokenizers(hub.url);
  const problems = await all.prepare(["it"]);
  expect(problems).toHaveLength(1);
  expect(problems[0]?.message).toContain("cannot be reached or broke off");
  expect(readdirSync(join(repo, "blobs"))).toEqual([]);
  expect(all.fingerprint(IT).ok).toBe(false);
  expect(await all.prepare(["it"])).toEqual([]);
  expect(all.fingerprint(IT).ok).toBe(true);
});

test("a download that was cut is begun anew, not continued", async () => {
  let cut = false;
  const hub = await startHub((request, response) => {
    if (request.url?.startsWith("/store/") !== true || cut) return false;
    cut = true;
    response.writeHead(200, { "content-length": 1_000_000 });
    response.write("x".repeat(100_000));
    setTimeout(() => response.destroy(), 5);
    return true;
  });
  const { all, repo } = tokenizers(hub.url);
  expect(await all.prepare(["it"])).toEqual([]);
  expect(readFileSync(join(repo, "snapshots", COMMIT, "tokenizer.json"), "utf8")).toBe(TINY["tokenizer.json"]);
});

test("content that is not what its etag says is not kept", async () => {
  const hub = await startHub((request, response) => {
    if (request.url?.startsWith("/store/") !== true) return false;
    response.writeHead(200).end('{"another": "file"}');
    return true;
  });
  const { all, repo } = tokenizers(hub.url);
  const problems = await all.prepare(["it"]);
  expect(problems[0]?.message).toContain("arrived damaged");
  expect(readdirSync(join(repo, "blobs"))).toEqual([]);
});

test.each([
  { status: 401, code: "GatedRepo", kind: "auth", says: "HF_TOKEN is not set", fix: "Accept its licence" },
  { status: 403, code: undefined, kind: "auth", says: "gated or private", fix: "set HF_TOKEN" },
  { status: 401, code: "RepoNotFound", kind: "tokenizer", says: "knows no repo org/model", fix: "spelling" },
  {
    status: 404,
    code: "RevisionNotFound",
    kind: "tokenizer",
    says: 'no revision "main"',
    fix: "commit, tag or branch",
  },
  { status: 404, code: "EntryNotFound", kind: "tokenizer", says: "no tokenizer.json in org/model", fix: "repo" },
  { status: 418, code: undefined, kind: "tokenizer", says: "HTTP 418", fix: "later" },
])("HTTP $status $code is said and not repeated", async ({ status, code, kind, says, fix }) => {
  const hub = await startHub((_, response) => {
    response.writeHead(status, code === undefined ? {} : { "x-error-code": code }).end();
    return true;
  });
  const problems = await tokenizers(hub.url).all.prepare(["it"]);
  expect(problems).toMatchObject([
    { kind, where: "tokenizer it", message: expect.stringContaining(says), fix: expect.stringContaining(fix) },
  ]);
  expect(hub.asked).toHaveLength(1);
});

test("a server error is tried again", async () => {
  let failures = 0;
  const hub = await startHub((_, response) => {
    if (failures++ > 0) return false;
    response.writeHead(503).end();
    return true;
  });
  expect(await tokenizers(hub.url).all.prepare(["it"])).toEqual([]);
});

test("the token goes to the hub, not to the store behind it, and into no message", async () => {
  const store = await startHub();
  const hub = await startHub((request, response) => {
    if (request.url?.endsWith("/tokenizer.json") !== true) return false;
    const etag = sha256(TINY["tokenizer.json"] ?? "");
    const location = `${store.url}/store/tokenizer.json`;
    response.writeHead(302, { location, "x-repo-commit": COMMIT, "x-linked-etag": etag }).end();
    return true;
  });
  expect(await tokenizers(hub.url, { HF_TOKEN: "hf_secret" }).all.prepare(["it"])).toEqual([]);
  expect(hub.tokens).toEqual(["Bearer hf_secret", "Bearer hf_secret"]);
  expect(store.tokens).toEqual([undefined]);
  const closed = await startHub((_, response) => {
    response.writeHead(403).end();
    return true;
  });
  const problems = await tokenizers(closed.url, { HF_TOKEN: "hf_secret" }).all.prepare(["it"]);
  expect(JSON.stringify(problems)).not.toContain("hf_secret");
  expect(problems[0]?.message).toContain("HF_TOKEN does not open it");
});

test("no network is a problem that says what to do", async () => {
  const problems = await tokenizers("http://127.0.0.1:9").all.prepare(["it"]);
  expect(problems).toMatchObject([
    {
      kind: "tokenizer",
      message: expect.stringContaining("cannot be reached"),
      fix: expect.stringContaining("HF_ENDPOINT"),
    },
  ]);
});

test("offline by HF_HUB_OFFLINE asks nobody", async () => {
  const hub = await startHub();
  const problems = await tokenizers(hub.url, { HF_HUB_OFFLINE: "1" }).all.prepare(["it"]);
  expect(problems).toMatchObject([{ message: expect.stringContaining("HF_HUB_OFFLINE is set") }]);
  expect(hub.asked).toEqual([]);
});

test("a cache folder that is a file is a problem, not a crash", async () => {
  const hub = await startHub();
  const home = temporaryFolder();
  writeFileSync(join(home, "hub"), "");
  const problems = await tokenizers(hub.url, { HF_HOME: home }).all.prepare(["it"]);
  expect(problems).toMatchObject([{ kind: "io" }]);
});

test("a circle of redirects ends", async () => {
  const hub = await startHub((request, response) => {
    response.writeHead(302, { location: request.url ?? "/" }).end();
    return true;
  });
  const problems = await tokenizers(hub.url).all.prepare(["it"]);
  expect(problems).toMatchObject([{ message: expect.stringContaining("redirected more than") }]);
});
