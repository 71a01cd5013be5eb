import { copyFileSync } from "node:fs";
import type { Journal } from "../engine/ports.ts";
import type { JsonObject } from "../graph/json.ts";
import { appendFile, encodeLine, scanCheckedFile, warnOfBadLines } from "./checked-lines.ts";
import { ensureFolder, naming, replaceFile, temporaryName } from "./durable.ts";
import { type StorePaths, shown } from "./layout.ts";

/**
 * The journal of `v1/journal.jsonl`, parsed when it is first asked for. A torn last line is dropped in silence (it was
 * never acknowledged); a bad line in the middle is skipped and warned about by its number.
 * `records` throws a ProblemError when the file may not be read, `append` when the record is not on disk.
 */
export function openJournal(paths: StorePaths, warn: (message: string) => void): Journal {
  const where = shown(paths, paths.journal);
  const file = appendFile(paths, paths.journal, "journal.append");
  let loaded: JsonObject[] | undefined;
  let damaged = 0;
  let snapshot: readonly JsonObject[] | undefined;

  function load(): JsonObject[] {
    const records: JsonObject[] = [];
    const faults = naming(where, () => scanCheckedFile(paths.journal, (record) => records.push(record)));
    damaged = warnOfBadLines(faults, where, warn);
    return records;
  }

  return {
    // A snapshot, so that a caller may append while it walks the records.
    records() {
      loaded ??= load();
      snapshot ??= [...loaded];
      return snapshot;
    },
    damaged() {
      loaded ??= load();
      return damaged;
    },
    append(record) {
      file.append(encodeLine(record));
      loaded?.push(record);
      snapshot = undefined;
    },
    rewrite(records) {
      file.rewrite([records.map(encodeLine).join("")]);
      loaded = [...records];
      snapshot = undefined;
    },
  };
}

/**
 * Writes the journal anew from its intact lines, the file as it was kept in quarantine. True when anything was left out.
 * @param keep whether a record, asked in order, makes sense after the ones before
 * The caller holds the lock, and has not read the journal through another object that it goes on using.
 */
export function mendJournal(paths: StorePaths, keep: (record: JsonObject) => boolean): boolean {
  const lines: string[] = [];
  let left = 0;
  const faults = scanCheckedFile(paths.journal, (record) => {
    if (keep(record)) lines.push(encodeLine(record));
    else left++;
  });
  if (faults.length + left === 0) return false;
  ensureFolder(paths.quarantine);
  copyFileSync(paths.journal, temporaryName(paths.quarantine, "journal"));
  replaceFile(paths.journal, paths.tmp, lines, "journal.rewrite");
  return true;
}
