import { byteLines } from "../engine/file-lines.ts";
import { fingerprintOf } from "../graph/digest.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { codeOf } from "./durable.ts";

/*
 * Append-only files of checksummed lines: `<fingerprint of the JSON text> <JSON text>\n`. A record exists when its line
 * is whole, newline included. JSON text holds no raw newline, so damage in one line cannot reach into another, except
 * where it hits a newline itself: two lines then look like one, and `recoverMerged` takes them apart again.
 */

const SUM = 32;
const SPACE = 0x20;
const MAX_STARTS = 64;

export interface LineFault {
  /** `torn`: the file ends without a newline, as a crash while appending leaves it. `bad`: a line fails its checksum. */
  readonly kind: "torn" | "bad";
  /** From 1. */
  readonly line: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface Scan {
  readonly faults: readonly LineFault[];
  /** Where the next record belongs: just after the last newline. */
  readonly end: number;
}

/** One record as the line that is appended. */
export function encodeLine(record: JsonObject): string {
  const json = JSON.stringify(record);
  return `${fingerprintOf(json)} ${json}\n`;
}

/** The record in a line (without its newline), or undefined when it is not exactly what `encodeLine` wrote. */
export function decodeLine(line: Uint8Array): JsonObject | undefined {
  if (line.length <= SUM + 1 || line[SUM] !== SPACE) return undefined;
  const view = Buffer.from(line.buffer, line.byteOffset, line.length);
  const json = view.subarray(SUM + 1);
  if (view.toString("latin1", 0, SUM) !== fingerprintOf(json)) return undefined;
  try {
    const value: unknown = JSON.parse(json.toString("utf8"));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads a file of checked lines in bounded memory; an absent file is an empty one. Hands every intact record on, in
 * order, with the number of its line. Throws the system's error when the file cannot be read. Writes nothing, so that
 * a reader may look while a writer appends.
 */
export function scanCheckedFile(path: string, onRecord: (record: JsonObject, line: number) => void): Scan {
  const faults: LineFault[] = [];
  let end = 0;
  try {
    for (const { bytes, number: line, offset, length, ended } of byteLines(path)) {
      const record = ended && bytes !== null ? decodeLine(bytes) : undefined;
      if (ended) end = offset + length + 1;
      if (record !== undefined) onRecord(record, line);
      else faults.push({ kind: ended ? "bad" : "torn", line, offset, bytes: length });
      if (record !== undefined || !ended || bytes === null) continue;
      for (const recovered of recoverMerged(bytes)) onRecord(recovered, line);
    }
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  return { faults, end };
}

/**
 * The whole records inside a line that fails its checksum: a damaged newline joins two good lines into one bad one.
 * Every place that looks like the start of a record is tried, up to the byte before a later start (that byte is the
 * damaged newline) or the end of the line.
 */
function recoverMerged(line: Buffer): readonly JsonObject[] {
  const starts: number[] = [];
  const text = line.toString("latin1");
  const pattern = /[0-9a-f]{32} \{/g;
  for (let match = pattern.exec(text); match !== null && starts.length < MAX_STARTS; match = pattern.exec(text)) {
    starts.push(match.index);
    pattern.lastIndex = match.index + 1;
  }
  const found: JsonObject[] = [];
  let from = 0;
  for (const start of starts) {
    if (start < from) continue;
    for (const stop of [...starts.filter((later) => later > start + SUM).map((later) => later - 1), line.length]) {
      const record = decodeLine(line.subarray(start, stop));
      if (record === undefined) continue;
      found.push(record);
      from = stop;
      break;
    }
  }
  return found;
}
