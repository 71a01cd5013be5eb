import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { Kept } from "../engine/ports.ts";
import { fingerprintOf } from "../graph/digest.ts";
import { ensureFolder } from "./durable.ts";
import type { StorePaths } from "./layout.ts";

/** Files that stay: as many questions as a person asks by turns. */
const MOST = 32;
/** Hex digits of a fingerprint. */
const SUM = 32;

/**
 * Kept values in `v1/kept`, a file each: a checksum, and the value as V8 writes it. `flush` writes what was put, for the
 * holder of the lock, and says nothing where it cannot.
 * @param build which dsgen has worked them out; undefined where nobody can tell, and then nothing is kept
 */
export function openKept(paths: StorePaths, build: string | undefined): Kept & { flush(): void } {
  if (build === undefined) return { get: () => undefined, put: () => undefined, flush: () => undefined };
  const values = new Map<string, unknown>();
  const folder = paths.kept;
  const fileOf = (key: readonly string[]) =>
    join(folder, fingerprintOf(JSON.stringify([process.version, build, ...key])));
  return {
    get(key) {
      try {
        const bytes = readFileSync(fileOf(key));
        const body = bytes.subarray(SUM);
        return fingerprintOf(body) === bytes.toString("latin1", 0, SUM) ? deserialize(body) : undefined;
      } catch {
        return undefined;
      }
    },
    put: (key, value) => values.set(fileOf(key), value),
    flush() {
      try {
        for (const [file, value] of values) {
          const body = serialize(value);
          ensureFolder(folder);
          writeFileSync(`${file}.${process.pid}`, Buffer.concat([Buffer.from(fingerprintOf(body), "latin1"), body]));
          renameSync(`${file}.${process.pid}`, file);
        }
        if (values.size > 0) removeOldest(folder);
        values.clear();
      } catch {
        // Without them the next command works it out again.
      }
    },
  };
}

function removeOldest(folder: string): void {
  const names = readdirSync(folder);
  if (names.length <= MOST) return;
  const age = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newestFirst = names.map((name) => ({ name, at: age(name) })).sort((a, b) => b.at - a.at);
  for (const { name } of newestFirst.slice(MOST)) rmSync(join(folder, name), { force: true });
}
