import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { folderRemote } from "../../src/remote/folder.ts";

/* A folder that several people share: what one has put the others can read, and put more beside it. */

const signal = new AbortController().signal;
let umask: number;
let root: string;
beforeEach(() => {
  umask = process.umask(0o077);
  root = mkdtempSync(join(tmpdir(), "dsgen-folder-"));
});
afterEach(() => {
  process.umask(umask);
  rmSync(root, { recursive: true, force: true });
});

it.each([
  [0o2775, 0o444],
  [0o777, 0o444],
  [0o750, 0o440],
  [0o700, 0o400],
])("with mode %o holds folders like it, and files of mode %o, whatever the umask", async (mode, file) => {
  chmodSync(root, mode);
  mkdirSync(join(root, "v1"));
  chmodSync(join(root, "v1"), 0o711);
  const folder = folderRemote(root);
  for (const name of ["v1/cas/ab/abcd", "v1/cas/ab/abce", "v1/responses/p/w/r.json"])
    expect(await folder.putIfAbsent(name, Buffer.from("x"), signal)).toEqual({ ok: true, value: "put" });
  expect(await folder.excludes(signal)).toEqual({ ok: true, value: true });
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // What was there already is somebody's own.
    const wanted = path === join(root, "v1") ? 0o711 : entry.isFile() ? file : mode;
    expect([path, (statSync(path).mode & 0o7777).toString(8)]).toEqual([path, wanted.toString(8)]);
  }
});
