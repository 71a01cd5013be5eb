import type { Digest, Fingerprint } from "../graph/digest.ts";

/** Which slice of which blob holds the raw answer to a request, and how it came. */
export interface ResponseEntry {
  readonly requestId: Fingerprint;
  readonly blob: Digest;
  readonly offset: number;
  readonly length: number;
  /** `refusal`: the provider will not answer this as it is; `liftable`: not until time or a person changes something else. */
  readonly kind: ResponseKind;
  readonly jobId: string;
  readonly batchId: string | null;
  readonly via: ResponseVia;
}

export type ResponseKind = "answer" | "refusal" | "liftable";
export type ResponseVia = "batch" | "direct" | "import";

/** Their places are what an index file holds: new ones go to the end. */
export const RESPONSE_KINDS: readonly ResponseKind[] = ["answer", "refusal", "liftable"];
export const RESPONSE_VIAS: readonly ResponseVia[] = ["batch", "direct", "import"];

const NONE = 0xffffffff;
const FIRST_CAPACITY = 1024;

/** A bit pattern has room for this many kinds of response. */
const MOST_KINDS = 4;

/** Whether an entry goes where another one is: an answer stays for ever, a refusal gives way to whatever came after it. */
export function takesPlace(entry: ResponseEntry, of: ResponseEntry | undefined): boolean {
  if (of === undefined) return true;
  return of.kind !== "answer" && !(entry.kind === of.kind && entry.blob === of.blob && entry.offset === of.offset);
}

export interface ResponseTable {
  readonly size: number;
  get(requestId: Fingerprint): ResponseEntry | undefined;
  /** True when the table changed: see `takesPlace`. */
  add(entry: ResponseEntry): boolean;
  /** In the order of their first coming. */
  entries(): IterableIterator<ResponseEntry>;
}

/**
 * Responses by request id, in columns and a hash table of row numbers: 50 bytes an entry, where a Map of objects takes
 * ten times that. A million answers must fit beside everything else a build holds. Request ids are hashes already, so
 * their first 32 bits serve as the table's.
 */
export function responseTable(): ResponseTable {
  let capacity = FIRST_CAPACITY;
  let size = 0;
  let ids = new Uint32Array(capacity * 4);
  let offsets = new Float64Array(capacity);
  let lengths = new Uint32Array(capacity);
  let blobOf = new Uint32Array(capacity);
  let jobOf = new Uint32Array(capacity);
  let batchOf = new Uint32Array(capacity);
  let traits = new Uint8Array(capacity);
  let slots = new Uint32Array(capacity * 2).fill(NONE);
  const blobs = interner();
  const jobs = interner();
  const batches = interner();
  const key = new Uint32Array(4);

  function readKey(requestId: string): void {
    for (let word = 0; word < 4; word++) key[word] = Number.parseInt(requestId.slice(word * 8, word * 8 + 8), 16);
  }

  /** The slot that holds the key's row, or the empty one where it belongs. */
  function slotOfKey(): number {
    const mask = slots.length - 1;
    for (let slot = (key[0] ?? 0) & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot] ?? NONE;
      if (row === NONE) return slot;
      const at = row * 4;
      if (ids[at] === key[0] && ids[at + 1] === key[1] && ids[at + 2] === key[2] && ids[at + 3] === key[3]) return slot;
    }
  }

  function grow(): void {
    capacity *= 2;
    ids = copyInto(new Uint32Array(capacity * 4), ids);
    offsets = copyInto(new Float64Array(capacity), offsets);
    lengths = copyInto(new Uint32Array(capacity), lengths);
    blobOf = copyInto(new Uint32Array(capacity), blobOf);
    jobOf = copyInto(new Uint32Array(capacity), jobOf);
    batchOf = copyInto(new Uint32Array(capacity), batchOf);
    traits = copyInto(new Uint8Array(capacity), traits);
    slots = new Uint32Array(capacity * 2).fill(NONE);
    const mask = slots.length - 1;
    for (let row = 0; row < size; row++) {
      let slot = (ids[row * 4] ?? 0) & mask;
      while (slots[slot] !== NONE) slot = (slot + 1) & mask;
      slots[slot] = row;
    }
  }

  function write(row: number, entry: ResponseEntry): void {
    ids.set(key, row * 4);
    offsets[row] = entry.offset;
    lengths[row] = entry.length;
    blobOf[row] = blobs.number(entry.blob);
    jobOf[row] = jobs.number(entry.jobId);
    batchOf[row] = entry.batchId === null ? NONE : batches.number(entry.batchId);
    traits[row] = RESPONSE_KINDS.indexOf(entry.kind) + MOST_KINDS * RESPONSE_VIAS.indexOf(entry.via);
  }

  function entryAt(row: number): ResponseEntry {
    const trait = traits[row] ?? 0;
    const batch = batchOf[row] ?? NONE;
    let requestId = "";
    for (let word = 0; word < 4; word++) requestId += (ids[row * 4 + word] ?? 0).toString(16).padStart(8, "0");
    return {
      requestId: requestId as Fingerprint,
      blob: blobs.text(blobOf[row] ?? 0) as Digest,
      offset: offsets[row] ?? 0,
      length: lengths[row] ?? 0,
      kind: RESPONSE_KINDS[trait % MOST_KINDS] ?? "answer",
      jobId: jobs.text(jobOf[row] ?? 0),
      batchId: batch === NONE ? null : batches.text(batch),
      via: RESPONSE_VIAS[Math.floor(trait / MOST_KINDS)] ?? "import",
    };
  }

  return {
    get size() {
      return size;
    },
    get(requestId) {
      readKey(requestId);
      const row = slots[slotOfKey()] ?? NONE;
      return row === NONE ? undefined : entryAt(row);
    },
    add(entry) {
      if (size === capacity) grow();
      readKey(entry.requestId);
      const slot = slotOfKey();
      const row = slots[slot] ?? NONE;
      if (row !== NONE) {
        if (!takesPlace(entry, entryAt(row))) return false;
        write(row, entry);
        return true;
      }
      slots[slot] = size;
      write(size, entry);
      size += 1;
      return true;
    },
    *entries() {
      for (let row = 0; row < size; row++) yield entryAt(row);
    },
  };
}

function copyInto<T extends Uint8Array | Uint32Array | Float64Array>(larger: T, smaller: T): T {
  larger.set(smaller);
  return larger;
}

/** Few different texts in many rows: each kept once. */
function interner(): { number(text: string): number; text(number: number): string } {
  const numbers = new Map<string, number>();
  const texts: string[] = [];
  return {
    number(text) {
      const known = numbers.get(text);
      if (known !== undefined) return known;
      numbers.set(text, texts.length);
      texts.push(text);
      return texts.length - 1;
    },
    text: (number) => texts[number] ?? "",
  };
}
