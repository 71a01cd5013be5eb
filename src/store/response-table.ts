import type { ResponseEntry } from "../api/responses.ts";
import { Column, numbers, Texts } from "../graph/columns.ts";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import { FingerprintTable } from "../graph/fingerprint-table.ts";

/** Their places are what an index file holds: new ones go to the end. */
export const RESPONSE_KINDS: readonly ResponseEntry["kind"][] = ["answer", "refusal", "liftable"];
export const RESPONSE_VIAS: readonly ResponseEntry["via"][] = ["batch", "direct", "import"];

const NONE = 0xffffffff;

/** A bit pattern has room for this many kinds of response. */
const MOST_KINDS = 4;

/** Whether an entry goes where another one is: an answer stays for ever, a refusal gives way to whatever came after it. */
export function takesPlace(entry: ResponseEntry, of: ResponseEntry | undefined): boolean {
  if (of === undefined) return true;
  return of.kind !== "answer" && !(entry.kind === of.kind && entry.blob === of.blob && entry.offset === of.offset);
}

/**
 * Responses by request id, in columns: 50 bytes an entry, where a Map of objects takes ten times that. A million answers
 * must fit beside everything else a build holds.
 */
export function responseTable() {
  const ids = new FingerprintTable();
  const offsets = new Column((length) => new Float64Array(length));
  const [lengths, blobOf, jobOf, batchOf] = [numbers(), numbers(), numbers(), numbers()];
  const traits = new Column((length) => new Uint8Array(length));
  const texts = new Texts();

  function write(row: number, entry: ResponseEntry): void {
    offsets.set(row, entry.offset);
    lengths.set(row, entry.length);
    blobOf.set(row, texts.number(entry.blob));
    jobOf.set(row, texts.number(entry.jobId));
    batchOf.set(row, entry.batchId === null ? NONE : texts.number(entry.batchId));
    traits.set(row, RESPONSE_KINDS.indexOf(entry.kind) + MOST_KINDS * RESPONSE_VIAS.indexOf(entry.via));
  }

  function entryAt(row: number, requestId: Fingerprint = ids.at(row)): ResponseEntry {
    const trait = traits.get(row);
    const batch = batchOf.get(row);
    return {
      requestId,
      blob: texts.text(blobOf.get(row)) as Digest,
      offset: offsets.get(row),
      length: lengths.get(row),
      kind: RESPONSE_KINDS[trait % MOST_KINDS] ?? "answer",
      jobId: texts.text(jobOf.get(row)),
      batchId: batch === NONE ? null : texts.text(batch),
      via: RESPONSE_VIAS[Math.floor(trait / MOST_KINDS)] ?? "import",
    };
  }

  return {
    get size() {
      return ids.size;
    },
    get(requestId: Fingerprint): ResponseEntry | undefined {
      const row = ids.find(requestId);
      return row === undefined ? undefined : entryAt(row, requestId);
    },
    /** True when the table changed: see `takesPlace`. */
    add(entry: ResponseEntry): boolean {
      const before = ids.size;
      const row = ids.add(entry.requestId);
      if (row < before && !takesPlace(entry, entryAt(row))) return false;
      write(row, entry);
      return true;
    },
    /** In the order of their first coming. */
    *entries(): Generator<ResponseEntry> {
      for (let row = 0; row < ids.size; row++) yield entryAt(row);
    },
  };
}
