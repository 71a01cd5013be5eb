import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OutputBlob } from "../../src/engine/ports.ts";
import { type Digest, digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { checkStore } from "../../src/store/fsck.ts";
import { collectGarbage, type GcRequest } from "../../src/store/gc.ts";
import type { Store } from "../../src/store/store.ts";
import {
  errorIn,
  keyOf,
  manifestOf,
  newStore,
  reopen,
  requestIdOf,
  scratch,
  targetOf,
  traceOf,
  valueIn,
} from "./project.ts";

const NAMESPACE = "openai:api.openai.com";

const request: GcRequest = { roots: [], keepActions: [], protectedDigests: [], includePaid: false, dryRun: false };

interface Scene {
  readonly root: string;
  readonly store: Store;
  readonly kept: OutputBlob;
  readonly old: OutputBlob;
  readonly response: OutputBlob;
  readonly journaled: OutputBlob;
  readonly declared: OutputBlob;
  readonly unknown: OutputBlob;
}

/** A cache with a current and an old action, and paid answers known in each of the ways there are. */
async function scene(): Promise<Scene> {
  const root = scratch();
  const store = newStore(root);
  const kept = await store.blobs.put("kept");
  const old = await store.blobs.put("old output");
  const response = await store.blobs.put('{"answer":1}\n');
  const journaled = await store.blobs.put('{"answer":2}\n');
  const declared = await store.blobs.put('{"answer":3}\n');
  const unknown = await store.blobs.put("nobody knows");
  await store.actions.put(manifestOf("kept"), traceOf(keyOf("kept"), [kept]));
  // The old action's outputs hold paid blobs too: that they can be made again does not make them free.
  await store.actions.put(manifestOf("old"), traceOf(keyOf("old"), [old, response, journaled, declared]));
  store.workspace.place(targetOf("t"), { key: keyOf("old"), outputs: [old.digest] });
  await store.workspace.flush();
  store.responses(NAMESPACE).add([
    {
      requestId: requestIdOf("1"),
      blob: response.digest,
      offset: 0,
      length: response.size - 1,
      kind: "answer",
      jobId: "job",
      batchId: null,
      via: "batch",
    },
  ]);
  store.journal.append({ job: "job", state: "collected", files: [{ output: journaled.digest }] });
  return { root, store, kept, old, response, journaled, declared, unknown };
}

function stored(store: Store): ReadonlySet<string> {
  return new Set(readdirSync(store.paths.cas, { recursive: true, encoding: "utf8" }).map((name) => name.slice(3)));
}

test("gc sweeps what was handed to other machines a month ago, and leaves what they may still be at", async () => {
  const { root, store } = await scene();
  const tmp = join(store.paths.elsewhere, "tmp");
  const work = join(store.paths.elsewhere, "work");
  for (const folder of [tmp, work]) {
    mkdirSync(folder, { recursive: true });
    for (const [name, days] of [
      ["old", 31],
      ["new", 29],
    ] as const) {
      const at = new Date(Date.now() - days * 86_400_000);
      writeFileSync(join(folder, name), "12345");
      utimesSync(join(folder, name), at, at);
    }
  }
  const report = valueIn(await collectGarbage(reopen(root), request));
  expect(report.leftovers).toEqual({ count: 2, bytes: 10 });
  expect([tmp, work].map((folder) => readdirSync(folder))).toEqual([["new"], ["new"]]);
});

test("gc deletes what can be made again and nothing needs; nothing that was paid for", async () => {
  const { root, store, kept, old, response, journaled, declared, unknown } = await scene();
  writeFileSync(join(store.paths.tmp, "leftover"), "12345");
  writeFileSync(join(root, ".out.jsonl.dsgen-0123456789ab.tmp"), "123");
  writeFileSync(join(root, ".mine.tmp"), "123");
  const wanted = {
    ...request,
    keepActions: [keyOf("kept")],
    protectedDigests: [declared.digest],
    sweepFolders: [root, join(root, "absent")],
  };
  const foretold = valueIn(await collectGarbage(reopen(root), { ...wanted, dryRun: true }));
  expect(stored(store).has(old.digest)).toBe(true);
  const report = valueIn(await collectGarbage(reopen(root), wanted));
  expect(report).toEqual(foretold);
  expect(report).toMatchObject({
    blobs: { count: 1, bytes: old.size },
    paidBlobs: { count: 0, bytes: 0 },
    actions: { count: 1 },
    leftovers: { count: 2, bytes: 8 },
    keptPaid: { count: 3 },
    keptUnknown: { count: 1, bytes: unknown.size },
  });
  const after = stored(store);
  for (const { digest } of [kept, response, journaled, declared, unknown]) expect(after.has(digest)).toBe(true);
  expect(after.has(old.digest)).toBe(false);
  expect(readdirSync(root).sort()).toEqual([".dsgen-cache", ".mine.tmp"]);
  const next = reopen(root);
  expect(next.actions.trace(keyOf("old"))).toBeUndefined();
  expect(next.actions.trace(keyOf("kept"))?.outputs).toEqual([kept]);
  expect(next.responses(NAMESPACE).readRaw(requestIdOf("1"))).toBe('{"answer":1}');
  const again = valueIn(await collectGarbage(reopen(root), wanted));
  expect([again.blobs.count, again.actions.count, again.leftovers.count]).toEqual([0, 0, 0]);
});

test("roots are kept, whatever was asked for", async () => {
  const { root, old, response } = await scene();
  const roots: readonly Digest[] = [old.digest, response.digest];
  valueIn(await collectGarbage(reopen(root), { ...request, roots, includePaid: true }));
  const next = reopen(root);
  expect(next.blobs.has(old.digest)).toBe(true);
  expect(next.responses(NAMESPACE).readRaw(requestIdOf("1"))).toBe('{"answer":1}');
});

test("paid answers go only when told so, and then nothing counts as answered by them", async () => {
  const { root, response, unknown } = await scene();
  const report = valueIn(await collectGarbage(reopen(root), { ...request, includePaid: true }));
  expect(report.paidBlobs.count).toBe(2);
  const next = reopen(root);
  expect(next.blobs.has(response.digest)).toBe(false);
  expect(next.blobs.has(unknown.digest)).toBe(false);
  expect(next.responses(NAMESPACE).size).toBe(0);
  expect(valueIn(checkStore(next))).toEqual([]);
});

test("an index whose line is damaged does not make its answers free", async () => {
  const { root, store, declared, response } = await scene();
  const [name = ""] = readdirSync(store.paths.responses);
  writeFileSync(join(store.paths.responses, name), "damaged\n");
  // No action made it, nothing readable names it.
  rmSync(store.actions.pathOf(keyOf("old")));
  valueIn(await collectGarbage(reopen(root), { ...request, protectedDigests: [declared.digest] }));
  expect(reopen(root).blobs.has(response.digest)).toBe(true);
});

test("expansions that are not listed go; all stay when no list is given", async () => {
  const { root, store } = await scene();
  await store.actions.putExpansion(fingerprintOf("a"), { state: "final" });
  await store.actions.putExpansion(fingerprintOf("b"), { state: "open" });
  expect(valueIn(await collectGarbage(reopen(root), request)).expansions.count).toBe(0);
  const report = valueIn(await collectGarbage(reopen(root), { ...request, keepExpansions: [fingerprintOf("a")] }));
  expect(report.expansions.count).toBe(1);
  expect(reopen(root).actions.expansion(fingerprintOf("a"))).toEqual({ state: "final" });
  expect(reopen(root).actions.expansion(fingerprintOf("b"))).toBeUndefined();
});

test("fsck of a whole cache finds nothing", async () => {
  const { root } = await scene();
  expect(valueIn(checkStore(reopen(root)))).toEqual([]);
  expect(valueIn(checkStore(reopen(scratch())))).toEqual([]);
});

test("fsck finds each kind of damage, says what was paid for, and moves damaged blobs aside", async () => {
  const { root, store, kept, old, response } = await scene();
  const spoil = (path: string, text: string): void => {
    chmodSync(path, 0o644);
    writeFileSync(path, text);
  };
  spoil(store.blobs.pathOf(response.digest), '{"answer":9}\n');
  spoil(store.blobs.pathOf(kept.digest), "kep");
  spoil(store.blobs.pathOf(old.digest), "old");
  writeFileSync(join(store.paths.cas, "stray.txt"), "");
  spoil(store.actions.pathOf(keyOf("kept")), "{}");
  writeFileSync(store.paths.journal, "garbage\ntorn");
  writeFileSync(store.paths.workspace, "garbage");
  const findings = valueIn(checkStore(reopen(root)));
  const kinds = findings.map((finding) => finding.kind).sort();
  expect(kinds).toEqual(
    [
      "action-damaged",
      "blob-damaged",
      "blob-damaged",
      "blob-damaged",
      "journal-damaged",
      "journal-damaged",
      "stray",
      "workspace-damaged",
    ].sort(),
  );
  expect(findings.filter((finding) => finding.paid).map((finding) => finding.what)).toEqual([
    expect.stringContaining(response.digest),
  ]);
  expect(readdirSync(store.paths.quarantine)).toHaveLength(3);
  expect(existsSync(store.blobs.pathOf(kept.digest))).toBe(false);
  const later = valueIn(checkStore(reopen(root)));
  const lost = later.filter((finding) => finding.kind === "blob-lost");
  // The index names the answer, and the old action names two of the blobs that are gone.
  expect(lost.map((finding) => finding.paid).sort()).toEqual([false, true, true]);
});

test("fsck finds a response entry that reaches beyond its blob", async () => {
  const { root, store } = await scene();
  const blob = await store.blobs.put("short");
  store.responses(NAMESPACE).add([
    {
      requestId: requestIdOf("2"),
      blob: blob.digest,
      offset: 3,
      length: 3,
      kind: "answer",
      jobId: "job",
      batchId: null,
      via: "direct",
    },
    {
      requestId: requestIdOf("3"),
      blob: digestOf("never stored"),
      offset: 0,
      length: 3,
      kind: "answer",
      jobId: "job",
      batchId: null,
      via: "direct",
    },
  ]);
  const findings = valueIn(checkStore(reopen(root)));
  expect(findings.map((finding) => [finding.kind, finding.paid])).toEqual([
    ["blob-lost", true],
    ["blob-lost", true],
  ]);
});

test("nothing is deleted through a symbolic link inside the cache; the cache folder itself may be one", async () => {
  const { root, store } = await scene();
  const everything = { ...request, includePaid: true };
  const outside = join(scratch(), "outside");
  for (const folder of ["cas", "actions", "responses", "tmp", "quarantine", "expansions"] as const) {
    const inner = store.paths[folder];
    renameSync(inner, outside);
    const before = readdirSync(outside, { recursive: true }).sort();
    symlinkSync(outside, inner);
    const problem = errorIn(await collectGarbage(reopen(root), everything));
    expect(problem).toMatchObject({ kind: "corrupt", where: inner });
    expect(problem.message).toContain(outside);
    expect(readdirSync(outside, { recursive: true }).sort()).toEqual(before);
    unlinkSync(inner);
    renameSync(outside, inner);
  }
  // A link among the blobs and one among the leftovers: the link may go, what it leads to stays.
  mkdirSync(outside);
  const precious = join(outside, "ab".repeat(32));
  writeFileSync(precious, "somebody's");
  symlinkSync(outside, join(store.paths.cas, "ab"));
  symlinkSync(outside, join(store.paths.tmp, "left"));
  valueIn(await collectGarbage(reopen(root), everything));
  expect(existsSync(precious)).toBe(true);
  expect(existsSync(join(store.paths.tmp, "left"))).toBe(false);
  const elsewhere = join(scratch(), "cache");
  renameSync(store.paths.cacheDir, elsewhere);
  symlinkSync(elsewhere, store.paths.cacheDir);
  valueIn(await collectGarbage(reopen(root), everything));
});
