import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ResponseEntry } from "../../src/api/responses.ts";
import { answerSink } from "../../src/cli/remote-caches.ts";
import { type Digest, digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { canonicalJson, type JsonObject } from "../../src/graph/json.ts";
import { blobName } from "../../src/remote/checked.ts";
import { type Pulled, pullAnswers } from "../../src/remote/pull-answers.ts";
import { pushAnswers, SharedBefore } from "../../src/remote/push-answers.ts";
import { openRecord, sealRecord } from "../../src/remote/record.ts";
import type { Remote } from "../../src/remote/remote.ts";
import { recordName, recordsFolder } from "../../src/remote/response-record.ts";
import { newWriterKey, type Writer, writerFolder, writerOf } from "../../src/remote/writer.ts";
import { initialiseStore } from "../../src/store/layout.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { memoryRemote } from "./support/memory.ts";

/*
 * Whoever can write to a shared cache, and has no trusted key, tries to have an answer believed. All that it can do is to hold
 * answers back.
 */

const NAMESPACE = "openai:api.openai.com:-:-";
const PROJECT = "attacked";
const signal = new AbortController().signal;

const folders: string[] = [];
let files: Map<string, Uint8Array>;
let writer: Writer;
let theirs: Store;

/** The cache of the test. */
let remote: Remote;

function newStore(): Store {
  const root = mkdtempSync(join(tmpdir(), "dsgen-records-"));
  folders.push(root);
  const cacheDir = join(root, ".dsgen-cache");
  initialiseStore(cacheDir);
  const store = openStore({ cacheDir, projectRoot: root, writable: true });
  if (!store.ok) throw new Error(store.error.message);
  return store.value;
}

function newWriter(): Writer {
  const made = writerOf(newWriterKey());
  if (made === undefined) throw new Error("no key");
  return made;
}

const idOf = (n: number) => fingerprintOf(`request ${n}`);
function lineOf(n: number, mark = "fp_1"): string {
  const message = { role: "assistant", content: `answer ${n}` };
  const usage = { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 };
  const body = {
    model: "gpt-4o",
    system_fingerprint: mark,
    choices: [{ index: 0, message, finish_reason: "stop" }],
    usage,
  };
  return JSON.stringify({
    id: `r${n}`,
    custom_id: `tiny-${idOf(n)}`,
    response: { status_code: 200, request_id: "q", body },
    error: null,
  });
}

/** Stores the answers to requests 0 to `count` in one file. */
async function answer(store: Store, count: number, mark?: string): Promise<Digest> {
  const lines = Array.from({ length: count }, (_, n) => lineOf(n, mark));
  const { digest } = await store.blobs.put(`${lines.join("\n")}\n`);
  let offset = 0;
  const entries = lines.map((line, n): ResponseEntry => {
    const at = { requestId: idOf(n), blob: digest, offset, length: Buffer.byteLength(line) };
    offset += at.length + 1;
    return { ...at, kind: "answer", jobId: "job", batchId: "batch_1", via: "batch" };
  });
  store.responses(NAMESPACE).add(entries);
  return digest;
}

async function pull(
  store = newStore(),
  trust = [writer.word],
  again = false,
): Promise<{ pulled: Pulled; failed: boolean; store: Store }> {
  const done = await pullAnswers({ remote, project: PROJECT, trust, again }, answerSink(store), signal);
  return { pulled: done.ok ? done.value : done.error.pulled, failed: !done.ok, store };
}

const recordNames = () => [...files.keys()].filter((name) => name.startsWith("v1/responses/"));

/** The only record there is, as JSON, taken out of the cache. */
function takeRecord(): JsonObject & { readonly body: JsonObject } {
  const [name = ""] = recordNames();
  const record = JSON.parse(Buffer.from(files.get(name) ?? []).toString());
  files.delete(name);
  return record;
}

/** Puts a record where a trusted writer's would be, under the name that its content has. */
function plant(record: JsonObject, project = PROJECT): void {
  const bytes = Buffer.from(canonicalJson(record));
  files.set(recordName(project, writer.word, bytes), bytes);
}

async function expectNothingBelieved(why: keyof Pulled["ignored"]): Promise<void> {
  const { pulled, store } = await pull();
  expect(pulled).toMatchObject({ answers: 0, bytes: expect.any(Number) });
  expect(pulled.ignored[why]).toBe(1);
  expect([...store.responses(NAMESPACE).entries()]).toEqual([]);
  expect(store.journal.records()).toEqual([]);
}

beforeEach(async () => {
  files = new Map();
  remote = memoryRemote(files);
  writer = newWriter();
  theirs = newStore();
  await answer(theirs, 3);
  const pushed = await pushAnswers(theirs, { remote, project: PROJECT, writer }, signal);
  expect(pushed).toMatchObject({ ok: true, value: { answers: 3, simulated: 0 } });
});

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe("what a trusted writer shares", () => {
  it("is taken in as it was received, once, and as paid for elsewhere", async () => {
    const { pulled, store } = await pull();
    expect(pulled).toMatchObject({
      answers: 3,
      known: 0,
      ignored: { untrusted: 0, damaged: 0, version: 0, foreign: 0 },
    });
    for (const n of [0, 1, 2]) expect(store.responses(NAMESPACE).readRaw(idOf(n))).toBe(lineOf(n));
    const bought = store.journal.records().filter(({ t }) => t === "bought");
    expect(bought).toMatchObject([{ via: "import", namespace: NAMESPACE, answers: 3 }]);
    expect((await pull(store)).pulled).toMatchObject({ answers: 0, known: 0, bytes: 0 });
    expect((await pull(store, [writer.word], true)).pulled).toMatchObject({ answers: 0, known: 3, bytes: 0 });
  });

  it("makes the same records again", async () => {
    const before = [...files.keys()].sort();
    await pushAnswers(theirs, { remote, project: PROJECT, writer }, signal);
    expect([...files.keys()].sort()).toEqual(before);
  });

  it("is not its made-up answers, whatever address they came from", async () => {
    const store = newStore();
    await answer(store, 2, "fp_simulated");
    files.clear();
    const pushed = await pushAnswers(store, { remote, project: PROJECT, writer }, signal);
    expect([pushed, files.size]).toMatchObject([{ ok: true, value: { answers: 0, simulated: 2 } }, 0]);
  });

  it("goes in few files where it was asked one by one, and only what is new goes in another", async () => {
    const store = newStore();
    const ask = async (from: number, to: number) => {
      for (let n = from; n < to; n++) {
        const { digest: blob, size: length } = await store.blobs.put(lineOf(n));
        const at = { requestId: idOf(n), blob, offset: 0, length, kind: "answer", jobId: "direct" } as const;
        store.responses(NAMESPACE).add([{ ...at, batchId: null, via: "direct" }]);
      }
    };
    const push = () => pushAnswers(store, { remote, project: PROJECT, writer }, signal);
    files.clear();
    await ask(0, 20);
    expect([await push(), files.size]).toMatchObject([{ ok: true, value: { answers: 20 } }, 2]);
    await ask(20, 30);
    expect([await push(), files.size]).toMatchObject([{ ok: true, value: { answers: 30 } }, 4]);
    expect([await push(), files.size]).toMatchObject([{ ok: true, value: { answers: 30, bytes: 0 } }, 4]);
    const { pulled, store: taken } = await pull();
    expect(pulled.answers).toBe(30);
    for (let n = 0; n < 30; n++) expect(taken.responses(NAMESPACE).readRaw(idOf(n))).toBe(lineOf(n));
    expect(taken.responses(NAMESPACE).lookup(idOf(7))).toMatchObject({ via: "direct", jobId: "direct", batchId: null });
  });

  it("is shared again where its file is gone from the cache", async () => {
    for (const name of files.keys()) if (name.startsWith("v1/cas/")) files.delete(name);
    const pushed = await pushAnswers(theirs, { remote, project: PROJECT, writer }, signal);
    expect(pushed).toMatchObject({ ok: true, value: { answers: 3, bytes: expect.any(Number) } });
    expect((await pull()).pulled.answers).toBe(3);
  });

  it("is read once by who shares again and again, and what was read stays read where the time was up", async () => {
    const read: string[] = [];
    const ended = new AbortController();
    const counting: Remote = {
      ...remote,
      get: (name, stop) => {
        read.push(name);
        if (read.length === 10) ended.abort();
        return remote.get(name, stop);
      },
    };
    for (let n = 0; n < 30; n++) {
      const { digest: blob } = await theirs.blobs.put(lineOf(100 + n));
      const at = { requestId: idOf(100 + n), blob, offset: 0, length: lineOf(100 + n).length, kind: "answer" } as const;
      theirs.responses(NAMESPACE).add([{ ...at, jobId: `job${n}`, batchId: `batch_${n}`, via: "batch" }]);
      await pushAnswers(theirs, { remote, project: PROJECT, writer }, signal);
    }
    const before = new SharedBefore();
    const share = (within = signal) =>
      pushAnswers(theirs, { remote: counting, project: PROJECT, writer }, within, undefined, before);
    expect(await share(ended.signal)).toMatchObject({ ok: false });
    expect(await share()).toMatchObject({ ok: true, value: { answers: 33, bytes: 0 } });
    expect([...read].sort()).toEqual(recordNames().sort());
    await answer(theirs, 40);
    expect(await share()).toMatchObject({ ok: true, value: { answers: 70 } });
    expect(await share()).toMatchObject({ ok: true, value: { answers: 70, bytes: 0 } });
    expect(read).toHaveLength(31);
  });

  it("is told of, and not taken, to one who only looks; nothing is where its content is not there", async () => {
    const looker = () => ({ ...answerSink(newStore()), writable: false });
    const look = () => pullAnswers({ remote, project: PROJECT, trust: [writer.word], again: false }, looker(), signal);
    expect(await look()).toMatchObject({ ok: true, value: { answers: 3, bytes: 0 } });
    for (const name of files.keys()) if (name.startsWith("v1/cas/")) files.delete(name);
    expect(await look()).toMatchObject({ ok: true, value: { answers: 0 } });
  });

  it("is waited for where its content is not seen yet", async () => {
    const [name = ""] = [...files.keys()].filter((one) => one.startsWith("v1/cas/"));
    const content = files.get(name) ?? Buffer.of();
    files.delete(name);
    const { pulled, store } = await pull();
    expect(pulled.answers).toBe(0);
    files.set(name, content);
    expect((await pull(store)).pulled.answers).toBe(3);
  });
});

describe("an attack is in vain that", () => {
  it("changes who answers what, under the old signature", async () => {
    const record = takeRecord();
    const rows = record.body["rows"];
    if (!Array.isArray(rows)) throw new Error("no rows");
    plant({ ...record, body: { ...record.body, rows: [idOf(9), ...rows.slice(1)] } });
    await expectNothingBelieved("damaged");
  });

  it("signs with a key of its own, in a trusted writer's folder", async () => {
    const { body } = takeRecord();
    plant(JSON.parse(Buffer.from(sealRecord("responses", body, newWriter())).toString()));
    await expectNothingBelieved("untrusted");
  });

  it("signs with a key of its own and a trusted writer's name", async () => {
    const { body } = takeRecord();
    const own = newWriter();
    plant(JSON.parse(Buffer.from(sealRecord("responses", body, { word: writer.word, sign: own.sign })).toString()));
    await expectNothingBelieved("damaged");
  });

  it("puts a record under another record's name", async () => {
    const [name = ""] = recordNames();
    const content = files.get(name) ?? Buffer.of();
    files.delete(name);
    files.set(`${recordsFolder(PROJECT)}/${writerFolder(writer.word)}/${digestOf("another")}.json`, content);
    await expectNothingBelieved("damaged");
  });

  it("replays a record of another project", async () => {
    files.clear();
    await pushAnswers(theirs, { remote, project: "other", writer }, signal);
    plant(takeRecord());
    await expectNothingBelieved("foreign");
  });

  it("makes one kind of record pass for another, or one version for another", async () => {
    const record = takeRecord();
    const asKind = JSON.parse(Buffer.from(sealRecord("actions", record.body, writer)).toString());
    plant({ ...asKind, kind: "responses" });
    await expectNothingBelieved("damaged");
    for (const v of [0, 2, "1", null]) {
      for (const name of recordNames()) files.delete(name);
      plant({ ...record, v });
      await expectNothingBelieved("version");
    }
  });

  it("exchanges the content of a stored file", async () => {
    const [name = ""] = [...files.keys()].filter((one) => one.startsWith("v1/cas/"));
    files.set(name, Buffer.from(`${lineOf(0).replace("answer 0", "answer X")}\n`));
    const { failed, pulled, store } = await pull();
    expect([failed, pulled.answers]).toEqual([true, 0]);
    expect([...store.responses(NAMESPACE).entries()]).toEqual([]);
  });

  it("flips any bit of a record", () => {
    const [name = ""] = recordNames();
    const whole = files.get(name) ?? Buffer.of();
    const said = openRecord(whole, "responses", [writer.word]);
    expect(said.ok).toBe(true);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Uint8Array.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const opened = openRecord(bytes, "responses", [writer.word]);
      // White space between members is no part of what a record says.
      if (opened.ok) expect([bit, opened]).toEqual([bit, said]);
    }
  });
});

describe("even a trusted writer's word", () => {
  const signed = (body: JsonObject) => {
    for (const name of recordNames()) files.delete(name);
    plant(JSON.parse(Buffer.from(sealRecord("responses", body, writer)).toString()));
  };

  it("counts for nothing when the key is taken off the list", async () => {
    const { pulled } = await pull(newStore(), [newWriter().word]);
    expect(pulled).toMatchObject({ answers: 0, ignored: { untrusted: 1 } });
  });

  it("does not make a line the answer to a request that it says it is not", async () => {
    const { body } = takeRecord();
    const rows = body["rows"];
    if (!Array.isArray(rows)) throw new Error("no rows");
    signed({ ...body, rows: [idOf(1), ...rows.slice(1, 3), idOf(0), ...rows.slice(4)] });
    await expectNothingBelieved("damaged");
  });

  it("does not make something an answer that is none", async () => {
    const { body } = takeRecord();
    for (const rows of [
      [idOf(0), 0, 5],
      [idOf(0), 900_000, 5],
      [idOf(0), 3, 80],
    ]) {
      signed({ ...body, rows });
      await expectNothingBelieved("damaged");
    }
    for (const wrong of [
      { rows: [idOf(0), -1, 5] },
      { rows: ["x", 0, 5] },
      { rows: [idOf(0)] },
      { blob: "../../etc" },
      { via: "chance" },
    ]) {
      signed({ ...body, ...wrong });
      await expectNothingBelieved("foreign");
    }
  });

  it("does not make made-up answers real ones", async () => {
    const { body } = takeRecord();
    signed({ ...body, namespace: "simulator:1" });
    await expectNothingBelieved("foreign");
    const line = lineOf(0, "fp_simulated");
    const blob = digestOf(line);
    files.set(blobName(blob), Buffer.from(line));
    signed({ ...body, blob, rows: [idOf(0), 0, Buffer.byteLength(line)] });
    await expectNothingBelieved("damaged");
  });
});
