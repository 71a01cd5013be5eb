import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../src/graph/digest.ts";
import { blobName, getBlob, putBlob, removing, whileRemoving } from "../../src/remote/checked.ts";
import { folderRemote } from "../../src/remote/folder.ts";
import { httpRemote } from "../../src/remote/http.ts";
import { patient } from "../../src/remote/patient.ts";
import type { Remote } from "../../src/remote/remote.ts";
import { s3Remote } from "../../src/remote/s3.ts";
import { FAULTS, type Trouble, troubled, troubledFolder } from "./support/faults.ts";
import { hasNginx, hasS3, type Installed, startNginx, startS3 } from "./support/installed.ts";
import { AWS_TEST, type Served, serveFiles, serveS3, TOKEN } from "./support/servers.ts";

/*
 * One suite for every kind of shared cache, and for what goes wrong in front of each. The small servers need nothing but Node;
 * what is left out for want of a server is named as skipped.
 */

interface Backend {
  /** The cache itself, and the same behind what may go wrong. */
  readonly direct: Remote;
  readonly behind: Remote;
  /** Whether of several puts at once exactly one is made. */
  readonly exclusive: boolean;
  close(): Promise<void>;
}

type Credentials = Parameters<typeof s3Remote>[0]["credentials"];
const s3At = (endpoint: string, credentials: Credentials) =>
  s3Remote(
    { endpoint, credentials, region: "eu-central-1", bucket: "bucket", prefix: "some/where/", pathStyle: true },
    "s3://bucket",
  );

async function web(
  server: Served | Installed,
  open: (url: string) => Remote,
  trouble: Trouble,
  exclusive: boolean,
): Promise<Backend> {
  const proxy = await troubled(server.url, trouble);
  return {
    direct: open(server.url),
    behind: open(proxy.url),
    exclusive,
    async close() {
      await proxy.close();
      await server.close();
    },
  };
}

const KINDS: readonly { name: string; there: boolean; open(trouble: Trouble): Promise<Backend> }[] = [
  {
    name: "a folder",
    there: true,
    async open(trouble) {
      const root = mkdtempSync(join(tmpdir(), "dsgen-remote-"));
      const direct = folderRemote(root);
      const close = () => Promise.resolve(rmSync(root, { recursive: true, force: true }));
      return { direct, behind: troubledFolder(direct, trouble), exclusive: true, close };
    },
  },
  {
    name: "a small HTTP server",
    there: true,
    open: async (trouble) =>
      web(await serveFiles(), (url) => httpRemote(`${url}/base/`, `Bearer ${TOKEN}`), trouble, true),
  },
  {
    name: "nginx with DAV",
    there: hasNginx,
    open: async (trouble) => web(await startNginx(), (url) => httpRemote(url, undefined), trouble, false),
  },
  {
    name: "a small S3 server",
    there: true,
    open: async (trouble) => web(await serveS3(), (url) => s3At(url, AWS_TEST), trouble, true),
  },
  {
    name: "a real S3 server",
    there: hasS3,
    async open(trouble) {
      const server = await startS3();
      return web(server, (url) => s3At(url, server.credentials), trouble, true);
    },
  },
];

const signal = new AbortController().signal;
let number = 0;
const text = () => Buffer.from(`content ${number++} ${"x".repeat(3000)}`);

describe.each(KINDS)("$name", ({ there, open }) => {
  if (!there) {
    it.skip("is left out: it is not installed", () => undefined);
    return;
  }
  const trouble: Trouble = { fault: undefined, left: 0 };
  let backend: Backend;
  let slept: number[] = [];
  const clock = { sleep: (ms: number) => Promise.resolve(void slept.push(ms)) };
  const remote = () => patient(backend.behind, { timeoutMs: 2000, clock });
  const strike = (fault: Trouble["fault"], left: number) => Object.assign(trouble, { fault, left });
  beforeAll(async () => {
    backend = await open(trouble);
  });
  afterEach(() => {
    strike(undefined, 0);
    slept = [];
  });
  afterAll(() => backend.close());

  it("tells sizes and ages, and takes away what it is told to, once", async () => {
    const bytes = text();
    const [name, other] = [blobName(digestOf(bytes)), blobName(digestOf("other"))];
    const before = Date.now();
    await remote().putIfAbsent(name, bytes, signal);
    await remote().putIfAbsent(other, Buffer.from("other"), signal);
    const entries = await remote().entries("v1/cas", signal);
    const found = entries.ok ? entries.value.find((entry) => entry.name === name) : undefined;
    expect(found).toMatchObject({ name, bytes: bytes.length });
    expect(Math.abs((found?.writtenAt ?? 0) - before)).toBeLessThan(60_000);
    expect(await remote().remove(name, signal)).toEqual({ ok: true, value: true });
    expect(await remote().has(name, signal)).toEqual({ ok: true, value: false });
    expect(await remote().remove(name, signal)).toMatchObject({ ok: true });
    expect(await remote().has(other, signal)).toEqual({ ok: true, value: true });
    await remote().remove(other, signal);
  });

  it("tells who pushes that files are being removed, while they are, and no longer", async () => {
    const told: (string | undefined)[] = [];
    const look = async (now?: number) => told.push((await whileRemoving(remote(), signal, now))?.kind);
    await look();
    const failure = await removing(remote(), signal, async () => {
      await look();
      await look(Date.now() + 7_200_000);
      return undefined;
    });
    await look();
    expect([failure, told]).toEqual([undefined, [undefined, "busy", undefined, undefined]]);
  });

  it("says of itself whether two that put one name at once are kept apart", async () => {
    for (let again = 0; again < 2; again++)
      expect(await remote().excludes(signal)).toEqual({ ok: true, value: backend.exclusive });
  });

  it("has nothing that was not put", async () => {
    const name = blobName(digestOf("nothing"));
    expect(await backend.direct.has(name, signal)).toEqual({ ok: true, value: false });
    expect(await backend.direct.get(name, signal)).toEqual({ ok: true, value: undefined });
    expect(await backend.direct.list("v1/nothing", signal)).toEqual({ ok: true, value: [] });
  });

  it.each([0, 1, 70_000, 3_000_000])("keeps %i bytes as they are", async (size) => {
    const bytes = Buffer.alloc(size, "\u0000a\r\n\u00ff");
    expect(await putBlob(backend.direct, digestOf(bytes), bytes, signal)).toEqual({ ok: true, value: size });
    const got = await getBlob(backend.direct, digestOf(bytes), signal);
    expect(got.ok && Buffer.from(got.value ?? []).equals(bytes)).toBe(true);
    expect(await putBlob(backend.direct, digestOf(bytes), bytes, signal)).toEqual({ ok: true, value: 0 });
  });

  it("overwrites nothing", async () => {
    expect(await backend.direct.putIfAbsent("v1/once", Buffer.from("first"), signal)).toEqual({
      ok: true,
      value: "put",
    });
    const second = await backend.direct.putIfAbsent("v1/once", Buffer.from("second"), signal);
    expect(second).toEqual({ ok: true, value: "there" });
    const got = await backend.direct.get("v1/once", signal);
    expect(got.ok && Buffer.from(got.value ?? []).toString()).toBe("first");
  });

  it("lets one of eight at once win, where it says so, and all of its content is there", async () => {
    const each = Array.from({ length: 8 }, (_, i) => Buffer.from(`${i}`.repeat(5000)));
    const puts = await Promise.all(each.map((bytes) => backend.direct.putIfAbsent("v1/race", bytes, signal)));
    const won = puts.flatMap((put, i) => (put.ok && put.value === "put" ? [i] : []));
    const got = await backend.direct.get("v1/race", signal);
    const content = got.ok ? Buffer.from(got.value ?? []) : Buffer.of();
    expect(each.some((bytes) => bytes.equals(content))).toBe(true);
    if (backend.exclusive) expect([won.length, content.toString()[0]]).toEqual([1, String(won[0])]);
  });

  it("lists every name below a folder, in pages or not, and no other", async () => {
    const names = ["a", "b/c", "b/d", "e.json", "f-1", "f/g/h"].map((name) => `v1/listed/${name}`);
    for (const name of [...names, "v1/listed-not/a"]) await backend.direct.putIfAbsent(name, text(), signal);
    expect(await backend.direct.list("v1/listed", signal)).toEqual({ ok: true, value: names });
  });

  it("gives no content under a name that is not its own", async () => {
    const digest = digestOf("what was meant");
    await backend.direct.putIfAbsent(blobName(digest), Buffer.from("what is there"), signal);
    expect(await getBlob(backend.direct, digest, signal)).toMatchObject({ ok: false, error: { kind: "odd" } });
    await expect(putBlob(backend.direct, digest, Buffer.from("else"), signal)).rejects.toThrow("not the content");
  });

  describe.each(FAULTS)("with a fault in front: %s", (fault) => {
    it("once, does what it was asked", async () => {
      const bytes = text();
      const digest = digestOf(bytes);
      strike(fault, 1);
      expect(await putBlob(remote(), digest, bytes, signal)).toMatchObject({ ok: true });
      expect(await getBlob(remote(), digest, signal)).toMatchObject({ ok: true, value: expect.anything() });
      const listed = await remote().list("v1/cas", signal);
      const again = await remote().list("v1/cas", signal);
      expect([listed.ok, again.ok && again.value.includes(blobName(digest))]).toEqual([true, true]);
      expect(trouble.left).toBe(0);
      const got = await backend.direct.get(blobName(digest), signal);
      expect(got.ok && Buffer.from(got.value ?? []).equals(bytes)).toBe(true);
      if (fault === "503") expect(slept).toEqual([2000]);
    });

    it("always, ends with a failure and nothing half done", async () => {
      const bytes = text();
      const digest = digestOf(bytes);
      const patience = patient(backend.behind, { timeoutMs: fault === "slow" ? 60 : 2000, clock });
      strike(fault, 1000);
      const put = await putBlob(patience, digest, bytes, signal);
      const got = await getBlob(patience, digest, signal);
      const asked = 1000 - trouble.left;
      expect(asked).toBeLessThanOrEqual(12);
      strike(undefined, 0);
      const stored = await backend.direct.get(blobName(digest), signal);
      const content = stored.ok && stored.value !== undefined ? Buffer.from(stored.value) : undefined;
      expect(content === undefined || content.equals(bytes)).toBe(true);
      // What is not said to have failed is there; what is said to be there is whole.
      if (put.ok) expect(content?.equals(bytes)).toBe(true);
      if (got.ok) expect(Buffer.from(got.value ?? []).equals(content ?? Buffer.of())).toBe(true);
      const striking = {
        torn: !got.ok,
        "500": !put.ok,
        "503": !put.ok,
        "lost-put": put.ok,
        "stale-list": put.ok,
        slow: !put.ok,
        gone: !put.ok,
      };
      expect(striking[fault]).toBe(true);
      if (!put.ok && fault === "slow") expect(put.error.kind).toBe("slow");
    });
  });

  it("ends at once when it is told to", async () => {
    const stop = new AbortController();
    strike("slow", 1000);
    const put = remote().putIfAbsent("v1/stopped", text(), stop.signal);
    stop.abort();
    expect(await put).toMatchObject({ ok: false });
    expect(1000 - trouble.left).toBeLessThanOrEqual(1);
  });
});

describe("credentials", () => {
  it("that are wrong are said to be, and are in no message", async () => {
    const files = await serveFiles();
    const s3 = await serveS3();
    const wrong = [
      httpRemote(files.url, "Bearer wrong-secret"),
      s3At(s3.url, { ...AWS_TEST, secretAccessKey: "wrong-secret" }),
      s3At(s3.url, { ...AWS_TEST, sessionToken: "wrong-secret" }),
      s3At(s3.url, undefined),
    ];
    for (const remote of wrong) {
      const reply = await remote.list("v1", signal);
      expect(reply).toMatchObject({ ok: false, error: { kind: "denied" } });
      expect(JSON.stringify(reply)).not.toContain("wrong-secret");
    }
    await files.close();
    await s3.close();
  });
});
