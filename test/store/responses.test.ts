import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ResponseEntry } from "../../src/api/responses.ts";
import { type Digest, digestOf } from "../../src/graph/digest.ts";
import { responseTable } from "../../src/store/response-table.ts";
import { responseFiles } from "../../src/store/responses.ts";
import { newStore, reopen, requestIdOf, scratch, thrownBy } from "./project.ts";

const NAMESPACE = "simulator:7";

function entryOf(id: string, more: Partial<ResponseEntry> = {}): ResponseEntry {
  return {
    requestId: requestIdOf(id),
    blob: digestOf("blob"),
    offset: 0,
    length: 10,
    kind: "answer",
    jobId: "job",
    batchId: "batch_1",
    via: "batch",
    ...more,
  };
}

test("raw responses come back as they were received", async () => {
  const root = scratch();
  const store = newStore(root);
  const lines = ['{"id":"1","é":"ü"}', '{"id":"2"}', '{"id":"3","text":"日本"}'];
  const blob = await store.blobs.put(`${lines.join("\n")}\n`);
  let offset = 0;
  const entries = lines.map((line, index) => {
    const entry = entryOf(`${index}`, { blob: blob.digest, offset, length: Buffer.byteLength(line) });
    offset += entry.length + 1;
    return entry;
  });
  store.responses(NAMESPACE).add(entries);
  const index = reopen(root).responses(NAMESPACE);
  expect(index.size).toBe(3);
  expect(lines.map((_line, at) => index.readRaw(requestIdOf(`${at}`)))).toEqual(lines);
  expect([...index.entries()]).toEqual(entries);
  expect(index.lookup(requestIdOf("unknown"))).toBeUndefined();
  expect(index.readRaw(requestIdOf("unknown"))).toBeUndefined();
});

test("an answer whose blob was damaged is never handed out, and is said to be paid for", async () => {
  const root = scratch();
  const store = newStore(root);
  const raw = '{"id":"1","text":"a cake"}';
  const blob = await store.blobs.put(raw);
  store.responses(NAMESPACE).add([entryOf("1", { blob: blob.digest, length: Buffer.byteLength(raw) })]);
  const path = store.blobs.pathOf(blob.digest);
  chmodSync(path, 0o644);
  writeFileSync(path, raw.replace("cake", "bomb"));
  const again = reopen(root);
  const problem = thrownBy(() => again.responses(NAMESPACE).readRaw(requestIdOf("1")));
  expect(problem).toMatchObject({ problem: { kind: "corrupt", fix: expect.stringContaining("dsgen recover") } });
  expect(again.blobs.has(blob.digest)).toBe(false);
});

test("one namespace does not see another's responses", () => {
  const root = scratch();
  const store = newStore(root);
  store.responses("openai:api.openai.com").add([entryOf("a")]);
  expect(store.responses(NAMESPACE).lookup(requestIdOf("a"))).toBeUndefined();
  expect(reopen(root).responses("openai:api.openai.com").lookup(requestIdOf("a"))).toEqual(entryOf("a"));
});

test("the first answer stays; a refusal gives way to what comes after it", () => {
  const root = scratch();
  const index = newStore(root).responses(NAMESPACE);
  index.add([entryOf("a", { kind: "refusal", jobId: "1" }), entryOf("b", { jobId: "1" })]);
  index.add([entryOf("a", { jobId: "2" }), entryOf("b", { jobId: "2" })]);
  index.add([entryOf("a", { kind: "refusal", jobId: "3" }), entryOf("b", { kind: "refusal", jobId: "3" })]);
  for (const one of [index, reopen(root).responses(NAMESPACE)]) {
    expect(one.lookup(requestIdOf("a"))).toMatchObject({ kind: "answer", jobId: "2" });
    expect(one.lookup(requestIdOf("b"))).toMatchObject({ kind: "answer", jobId: "1" });
    expect(one.size).toBe(2);
  }
});

test("a refusal of either kind gives way to a later one and to an answer, on disk and in memory, also one by one", () => {
  const root = scratch();
  const coming = [
    entryOf("a", { kind: "liftable", offset: 1 }),
    entryOf("a", { kind: "refusal", offset: 2 }),
    entryOf("a", { kind: "liftable", offset: 3, via: "import", batchId: null }),
    entryOf("a", { kind: "answer", offset: 4, via: "direct", batchId: null }),
  ];
  const index = newStore(root).responses(NAMESPACE);
  for (const entry of coming) {
    index.add([entry]);
    for (const one of [index, reopen(root).responses(NAMESPACE)]) expect(one.lookup(requestIdOf("a"))).toEqual(entry);
  }
  for (const entry of coming) index.add([entry]);
  const answered = coming.at(-1);
  for (const one of [index, reopen(root).responses(NAMESPACE)]) expect([...one.entries()]).toEqual([answered]);
});

test("an answer wins over the refusal that came with it, and one that a crash left before it", () => {
  const root = scratch();
  const store = newStore(root);
  const index = store.responses(NAMESPACE);
  index.add([entryOf("a", { kind: "liftable" }), entryOf("a", { offset: 7 })]);
  expect(reopen(root).responses(NAMESPACE).lookup(requestIdOf("a"))).toMatchObject({ kind: "answer", offset: 7 });
  index.add([entryOf("b", { kind: "liftable" })]);
  index.add([entryOf("b", { offset: 9, jobId: "other" })]);
  // The crash: the last line was being written.
  const [path = ""] = responseFiles(store.paths);
  writeFileSync(path, readFileSync(path, "utf8").slice(0, -5));
  const after = reopen(root).responses(NAMESPACE);
  expect(after.lookup(requestIdOf("b"))).toMatchObject({ kind: "liftable" });
  after.add([entryOf("b", { offset: 9, jobId: "other" })]);
  expect(reopen(root).responses(NAMESPACE).lookup(requestIdOf("b"))).toMatchObject({ kind: "answer", offset: 9 });
});

test("adding what is known writes nothing", () => {
  const root = scratch();
  const store = newStore(root);
  store.responses(NAMESPACE).add([entryOf("a")]);
  const [path] = responseFiles(store.paths);
  const before = readFileSync(path ?? "", "utf8");
  store.responses(NAMESPACE).add([entryOf("a", { jobId: "other" })]);
  reopen(root)
    .responses(NAMESPACE)
    .add([entryOf("a")]);
  expect(readFileSync(path ?? "", "utf8")).toBe(before);
});

test("rewriting replaces everything", () => {
  const root = scratch();
  const index = newStore(root).responses(NAMESPACE);
  index.add([entryOf("a"), entryOf("b")]);
  index.rewrite([entryOf("b", { via: "import", batchId: null }), entryOf("c")]);
  for (const one of [index, reopen(root).responses(NAMESPACE)]) {
    expect(one.size).toBe(2);
    expect(one.lookup(requestIdOf("a"))).toBeUndefined();
    expect(one.lookup(requestIdOf("b"))).toMatchObject({ via: "import", batchId: null });
  }
  index.add([entryOf("d")]);
  expect(reopen(root).responses(NAMESPACE).size).toBe(3);
});

test("an entry that is none is a bug and throws before anything is written", () => {
  const store = newStore(scratch());
  const index = store.responses(NAMESPACE);
  expect(thrownBy(() => index.add([entryOf("a"), entryOf("b", { offset: -1 })]))).toBeInstanceOf(Error);
  expect(thrownBy(() => index.add([entryOf("a", { blob: "zz" as Digest })]))).toBeInstanceOf(Error);
  expect(responseFiles(store.paths)).toEqual([]);
});

test("damage costs the rows of one line, and the next add loses none", () => {
  const root = scratch();
  const store = newStore(root);
  const groups = ["a", "b", "c"].map((job) => [entryOf(`${job}1`, { jobId: job }), entryOf(`${job}2`, { jobId: job })]);
  for (const group of groups) store.responses(NAMESPACE).add(group);
  const [path = ""] = responseFiles(store.paths);
  const good = readFileSync(path);
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (where, flip) => {
      const bytes = Buffer.from(good);
      bytes[where % bytes.length] = (bytes[where % bytes.length] ?? 0) ^ flip;
      writeFileSync(path, bytes);
      const index = reopen(root).responses(NAMESPACE);
      expect(index.size).toBeGreaterThanOrEqual(4);
      const known = [...index.entries()];
      for (const entry of known) expect(groups.flat()).toContainEqual(entry);
      index.add([entryOf("new")]);
      const after = reopen(root).responses(NAMESPACE);
      for (const entry of [...known, entryOf("new")]) expect(after.lookup(entry.requestId)).toEqual(entry);
    }),
    { numRuns: 100 },
  );
});

test("the table agrees with a Map", () => {
  const id = fc.nat({ max: 40 }).map((number) => `${number}`);
  const entry = fc
    .record({
      id,
      kind: fc.constantFrom("answer" as const, "refusal" as const, "liftable" as const),
      via: fc.constantFrom("batch" as const, "direct" as const, "import" as const),
      offset: fc.nat({ max: 2 ** 40 }),
      length: fc.nat({ max: 2 ** 31 }),
      job: fc.constantFrom("j1", "j2"),
      batch: fc.constantFrom(null, "b1", "b2"),
      blob: fc.constantFrom("x", "y"),
    })
    .map((made) =>
      entryOf(made.id, {
        kind: made.kind,
        via: made.via,
        offset: made.offset,
        length: made.length,
        jobId: made.job,
        batchId: made.batch,
        blob: digestOf(made.blob),
      }),
    );
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 100 }), (entries) => {
      const table = responseTable();
      const model = new Map<string, ResponseEntry>();
      for (const one of entries) {
        const before = model.get(one.requestId);
        const same = before?.kind === one.kind && before.blob === one.blob && before.offset === one.offset;
        const takes = before?.kind !== "answer" && !same;
        expect(table.add(one)).toBe(takes);
        if (takes) model.set(one.requestId, one);
      }
      expect(table.size).toBe(model.size);
      expect([...table.entries()]).toEqual([...model.values()]);
      for (const one of entries) expect(table.get(one.requestId)).toEqual(model.get(one.requestId));
    }),
    { numRuns: 100 },
  );
});

test("many entries: found again after growing and after reading back", () => {
  const root = scratch();
  const index = newStore(root).responses(NAMESPACE);
  const entries = Array.from({ length: 20_000 }, (_value, at) => entryOf(`r${at}`, { offset: at * 100, length: 99 }));
  index.add(entries);
  const next = reopen(root).responses(NAMESPACE);
  expect(next.size).toBe(20_000);
  for (let at = 0; at < 20_000; at += 97) {
    expect(next.lookup(requestIdOf(`r${at}`))).toEqual(entries[at]);
  }
});
