import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ActionDescriptor } from "../engine/executor.ts";
import { byteLines } from "../engine/file-lines.ts";
import { isFingerprint } from "../graph/digest.ts";
import { all, list, number, object, oneOf, type Shape, text } from "../graph/members.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { decodeLine, encodeLine } from "../store/checked-lines.ts";
import { attempted } from "../store/durable.ts";
import type { StorePaths } from "../store/layout.ts";
import { publishText, sharedFolders } from "./shared-folder.ts";

/*
 * A descriptor file: what `dsgen worker FILE --part N` makes. Checksummed lines: a head, and then a line a part, of which a
 * worker parses its own. A part is a list of actions that one process makes one after the other.
 */

const HEAD = {
  v: oneOf([1]),
  /** Names what was handed over: results carry it (`readResult`). 32 hex digits. */
  attempt: text,
  /** Which dsgen the coordinator is, and which Node it runs in: a worker that is another refuses. */
  build: text,
  node: text,
  /** Absolute, and the same on every machine. */
  projectRoot: text,
  cacheDir: text,
  parts: number,
};
export type WorkHead = Shape<typeof HEAD>;

const PART = all({ part: number, actions: list(object) });

export interface Work {
  readonly head: WorkHead;
  readonly actions: readonly ActionDescriptor[];
}

/** Where the descriptor file of an attempt lies. */
export function workFile(paths: Pick<StorePaths, "version">, attempt: string): string {
  return join(sharedFolders(paths).work, `${attempt}.jsonl`);
}

/**
 * Writes the descriptor file of an attempt, durably and at once, and answers its path. Written again it is the same.
 * Problems: those of the file system (`disk-full`, `permission`, `io`).
 */
export function writeWork(
  paths: Pick<StorePaths, "version">,
  head: Omit<WorkHead, "v" | "parts">,
  parts: readonly (readonly ActionDescriptor[])[],
): Result<string, Problem> {
  const path = workFile(paths, head.attempt);
  const lines = [
    encodeLine({ ...head, v: 1, parts: parts.length }),
    ...parts.map((actions, part) => encodeLine(JSON.parse(JSON.stringify({ part, actions })))),
  ];
  const written = attempted(path, () => publishText(path, lines.join(""), sharedFolders(paths).tmp, "work.put"));
  return written.ok ? ok(path) : written;
}

/** The head of a descriptor file, and one of its parts. Problems: it is not there, damaged, or has no such part. */
export function readWork(path: string, part: number): Result<Work, Problem> {
  if (!existsSync(path)) {
    const message = "expected a file of actions that dsgen build has handed over, found no file.";
    const fix = "dsgen build --executor writes it, and has it run: on a machine that sees the project's cache folder.";
    return err({ kind: "missing-input", where: path, message, fix });
  }
  const read = attempted(path, () => {
    let head: WorkHead | undefined;
    for (const { bytes, number: line, ended } of byteLines(path)) {
      if (line !== 1 && line !== part + 2) continue;
      const record = ended && bytes !== null ? decodeLine(bytes) : undefined;
      if (record === undefined) return err(wrong(path, `line ${line} is damaged`));
      if (line === 1) {
        if (!all(HEAD)(record) || !isFingerprint(String(record["attempt"])))
          return err(wrong(path, "it begins with no head that this dsgen knows"));
        head = record as WorkHead;
        continue;
      }
      if (!PART(record) || record["part"] !== part) return err(wrong(path, `line ${line} holds another part`));
      // Checksummed, and of the same build as this one, which is checked before it is believed.
      const actions = record["actions"] as unknown as readonly ActionDescriptor[];
      return head === undefined ? err(wrong(path, "it has no head")) : ok({ head, actions });
    }
    const found =
      head === undefined ? "it is empty" : `it has ${head.parts} parts, counted from 0, and no part ${part}`;
    return err(wrong(path, found));
  });
  return read.ok ? read.value : read;
}

function wrong(where: string, found: string): Problem {
  return {
    kind: "corrupt",
    where,
    message: `expected a whole descriptor file with that part; ${found}.`,
    fix: "Nothing was made. Run dsgen build on the machine that wrote it: it hands the work over anew.",
  };
}
