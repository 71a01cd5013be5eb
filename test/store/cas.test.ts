import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Digest, digestOf } from "../../src/graph/digest.ts";
import { ProblemError } from "../../src/graph/problem.ts";
import type { Store } from "../../src/store/store.ts";
import { errorIn, newStore, reopen, scratch, thrownBy, valueIn } from "./project.ts";

function filesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }).sort() : [];
}

/** Changes a blob as a bad disk does: behind the store's back. */
function damage(store: Store, digest: Digest, content: string | Buffer): void {
  chmodSync(store.blobs.pathOf(digest), 0o644);
  writeFileSync(store.blobs.pathOf(digest), content);
}

test("put: content by digest, read-only, once", async () => {
  const root = scratch();
  const store = newStore(root);
  const blob = await store.blobs.put("hello");
  expect(blob).toEqual({ digest: createHash("sha256").update("hello").digest("hex"), size: 5 });
  expect(store.blobs.has(blob.digest)).toBe(true);
  expect(store.blobs.pathOf(blob.digest)).toBe(join(store.paths.cas, blob.digest.slice(0, 2), blob.digest));
  expect(statSync(store.blobs.pathOf(blob.digest)).mode & 0o777).toBe(0o444);
  const inode = statSync(store.blobs.pathOf(blob.digest)).ino;
  await store.blobs.put(Buffer.from("hello"));
  expect(statSync(store.blobs.pathOf(blob.digest)).ino).toBe(inode);
  expect(filesIn(store.paths.tmp)).toEqual([]);
  expect(Buffer.from(valueIn(await reopen(root).blobs.read(blob.digest))).toString()).toBe("hello");
});

test("adopt takes the staged file over; many at once, equal ones too", async () => {
  const store = newStore(scratch());
  const staged = Array.from({ length: 40 }, (_value, index) => {
    const path = join(store.paths.tmp, `staged-${index}`);
    writeFileSync(path, `content ${index % 7}`);
    return path;
  });
  const blobs = await Promise.all(staged.map((path) => store.blobs.adopt(path)));
  for (const [index, blob] of blobs.entries()) expect(blob.digest).toBe(digestOf(`content ${index % 7}`));
  expect(filesIn(store.paths.tmp)).toEqual([]);
  expect(filesIn(store.paths.quarantine)).toEqual([]);
  expect(filesIn(store.paths.cas).filter((name) => name.length > 60)).toHaveLength(7);
});

test("adopt reaches over file systems", async () => {
  const memory = "/dev/shm";
  if (!existsSync(memory)) return;
  const store = newStore(scratch());
  const staged = join(memory, `dsgen-test-${randomBytes(6).toString("hex")}`);
  writeFileSync(staged, "from elsewhere");
  const blob = await store.blobs.adopt(staged);
  expect(readFileSync(store.blobs.pathOf(blob.digest), "utf8")).toBe("from elsewhere");
  expect(existsSync(staged)).toBe(false);
});

test("adopt of what is no file is a problem, not a stack trace", async () => {
  const store = newStore(scratch());
  await expect(store.blobs.adopt(join(store.paths.tmp, "nothing"))).rejects.toBeInstanceOf(ProblemError);
  mkdirSync(join(store.paths.tmp, "folder"));
  await expect(store.blobs.adopt(join(store.paths.tmp, "folder"))).rejects.toBeInstanceOf(ProblemError);
});

test("a good copy takes the place of a damaged blob, whether its size shows it or not", async () => {
  for (const bad of ["HELLO", "hell"]) {
    const store = newStore(scratch());
    const { digest } = await store.blobs.put("hello");
    damage(store, digest, bad);
    await store.blobs.put("hello");
    expect(readFileSync(store.blobs.pathOf(digest), "utf8")).toBe("hello");
    const [kept] = filesIn(store.paths.quarantine);
    expect(readFileSync(join(store.paths.quarantine, kept ?? ""), "utf8")).toBe(bad);
  }
});

test("restore: over what was there, with its folders, writable, and nothing left beside it", async () => {
  const root = scratch();
  const store = newStore(root);
  for (const content of ["", "small", randomBytes(3 * (1 << 20) + 17)]) {
    const blob = await store.blobs.put(content);
    const destination = join(root, "a", "b", "out.jsonl");
    mkdirSync(join(root, "a", "b"), { recursive: true });
    writeFileSync(destination, "old", { mode: 0o444 });
    expect(valueIn(await store.blobs.restore(blob.digest, destination))).toEqual(blob);
    expect(digestOf(readFileSync(destination))).toBe(blob.digest);
    expect(statSync(destination).mode & 0o200).toBe(0o200);
    expect(readdirSync(join(root, "a", "b"))).toEqual(["out.jsonl"]);
    // A restored file is a copy: editing it must not reach the blob.
    writeFileSync(destination, "edited");
    expect(digestOf(readFileSync(store.blobs.pathOf(blob.digest)))).toBe(blob.digest);
  }
  const deep = await store.blobs.put("deep");
  valueIn(await store.blobs.restore(deep.digest, join(root, "x", "y", "z.txt")));
  expect(readFileSync(join(root, "x", "y", "z.txt"), "utf8")).toBe("deep");
});

test("a damaged blob is never restored or read: it goes to quarantine and is said to be corrupt", async () => {
  for (const size of [100, 2 * (1 << 20) + 5]) {
    for (const way of ["restore", "read"] as const) {
      const root = scratch();
      const store = newStore(root);
      const content = randomBytes(size);
      const { digest } = await store.blobs.put(content);
      content[size - 1] = (content[size - 1] ?? 0) ^ 1;
      damage(store, digest, content);
      const destination = join(root, "out.bin");
      writeFileSync(destination, "as it was");
      const problem =
        way === "read"
          ? errorIn(await store.blobs.read(digest))
          : errorIn(await store.blobs.restore(digest, destination));
      expect(problem.kind).toBe("corrupt");
      expect(problem.where).toBe(join(".dsgen-cache", "v1", "cas", digest.slice(0, 2), digest));
      expect(problem.message).toContain("quarantine");
      expect(readFileSync(destination, "utf8")).toBe("as it was");
      expect(store.blobs.has(digest)).toBe(false);
      expect(readdirSync(root).sort()).toEqual([".dsgen-cache", "out.bin"]);
      const [kept] = filesIn(store.paths.quarantine);
      expect(readFileSync(join(store.paths.quarantine, kept ?? "")).equals(content)).toBe(true);
    }
  }
});

test("a blob that was cut short is not the one of that size", async () => {
  const store = newStore(scratch());
  const { digest, size } = await store.blobs.put("hello");
  expect(store.blobs.has(digest, size)).toBe(true);
  damage(store, digest, "");
  expect([store.blobs.has(digest), store.blobs.has(digest, size)]).toEqual([true, false]);
});

test("what was stored just now is placed without being read again, as a file of its own", async () => {
  const root = scratch();
  const store = newStore(root);
  for (const content of ["small", randomBytes((1 << 20) + 17)]) {
    const staged = join(store.paths.tmp, "staged");
    writeFileSync(staged, content);
    const blob = await store.blobs.adopt(staged, { durable: false });
    const destination = join(root, "out");
    expect(valueIn(await store.blobs.restore(blob.digest, destination, { check: false }))).toEqual(blob);
    writeFileSync(destination, "edited");
    expect(digestOf(valueIn(await store.blobs.read(blob.digest)))).toBe(blob.digest);
  }
});

test("what was hashed while it was written is stored under that name, unread; of another size it is refused, and nothing is left", async () => {
  const store = newStore(scratch());
  const staged = join(store.paths.tmp, "staged");
  const written = { digest: digestOf("hello"), size: 5 };
  writeFileSync(staged, "hello");
  expect(await store.blobs.adopt(staged, { durable: false, written })).toEqual(written);
  expect(Buffer.from(valueIn(await store.blobs.read(written.digest))).toString()).toBe("hello");
  const longer = { digest: digestOf("hello you"), size: 9 };
  writeFileSync(staged, "hello");
  await expect(store.blobs.adopt(staged, { durable: false, written: longer })).rejects.toMatchObject({
    problem: { kind: "recipe", message: "the file changed while it was being stored." },
  });
  expect(store.blobs.has(longer.digest)).toBe(false);
});

test("an absent blob and an impossible destination are problems", async () => {
  const root = scratch();
  const store = newStore(root);
  const absent = digestOf("never stored");
  expect(errorIn(await store.blobs.restore(absent, join(root, "out"))).kind).toBe("missing-input");
  expect(errorIn(await store.blobs.read(absent)).kind).toBe("missing-input");
  const { digest } = await store.blobs.put("hello");
  mkdirSync(join(root, "taken"));
  writeFileSync(join(root, "taken", "inside"), "");
  const folder = errorIn(await store.blobs.restore(digest, join(root, "taken")));
  expect(folder).toMatchObject({ kind: "io", where: "taken" });
  writeFileSync(join(root, "file"), "");
  expect(errorIn(await store.blobs.restore(digest, join(root, "file", "out"))).kind).toBe("io");
  expect(readdirSync(root).sort()).toEqual([".dsgen-cache", "file", "taken"]);
});

test("slices: any part of many blobs, and a shortened blob is not taken for a whole one", async () => {
  const store = newStore(scratch());
  const blobs = await Promise.all(
    Array.from({ length: 20 }, (_value, index) => store.blobs.put(`blob ${index} content`)),
  );
  for (let round = 0; round < 3; round++) {
    for (const [index, { digest }] of blobs.entries()) {
      const text = `blob ${index} content`;
      expect(Buffer.from(store.blobs.readSlice(digest, 2, text.length - 4)).toString()).toBe(text.slice(2, -2));
    }
  }
  const short = await store.blobs.put("0123456789");
  expect(thrownBy(() => store.blobs.readSlice(short.digest, 5, 6))).toMatchObject({ problem: { kind: "corrupt" } });
  expect(thrownBy(() => store.blobs.readSlice(digestOf("?"), 0, 1))).toMatchObject({
    problem: { kind: "missing-input" },
  });
  store.close();
  expect(Buffer.from(store.blobs.readSlice(short.digest, 0, 2)).toString()).toBe("01");
});

test("slices in any order, of any lengths, of large blobs: what is read ahead is never another place's", async () => {
  const store = newStore(scratch());
  const size = 1_000_000;
  const contents = [7, 13].map((step) =>
    Buffer.from(Array.from({ length: size }, (_, i) => (i * step + (i >> 8)) & 0xff)),
  );
  const blobs = await Promise.all(contents.map((content) => store.blobs.put(content)));
  const slice = fc.record({
    of: fc.nat(1),
    // As lines lie: mostly one behind another, with their ends between.
    from: fc.oneof({ weight: 4, arbitrary: fc.nat(20).map((gap) => ({ gap })) }, fc.nat(size)),
    length: fc.oneof(fc.nat(5000), fc.nat(400_000)),
  });
  fc.assert(
    fc.property(fc.array(slice, { maxLength: 40 }), (slices) => {
      let end = 0;
      for (const { of, from, length: wanted } of slices) {
        const offset = Math.min(size, typeof from === "number" ? from : end + from.gap);
        const length = Math.min(wanted, size - offset);
        const [content, blob] = [contents[of], blobs[of]];
        if (content === undefined || blob === undefined) throw new Error("no such blob");
        const found = store.blobs.readSlice(blob.digest, offset, length);
        expect(found.equals(content.subarray(offset, offset + length))).toBe(true);
        end = offset + length;
      }
    }),
  );
});

test("a destination that is a link is written through, whether or not its end is there", async () => {
  const root = scratch();
  const store = newStore(root);
  const { digest } = await store.blobs.put("new");
  mkdirSync(join(root, "big"));
  symlinkSync("big/data", join(root, "one"));
  symlinkSync("one", join(root, "out"));
  for (let times = 0; times < 2; times++) {
    valueIn(await store.blobs.restore(digest, join(root, "out")));
    expect(readlinkSync(join(root, "out"))).toBe("one");
    expect(readFileSync(join(root, "big", "data"), "utf8")).toBe("new");
    writeFileSync(join(root, "big", "data"), "old");
  }
});

test("but a link into the cache is replaced: a blob is never written over", async () => {
  const root = scratch();
  const store = newStore(root);
  const { digest } = await store.blobs.put("new");
  const paid = await store.blobs.put("paid");
  symlinkSync(store.blobs.pathOf(paid.digest), join(root, "out"));
  valueIn(await store.blobs.restore(digest, join(root, "out")));
  expect(readFileSync(join(root, "out"), "utf8")).toBe("new");
  expect(readFileSync(store.blobs.pathOf(paid.digest), "utf8")).toBe("paid");
});
