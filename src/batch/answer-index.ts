import { readOutputLine } from "../api/output-line.ts";
import { requestIdOf } from "../api/request-file.ts";
import type { ResponseEntry } from "../api/responses.ts";
import { fileLines } from "../engine/file-lines.ts";
import { type Digest, type Fingerprint, isDigest, isFingerprint } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";
import type { JobContext } from "./job-context.ts";
import { aliasesOf } from "./job-lines.ts";

/*
 * The index of answers is derived: the journal says which blobs hold answers, and their lines say whose. An index that
 * lost a line would have its answers bought again, so it is held against the journal before anything is bought.
 */

export type IndexSources = Pick<JobContext, "book" | "journal" | "blobs" | "responses" | "jobLines"> & {
  readonly namespace: string;
};

type Origin = Pick<ResponseEntry, "jobId" | "batchId" | "via">;
const DIRECT: Origin = { jobId: "direct", batchId: null, via: "direct" };
const IMPORT: Origin = { jobId: "import", batchId: null, via: "import" };

/** What the journal and the blobs know of answers, and the index does not. */
export function missingEntries(sources: IndexSources): readonly ResponseEntry[] {
  const { book, journal, namespace, responses } = sources;
  const ofJob = new Map<string, number>();
  const indexed = new Set<Digest>();
  for (const { jobId, blob } of responses.entries()) {
    ofJob.set(jobId, (ofJob.get(jobId) ?? 0) + 1);
    indexed.add(blob);
  }
  const missing: ResponseEntry[] = [];
  for (const job of book.all()) {
    if (job.namespace !== namespace || job.collected === null) continue;
    const { answered, refused, output, errors } = job.collected;
    // A request that another job answered first is indexed as that one's: then there is nothing to find, and no harm done.
    if ((ofJob.get(job.id) ?? 0) >= answered + refused) continue;
    const aliases = aliasesOf(sources.jobLines.of(job) ?? []);
    const idOf = (custom: string) => aliases.get(custom) ?? requestIdOf(custom);
    const of = { jobId: job.id, batchId: job.batchId, via: "batch" } as const;
    for (const blob of [output, errors])
      if (blob !== null) for (const each of entriesOf(blob, of, idOf, sources)) missing.push(each);
  }
  for (const record of journal.records()) {
    if (record["namespace"] !== namespace) continue;
    for (const blob of directBlobs(record))
      if (!indexed.has(blob)) for (const each of entriesOf(blob, DIRECT, requestIdOf, sources)) missing.push(each);
    for (const each of importedEntries(record)) missing.push(each);
  }
  return missing.filter((entry) => {
    const known = responses.lookup(entry.requestId);
    return known === undefined || (known.kind !== "answer" && entry.kind === "answer");
  });
}

/** The blobs of answers that were asked directly, in the journal line that says what they cost. */
function directBlobs({ t, via, blobs }: JsonObject): readonly Digest[] {
  if (t !== "bought" || via !== "direct" || !Array.isArray(blobs)) return [];
  return blobs.filter((blob) => typeof blob === "string" && isDigest(blob)) as Digest[];
}

/** Where an import found the answers, as `import` noted it: their own custom_ids are another tool's. */
function importedEntries({ t, blob, rows }: JsonObject): readonly ResponseEntry[] {
  if (t !== "import" || typeof blob !== "string" || !isDigest(blob) || !Array.isArray(rows)) return [];
  const entries: ResponseEntry[] = [];
  for (let at = 0; at + 3 <= rows.length; at += 3) {
    const [requestId, offset, length] = rows.slice(at, at + 3);
    if (typeof requestId !== "string" || !isFingerprint(requestId)) continue;
    if (typeof offset !== "number" || typeof length !== "number") continue;
    entries.push({ requestId, blob, offset, length, kind: "answer", ...IMPORT });
  }
  return entries;
}

/** The rows of an import, for its journal line. */
export function importRows(entries: readonly ResponseEntry[]): readonly (string | number)[] {
  return entries.flatMap(({ requestId, offset, length }) => [requestId, offset, length]);
}

/** What the lines of a stored blob answer. A blob that is damaged or gone answers nothing: `fsck` and `recover` tell of it. */
function entriesOf(
  blob: Digest,
  of: Origin,
  idOf: (custom: string) => Fingerprint | undefined,
  { blobs }: IndexSources,
): readonly ResponseEntry[] {
  if (!blobs.has(blob)) return [];
  const entries: ResponseEntry[] = [];
  for (const { raw, offset, length } of fileLines(blobs.pathOf(blob))) {
    if (raw === null) continue;
    const line = readOutputLine(raw, idOf);
    if (line.kind === "foreign" || line.kind === "unreadable" || line.kind === "unanswered") continue;
    entries.push({ requestId: line.id, blob, offset, length, kind: line.kind, ...of });
  }
  return entries;
}
