import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configSources } from "../../src/config/config-sources.ts";
import { readConfig } from "../../src/config/read-config.ts";
import { readProject } from "../../src/config/read-project.ts";
import { type Identified, KeptIdentities } from "../../src/engine/kept-identity.ts";
import type { Kept } from "../../src/engine/ports.ts";
import { fingerprintOf } from "../../src/graph/digest.ts";
import type { RecipeRef } from "../../src/graph/names.ts";
import { openContent } from "../../src/store/content.ts";
import { openKept } from "../../src/store/kept.ts";
import { storePaths } from "../../src/store/layout.ts";
import type { FileRecord } from "../../src/store/workspace-file.ts";

/*
 * What is kept from one command to the next is never stale: after any edits it is either as it was worked out of what lies there
 * now, or not there.
 */

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "dsgen-kept-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const CONFIG = join(import.meta.dirname, "..", "..", "config");

/** Edits as people and tools make them; those of the same length keep the size, some keep the times. */
type Edit =
  | { readonly kind: "write"; readonly file: string; readonly text: string; readonly oldTimes: boolean }
  | { readonly kind: "remove" | "touch"; readonly file: string }
  | { readonly kind: "swap" };

function editsOf(files: readonly string[], texts: readonly string[]): fc.Arbitrary<readonly Edit[]> {
  const file = fc.constantFrom(...files);
  const edit: fc.Arbitrary<Edit> = fc.oneof(
    fc.record({ kind: fc.constant("write"), file, text: fc.constantFrom(...texts), oldTimes: fc.boolean() }),
    fc.record({ kind: fc.constantFrom("remove", "touch"), file }),
    fc.constant({ kind: "swap" as const }),
  );
  return fc.array(edit, { minLength: 1, maxLength: 6 });
}

function apply(edit: Edit, files: readonly string[]): void {
  if (edit.kind === "swap") {
    const [a = "", b = ""] = files;
    if (!files.slice(0, 2).every((file) => statSync(file, { throwIfNoEntry: false }) !== undefined)) return;
    renameSync(a, `${a}.old`);
    renameSync(b, a);
    renameSync(`${a}.old`, b);
    return;
  }
  const before = statSync(edit.file, { throwIfNoEntry: false });
  if (edit.kind === "remove") rmSync(edit.file, { force: true });
  else if (edit.kind === "touch" && before !== undefined) utimesSync(edit.file, new Date(), new Date());
  else if (edit.kind === "write") {
    writeFileSync(edit.file, edit.text);
    if (edit.oldTimes && before !== undefined) utimesSync(edit.file, before.atime, before.mtime);
  }
}

test("an identity that was kept is there exactly while all that was looked at holds what it held", () => {
  const folder = join(root, "package");
  mkdirSync(folder);
  const files = ["a.js", "b.js", "package.json", "new.json"].map((name) => join(folder, name));
  const [a = "", b = "", manifest = "", absent = ""] = files;
  const records = new Map<string, FileRecord>();
  const content = openContent(root, {
    get: (path) => records.get(path),
    set: (path, record) => records.set(path, record),
  });
  const ref = "dsgen/recipes/mine" as RecipeRef;
  const now = () =>
    JSON.stringify([
      readdirSync(folder).sort(),
      ...files.map((file) =>
        statSync(file, { throwIfNoEntry: false }) === undefined ? null : readFileSync(file, "utf8"),
      ),
    ]);
  fc.assert(
    fc.property(editsOf(files, ["one", "two", "longer"]), (edits) => {
      for (const file of files) rmSync(file, { force: true });
      for (const file of [a, b, manifest]) writeFileSync(file, `first ${file}`);
      const values = new Map<string, unknown>();
      const kept: Kept = { get: (key) => values.get(key.join()), put: (key, value) => values.set(key.join(), value) };
      const identities = new KeptIdentities(kept, content, [root]);
      const contents = new Map([a, b].map((file) => [file, content.fingerprint(file) ?? ""]));
      const identity: Identified["identity"] = {
        identity: fingerprintOf("mine"),
        files: [a, b],
        packages: [],
        modules: {},
      };
      identities.put(ref, a, { identity, contents }, [manifest, absent, `${folder}/`]);
      const first = now();
      expect(identities.get(ref, a)?.identity).toEqual(identity);
      for (const edit of edits) {
        apply(edit, files);
        expect(identities.get(ref, a) !== undefined).toBe(now() === first);
      }
    }),
    { numRuns: 60 },
  );
});

test("a config that was kept is what its files say now, whatever was edited or set", async () => {
  const configDir = join(root, "config");
  cpSync(CONFIG, configDir, { recursive: true });
  const task = join(configDir, "tasks", "refusal.yaml");
  const shipped = readFileSync(task, "utf8");
  const texts = [
    shipped,
    shipped.replace("temperature", "temperture"),
    shipped.replace(/batches: \d+/, "batches: 3"),
    ":",
  ];
  const files = [task, join(configDir, "dsgen.yaml"), join(configDir, "tasks", "other.yaml")];
  const kept = openKept(storePaths(join(root, ".dsgen-cache"), root), "this build");
  const sets = fc.constantFrom([], ["refusal.target_scenarios=7"], ["refusal.nothing=1"]);
  await fc.assert(
    fc.asyncProperty(editsOf(files, texts), sets, async (edits, set) => {
      rmSync(configDir, { recursive: true });
      cpSync(CONFIG, configDir, { recursive: true });
      for (const edit of edits) {
        apply(edit, files);
        const asked = { root, configDir, sets: set };
        const sources = configSources(asked);
        const said = "asked" in sources ? sources.complete(readProject(sources.asked)) : sources;
        for (const _again of [1, 2]) {
          expect(await readConfig(asked, kept)).toEqual(said);
          kept.flush();
        }
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);

test("values come back as they were; a damaged file, another dsgen or another key is nothing", () => {
  const paths = storePaths(join(root, ".dsgen-cache"), root);
  const value = { a: undefined, b: [1, { c: new Map([["d", Number.NaN]]) }] };
  const first = openKept(paths, "one");
  first.put(["key"], value);
  first.flush();
  expect(openKept(paths, "one").get(["key"])).toStrictEqual(value);
  expect(openKept(paths, "two").get(["key"])).toBeUndefined();
  expect(openKept(paths, undefined).get(["key"])).toBeUndefined();
  expect(openKept(paths, "one").get(["key", ""])).toBeUndefined();
  const [name = ""] = readdirSync(paths.kept);
  const bytes = readFileSync(join(paths.kept, name));
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(join(paths.kept, name), damaged);
    expect(openKept(paths, "one").get(["key"])).toBeUndefined();
  }
});

test("no more files stay than a person asks questions by turns", () => {
  const paths = storePaths(join(root, ".dsgen-cache"), root);
  for (let n = 0; n < 40; n++) {
    const kept = openKept(paths, "one");
    kept.put([String(n)], n);
    kept.flush();
  }
  expect(readdirSync(paths.kept)).toHaveLength(32);
  expect(openKept(paths, "one").get(["39"])).toBe(39);
});
