import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import { type Digest, fingerprintOf, isDigest, isFingerprint } from "../graph/digest.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import type { Cas } from "./cas.ts";
import { appendFile, encodeLine, type LineFault, scanCheckedFile, warnOfBadLines } from "./checked-lines.ts";
import { ifThere, naming } from "./durable.ts";
import { type StorePaths, shown } from "./layout.ts";
import { RESPONSE_KINDS, RESPONSE_VIAS, responseTable, takesPlace } from "./response-table.ts";

/*
 * `v1/responses/<fingerprint of the namespace>.jsonl`: which blob holds which response of one provider namespace. Checked
 * lines; the first says whose they are, each other one holds the rows of one download:
 *   {"v":1,"namespace":"openai:…"}
 *   {"v":1,"blob":"<digest>","job":"…","batch":"…"|null,"via":"batch","rows":["<request id>",<offset>,<length>,<kind>,…]}
 * Derived: the journal says which blobs are responses, and their lines say which request each answers.
 */

/** A damaged line loses no more rows than this, and a line is never unreasonably long. */
const ROWS_A_LINE = 1000;
const ROW_FIELDS = 4;

export interface ResponseIndex extends Responses {
  readonly namespace: string;
  readonly size: number;
  /** Replaces the whole index, as when it is made anew from the blobs. */
  rewrite(entries: Iterable<ResponseEntry>): void;
}

export function openResponses(
  paths: StorePaths,
  blobs: Pick<Cas, "readSlice" | "assertWhole">,
  namespace: string,
  warn: (message: string) => void,
): ResponseIndex {
  const path = join(paths.responses, `${fingerprintOf(namespace)}.jsonl`);
  const where = shown(paths, path);
  const file = appendFile(paths, path, "responses.add");
  let table: ReturnType<typeof responseTable> | undefined;
  let headed = false;

  function loaded(): ReturnType<typeof responseTable> {
    if (table !== undefined) return table;
    const fresh = responseTable();
    const faults = scanResponses(paths, path, {
      entry: (entry) => fresh.add(entry),
      namespace: () => {
        headed = true;
      },
      unknown: (line) => warn(`${where}:${line}: the line is of another version and was skipped.`),
    });
    warnOfBadLines(faults, where, warn);
    table = fresh;
    return fresh;
  }

  /** A damaged answer must not pass for the one that was paid for: where it came from, it may still be had. */
  function assertPaidWhole(blob: Digest): void {
    try {
      blobs.assertWhole(blob);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      throw new ProblemError({
        ...error.problem,
        message: `${error.problem.message} It holds answers that were paid for.`,
        fix: "Run dsgen recover: it fetches them again while the provider has them. Nothing is asked or paid again by itself.",
      });
    }
  }

  const header = (): string => encodeLine({ v: 1, namespace });

  return {
    namespace,
    get size() {
      return loaded().size;
    },
    lookup: (requestId) => (isFingerprint(requestId) ? loaded().get(requestId) : undefined),
    readRaw(requestId) {
      const entry = isFingerprint(requestId) ? loaded().get(requestId) : undefined;
      if (entry === undefined) return undefined;
      assertPaidWhole(entry.blob);
      return blobs.readSlice(entry.blob, entry.offset, entry.length).toString("utf8");
    },
    entries: () => loaded().entries(),
    add(entries) {
      const known = loaded();
      for (const entry of entries) assertWellFormed(entry);
      const news = entries.filter((entry) => takesPlace(entry, known.get(entry.requestId)));
      if (news.length === 0) return;
      file.append([...linesOf(news, headed ? "" : header())].join(""));
      headed = true;
      for (const entry of news) known.add(entry);
    },
    remember(entries) {
      const known = loaded();
      for (const entry of entries) known.add(entry);
    },
    rewrite(entries) {
      const fresh = responseTable();
      for (const entry of entries) {
        assertWellFormed(entry);
        fresh.add(entry);
      }
      file.rewrite(linesOf(fresh.entries(), header()));
      table = fresh;
      headed = true;
    },
  };
}

export interface ResponseLines {
  readonly entry?: (entry: ResponseEntry) => void;
  /** Whose responses these are. */
  readonly namespace?: (namespace: string) => void;
  /** The number of a whole line that is of another version. */
  readonly unknown?: (line: number) => void;
}

/** Reads one index file: every entry of every intact line, in order, doubles included. Throws a ProblemError. */
export function scanResponses(paths: StorePaths, path: string, on: ResponseLines): readonly LineFault[] {
  const take = (record: JsonObject, line: number): void => {
    if (record["v"] !== 1) {
      on.unknown?.(line);
      return;
    }
    const namespace = record["namespace"];
    if (typeof namespace === "string") on.namespace?.(namespace);
    if (on.entry !== undefined) for (const entry of entriesOf(record)) on.entry(entry);
  };
  return naming(shown(paths, path), () => scanCheckedFile(path, take));
}

/** Every index file there is. */
export function responseFiles(paths: StorePaths): readonly string[] {
  const names = naming(shown(paths, paths.responses), () => ifThere(() => readdirSync(paths.responses))) ?? [];
  return names
    .filter((name) => isFingerprint(basename(name, ".jsonl")))
    .sort()
    .map((name) => join(paths.responses, name));
}

/** The namespaces that have an index file, by what the files say. */
export function namespacesOf(paths: StorePaths): readonly string[] {
  const found = new Set<string>();
  for (const path of responseFiles(paths)) {
    scanResponses(paths, path, { namespace: (namespace) => found.add(namespace) });
  }
  return [...found];
}

/** The header, if any, and the entries: consecutive ones of one download share a line. */
function* linesOf(entries: Iterable<ResponseEntry>, header: string): Generator<string> {
  if (header !== "") yield header;
  let first: ResponseEntry | undefined;
  let rows: JsonValue[] = [];
  const line = (of: ResponseEntry): string =>
    encodeLine({ v: 1, blob: of.blob, job: of.jobId, batch: of.batchId, via: of.via, rows });
  for (const entry of entries) {
    if (first !== undefined && (rows.length >= ROWS_A_LINE * ROW_FIELDS || !sameDownload(first, entry))) {
      yield line(first);
      first = undefined;
      rows = [];
    }
    first ??= entry;
    rows.push(entry.requestId, entry.offset, entry.length, RESPONSE_KINDS.indexOf(entry.kind));
  }
  if (first !== undefined) yield line(first);
}

function sameDownload(one: ResponseEntry, other: ResponseEntry): boolean {
  return one.blob === other.blob && one.jobId === other.jobId && one.batchId === other.batchId && one.via === other.via;
}

function* entriesOf(record: JsonObject): Generator<ResponseEntry> {
  const { blob, job, batch, via: viaText, rows } = record;
  const via = RESPONSE_VIAS.find((one) => one === viaText);
  if (typeof blob !== "string" || !isDigest(blob) || typeof job !== "string" || via === undefined) return;
  if (!Array.isArray(rows) || !(batch === null || typeof batch === "string")) return;
  for (let at = 0; at + ROW_FIELDS <= rows.length; at += ROW_FIELDS) {
    const requestId: unknown = rows[at];
    const offset: unknown = rows[at + 1];
    const length: unknown = rows[at + 2];
    const kind = RESPONSE_KINDS[Number(rows[at + 3])];
    if (typeof requestId !== "string" || !isFingerprint(requestId) || kind === undefined) continue;
    if (typeof offset !== "number" || typeof length !== "number") continue;
    yield { requestId, blob, offset, length, kind, jobId: job, batchId: batch, via };
  }
}

function assertWellFormed(entry: ResponseEntry): void {
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if (!isFingerprint(entry.requestId) || !isDigest(entry.blob) || !whole(entry.offset) || !whole(entry.length)) {
    throw new Error(`not a response entry: ${JSON.stringify(entry)}`);
  }
}
