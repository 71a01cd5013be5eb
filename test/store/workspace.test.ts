import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Placement } from "../../src/engine/ports.ts";
import { type Digest, digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import type { TargetName } from "../../src/graph/names.ts";
import { ProblemError } from "../../src/graph/problem.ts";
import { openContent } from "../../src/store/content.ts";
import { openStore } from "../../src/store/store.ts";
import {
  decodeWorkspace,
  encodeWorkspace,
  type FileRecord,
  NOTHING,
  type Saved,
} from "../../src/store/workspace-file.ts";
import {
  cacheOf,
  errorIn,
  keyOf,
  manifestOf,
  newStore,
  reopen,
  scratch,
  targetOf,
  thrownBy,
  traceOf,
} from "./project.ts";

/** Longer than the tick within which a record is racy. */
const PAST_RACY_MS = 60;

function placementOf(text: string, outputs = 1): Placement {
  return {
    key: keyOf(text),
    outputs: Array.from({ length: outputs }, (_value, index) => digestOf(`${text} ${index}`)),
  };
}

/** Puts a digest on record that the file does not have: a look-up that answers it has not read the file. */
const PLANTED = digestOf("planted");

test("content: digest and fingerprint of small, empty, exactly one chunk and large files", () => {
  const root = scratch();
  const { content } = newStore(root);
  for (const size of [0, 1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20]) {
    const bytes = Buffer.alloc(size, `${size}`);
    writeFileSync(join(root, "file"), bytes);
    expect(content.digest("file")).toBe(digestOf(bytes));
    expect(content.fingerprint("file")).toBe(fingerprintOf(bytes));
  }
});

test("content: no file is undefined; a folder or an unreadable file is a problem", () => {
  const root = scratch();
  const { content } = newStore(root);
  expect(content.digest("absent")).toBeUndefined();
  writeFileSync(join(root, "file"), "x");
  expect(content.fingerprint("file/below")).toBeUndefined();
  mkdirSync(join(root, "folder"));
  const error = thrownBy(() => content.digest("folder"));
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({
    problem: { kind: "io", where: "folder", message: "expected a file, found a folder." },
  });
});

test("content: a file that has not changed is not read again, by this process or the next", async () => {
  const root = scratch();
  const store = newStore(root);
  writeFileSync(join(root, "file"), "content");
  store.content.learn("file", PLANTED);
  // Believed at once: we have just written it ourselves.
  expect(store.content.digest("file")).toBe(PLANTED);
  await sleep(PAST_RACY_MS);
  store.content.learn(join(root, "file"), PLANTED);
  await store.workspace.flush();
  expect(reopen(root).content.digest("file")).toBe(PLANTED);
  expect(reopen(root).content.digest(join(root, "file"))).toBe(PLANTED);
});

test("content: a record as young as the file's last write is not believed by the next process", async () => {
  const root = scratch();
  const store = newStore(root);
  writeFileSync(join(root, "file"), "content");
  store.content.learn("file", PLANTED);
  await store.workspace.flush();
  expect(reopen(root).content.digest("file")).toBe(digestOf("content"));
});

test("content: a time in the future never makes a record safe", async () => {
  const root = scratch();
  const store = newStore(root);
  writeFileSync(join(root, "file"), "content");
  const future = new Date(Date.now() + 3_600_000);
  utimesSync(join(root, "file"), future, future);
  await sleep(PAST_RACY_MS);
  store.content.learn("file", PLANTED);
  await store.workspace.flush();
  expect(reopen(root).content.digest("file")).toBe(digestOf("content"));
});

test("content: the same size and the same mtime do not hide an edit, nor does another file under the name", async () => {
  const root = scratch();
  const path = join(root, "file");
  writeFileSync(path, "one");
  const when = new Date(Date.now() - 10_000);
  utimesSync(path, when, when);
  await sleep(PAST_RACY_MS);
  const { content } = newStore(root);
  expect(content.digest("file")).toBe(digestOf("one"));
  writeFileSync(path, "two");
  utimesSync(path, when, when);
  expect(content.digest("file")).toBe(digestOf("two"));
  writeFileSync(join(root, "other"), "six");
  utimesSync(join(root, "other"), when, when);
  renameSync(join(root, "other"), path);
  expect(content.digest("file")).toBe(digestOf("six"));
});

test("content: an old record is believed, and any edit seen", async () => {
  const edits: Readonly<Record<string, (file: string) => void>> = {
    "in place, with its time put back": (file) => {
      const { atime, mtime } = statSync(file);
      writeFileSync(file, "CONTENT");
      utimesSync(file, atime, mtime);
    },
    "another file under the name": (file) => {
      writeFileSync(`${file}.new`, "CONTENT");
      renameSync(`${file}.new`, file);
    },
    longer: (file) => writeFileSync(file, "CONTENTS"),
    removed: (file) => rmSync(file),
  };
  for (const [name, edit] of Object.entries(edits)) {
    const root = scratch();
    const { workspace, paths } = newStore(root);
    const file = join(root, "file");
    writeFileSync(file, "content");
    // In whole seconds: what is put back is what it was.
    utimesSync(file, 1_700_000_000, 1_700_000_000);
    workspace.place(targetOf("file"), placementOf("file"));
    await workspace.flush();
    const { size, mtimeNs, ino, ctimeNs } = statSync(file, { bigint: true });
    const known = { digest: PLANTED, fingerprint: undefined };
    const record = { size, mtimeNs, ino, ctimeNs, recordedNs: ctimeNs + 3_600_000_000_000n, ...known };
    writeFileSync(paths.workspace, Buffer.concat(encodeWorkspace(NOTHING, new Map([["file", record]]), new Map())));
    const { content } = reopen(root);
    expect(content.digest("file")).toBe(PLANTED);
    // No fingerprint is on record: it is read.
    expect(content.fingerprint("file")).toBe(fingerprintOf("content"));
    await sleep(PAST_RACY_MS);
    edit(file);
    expect(reopen(root).content.digest("file"), name).toBe(existsSync(file) ? digestOf(readFileSync(file)) : undefined);
  }
});

test("content: a belief is not made safer by reading the other hash later", async () => {
  const root = scratch();
  const store = newStore(root);
  writeFileSync(join(root, "file"), "content");
  store.content.learn("file", PLANTED);
  await sleep(PAST_RACY_MS);
  expect(store.content.fingerprint("file")).toBe(fingerprintOf("content"));
  expect(store.content.digest("file")).toBe(PLANTED);
  await store.workspace.flush();
  expect(reopen(root).content.digest("file")).toBe(digestOf("content"));
});

test("content: edits of any kind in any order are always seen", () => {
  const root = scratch();
  const path = join(root, "file");
  const { content } = newStore(root);
  const step = fc.oneof(
    fc.record({ what: fc.constant("write" as const), text: fc.constantFrom("a", "b", "cc", "dd", "") }),
    fc.record({ what: fc.constant("replace" as const), text: fc.constantFrom("a", "b", "cc", "dd") }),
    fc.record({ what: fc.constant("remove" as const), text: fc.constant("") }),
    fc.record({ what: fc.constant("look" as const), text: fc.constant("") }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      rmSync(path, { force: true });
      for (const { what, text } of steps) {
        if (what === "write") writeFileSync(path, text);
        if (what === "remove") rmSync(path, { force: true });
        if (what === "replace") {
          writeFileSync(`${path}.new`, text);
          renameSync(`${path}.new`, path);
        }
        const now = existsSync(path) ? readFileSync(path) : undefined;
        expect(content.digest("file")).toBe(now === undefined ? undefined : digestOf(now));
        expect(content.fingerprint("file")).toBe(now === undefined ? undefined : fingerprintOf(now));
      }
    }),
    { numRuns: 60 },
  );
});

test("content: a file that changes between the look and the reading is looked at again", () => {
  const root = scratch();
  const records = new Map<string, FileRecord>();
  let looks = 0;
  const content = openContent(root, {
    // Called once for each look-up, just after the first stat: the file changes before it is read.
    get(path) {
      looks += 1;
      writeFileSync(join(root, "file"), "x".repeat(looks + 10));
      return records.get(path);
    },
    set: (path, record) => records.set(path, record),
  });
  writeFileSync(join(root, "file"), "first");
  // One change is met by reading again.
  expect(content.digest("file")).toBe(digestOf("x".repeat(11)));
});

test("workspace: placements and records survive a flush, whatever their number", async () => {
  const root = scratch();
  const store = newStore(root);
  const names = Array.from({ length: 300 }, (_value, index) => targetOf(`out/ünïcode ${index}.jsonl`));
  for (const [index, name] of names.entries()) {
    store.workspace.place(name, placementOf(name, index % 4));
    await store.actions.put(manifestOf(name), traceOf(keyOf(name), [], { index }));
  }
  await store.workspace.flush();
  const next = reopen(root);
  for (const [index, name] of names.entries()) {
    expect(next.workspace.placement(name)).toEqual(placementOf(name, index % 4));
    expect(next.actions.trace(keyOf(name))?.notes).toEqual({ index });
  }
  expect(next.workspace.placement(targetOf("absent"))).toBeUndefined();
  // The second flush keeps what was only loaded, and what was forgotten stays so.
  next.workspace.forget(targetOf(names[0] ?? ""));
  next.workspace.place(targetOf("new"), placementOf("new", 2));
  await next.workspace.flush();
  const third = reopen(root);
  expect(third.workspace.placement(targetOf(names[0] ?? ""))).toBeUndefined();
  expect(third.workspace.placement(targetOf("new"))).toEqual(placementOf("new", 2));
  expect(third.workspace.placement(targetOf(names[7] ?? ""))).toEqual(placementOf(names[7] ?? "", 3));
});

test("workspace: rows put among those that were saved are the bytes of all of them written anew", () => {
  const name = fc.constantFrom(..."abcdefghij");
  const maybe = <T>(of: T) => fc.option(fc.constant(of), { nil: undefined });
  const number = fc.bigInt(0n, 2n ** 62n);
  const file: fc.Arbitrary<FileRecord> = fc.record({
    ...{ size: number, mtimeNs: number, ino: number, ctimeNs: number, recordedNs: number },
    fingerprint: maybe(fingerprintOf("f")),
    digest: maybe(digestOf("d")),
  });
  const placed = fc.option(fc.tuple(fc.string(), fc.nat(3)).map(([key, outputs]) => placementOf(key, outputs)));
  const flush = fc.tuple(fc.array(fc.tuple(name, file)), fc.array(fc.tuple(name.map(targetOf), placed)));
  const bytesOf = (...of: Parameters<typeof encodeWorkspace>) => Buffer.concat(encodeWorkspace(...of));
  fc.assert(
    fc.property(fc.array(flush, { maxLength: 6 }), (flushes) => {
      const files = new Map<string, FileRecord>();
      const placements = new Map<TargetName, Placement>();
      let saved: Saved = NOTHING;
      for (const [changed, moved] of flushes) {
        for (const [path, record] of changed) files.set(path, record);
        for (const [target, placement] of new Map(moved)) {
          if (placement === null) placements.delete(target);
          else placements.set(target, placement);
        }
        const bytes = bytesOf(saved, new Map(changed), new Map(moved));
        expect(bytes).toEqual(bytesOf(NOTHING, files, placements));
        const read = decodeWorkspace(bytes);
        if (typeof read === "string") throw new Error(read);
        for (const [path, record] of files) expect(read.files.get(path)).toEqual(record);
        for (const [target, placement] of placements) expect(read.placements.get(target)).toEqual(placement);
        expect(read.placements.names).toEqual([...placements.keys()]);
        saved = read;
      }
    }),
  );
});

test("workspace: nothing changed, nothing written", async () => {
  const root = scratch();
  const store = newStore(root);
  writeFileSync(join(root, "file"), "content");
  await sleep(PAST_RACY_MS);
  const key = keyOf("k");
  store.content.digest("file");
  store.workspace.place(targetOf("file"), { key, outputs: [digestOf("content")] });
  await store.actions.put(manifestOf("m"), traceOf(key, []));
  await store.workspace.flush();
  const before = statSync(store.paths.workspace).ino;
  const next = reopen(root);
  next.content.digest("file");
  next.workspace.placement(targetOf("file"));
  next.actions.trace(key);
  await next.workspace.flush();
  expect(statSync(store.paths.workspace).ino).toBe(before);
});

test("workspace: a copied project keeps what it knows, with its own files read once", async () => {
  const root = scratch();
  const store = newStore(root);
  writeFileSync(join(root, "file"), "content");
  store.content.digest(join(root, "file"));
  store.workspace.place(targetOf("file"), placementOf("p"));
  await store.workspace.flush();
  const copy = join(scratch(), "copy");
  cpSync(root, copy, { recursive: true });
  rmSync(root, { recursive: true });
  const there = reopen(copy);
  expect(there.workspace.placement(targetOf("file"))).toEqual(placementOf("p"));
  expect(there.content.digest("file")).toBe(digestOf("content"));
  expect(there.content.digest(join(copy, "file"))).toBe(digestOf("content"));
});

test("workspace: any damage to the file costs time, never an answer", async () => {
  const root = scratch();
  const store = newStore(root);
  writeFileSync(join(root, "file"), "content");
  store.workspace.place(targetOf("file"), placementOf("p"));
  store.content.digest("file");
  await store.workspace.flush();
  const good = readFileSync(store.paths.workspace);
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (where, flip, truncate) => {
      const bytes = Buffer.from(good);
      const at = where % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      writeFileSync(store.paths.workspace, truncate ? bytes.subarray(0, at) : bytes);
      const next = reopen(root);
      expect([undefined, placementOf("p").key]).toContain(next.workspace.placement(targetOf("file"))?.key);
      expect(next.content.digest("file")).toBe(digestOf("content"));
    }),
    { numRuns: 200 },
  );
  writeFileSync(store.paths.workspace, "not a workspace");
  const next = reopen(root);
  expect(next.workspace.placement(targetOf("file"))).toBeUndefined();
  expect(next.warnings[0]).toContain("workspace.bin");
  next.workspace.place(targetOf("file"), placementOf("again"));
  await next.workspace.flush();
  expect(reopen(root).workspace.placement(targetOf("file"))).toEqual(placementOf("again"));
});

test("a reader leaves no trace, not even by flushing", async () => {
  const root = scratch();
  writeFileSync(join(root, "file"), "content");
  const store = reopen(root);
  store.content.digest("file");
  store.journal.records();
  store.workspace.place(targetOf("file"), placementOf("p"));
  expect(store.actions.trace(keyOf("k"))).toBeUndefined();
  expect(store.actions.expansion(fingerprintOf("e"))).toBeUndefined();
  expect(store.responses("n").size).toBe(0);
  expect(store.blobs.has("ab" as Digest)).toBe(false);
  await store.workspace.flush();
  expect(existsSync(cacheOf(root))).toBe(false);
});

test("another version's cache is refused, and not touched", () => {
  const root = scratch();
  const store = newStore(root);
  writeFileSync(store.paths.format, '{"format":"dsgen-store","v":7}');
  const problem = errorIn(openStore({ cacheDir: cacheOf(root), projectRoot: root }));
  expect(problem.kind).toBe("version");
  expect(problem.message).toContain("version 7");
  writeFileSync(store.paths.format, "garbage");
  expect(reopen(root).warnings[0]).toContain("format.json");
  mkdirSync(join(cacheOf(root), "v2"));
  const newer = errorIn(openStore({ cacheDir: cacheOf(root), projectRoot: root }));
  expect(newer.kind).toBe("version");
  expect(`${newer.message} ${newer.fix}`).not.toMatch(/delete/i);
});
